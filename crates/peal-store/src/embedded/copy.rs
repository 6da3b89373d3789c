//! A copy of a Postgres installation for a user that cannot reach the original. Hard links where the file system allows, so
//! that a copy per data directory costs no space.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::binaries::Binaries;
use super::error::EmbeddedError;

/// Copies what `postgres` needs around its `bin` folder, unless `target` already is that copy. It appears whole or not at all.
pub(super) fn installation(found: &Binaries, target: &Path) -> Result<Binaries, EmbeddedError> {
    let failed = |source| EmbeddedError::File { doing: "copy Postgres to", path: target.to_owned(), source };
    let bin_dir = fs::canonicalize(&found.bin_dir).map_err(failed)?;
    let origin = format!("{} {}", found.version, bin_dir.display());
    let origin_file = target.join("origin");
    if fs::read_to_string(&origin_file).is_ok_and(|text| text == origin) {
        return Ok(Binaries { bin_dir: target.join("bin"), version: found.version.clone() });
    }
    let prefix = bin_dir.parent().unwrap_or(Path::new("/"));
    let fresh = target.with_extension("new");
    remove_if_there(&fresh).map_err(failed)?;
    create_open_dir(&fresh).map_err(failed)?;
    for part in ["bin", "lib", "share"] {
        let from = prefix.join(part);
        if from.is_dir() {
            tree(&from, &fresh.join(part)).map_err(failed)?;
        }
    }
    fs::write(fresh.join("origin"), origin).map_err(failed)?;
    remove_if_there(target).map_err(failed)?;
    fs::rename(&fresh, target).map_err(failed)?;
    Ok(Binaries { bin_dir: target.join("bin"), version: found.version.clone() })
}

fn tree(from: &Path, to: &Path) -> io::Result<()> {
    create_open_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            tree(&source, &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else {
            file(&source, &target)?;
        }
    }
    Ok(())
}

/// A link shares the mode, so a file that others cannot read is copied instead.
fn file(source: &Path, target: &Path) -> io::Result<()> {
    let mode = fs::metadata(source)?.permissions().mode();
    let wanted = mode | 0o444 | if mode & 0o100 == 0 { 0 } else { 0o111 };
    if mode & 0o777 == wanted & 0o777 && fs::hard_link(source, target).is_ok() {
        return Ok(());
    }
    fs::copy(source, target)?;
    fs::set_permissions(target, fs::Permissions::from_mode(wanted & 0o755))
}

fn create_open_dir(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_installation_becomes_readable() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("closed/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("postgres"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(bin.join("postgres"), fs::Permissions::from_mode(0o700)).unwrap();
        symlink("postgres", bin.join("postmaster")).unwrap();
        let found = Binaries { bin_dir: bin, version: "18.4".to_owned() };
        let target = folder.path().join("pg");
        for _ in 0..2 {
            let copied = installation(&found, &target).unwrap();
            assert_eq!(copied.bin_dir, target.join("bin"));
            let mode = fs::metadata(copied.bin_dir.join("postgres")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o755);
            assert_eq!(fs::read_link(copied.bin_dir.join("postmaster")).unwrap(), Path::new("postgres"));
        }
    }
}
