//! Where Postgres is installed, and who may run it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace;

/// What to tell whoever has none.
const INSTALL: &str = "no Postgres found: run `make dev` once (it installs one under .peal/postgres), or `apt-get install postgresql`, \
                       or set PEAL_POSTGRES_BIN to the folder that holds initdb and postgres";

/// The folder that holds `initdb` and `postgres`.
///
/// # Errors
/// When there is none, with what to do about it.
pub fn folder() -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("PEAL_POSTGRES_BIN") {
        let given = PathBuf::from(given);
        return if holds_postgres(&given) {
            Ok(given)
        } else {
            Err(format!("PEAL_POSTGRES_BIN={} holds no initdb and postgres", given.display()))
        };
    }
    candidates().into_iter().find(|folder| holds_postgres(folder)).ok_or_else(|| INSTALL.into())
}

fn candidates() -> Vec<PathBuf> {
    let installed = workspace::root().join(".peal/postgres");
    let mut found = vec![installed.join("bin"), installed.join("native/bin")];
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

fn holds_postgres(folder: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file())
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
