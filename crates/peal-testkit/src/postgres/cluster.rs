//! A private Postgres cluster for tests: unix socket only, tuned for speed, nothing survives a crash.
//!
//! It must not outlive its owner, not even one that is killed, and statics are never dropped. So a shell stands between: it starts Postgres, waits
//! for the end of its input, which comes when the owner closes it *or dies*, then stops Postgres and removes the folder.

use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::binaries::{self, User};

/// Loaded machines need a while; a cluster that is not up by then never comes up.
const START_WITHIN: Duration = Duration::from_secs(60);

const SETTINGS: [&str; 13] = [
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "shared_buffers=64MB",
    "max_connections=300",
    "max_wal_size=4GB",
    "checkpoint_timeout=1h",
    "jit=off",
    "log_min_messages=error",
];

/// Arguments: the folder of the binaries, the cluster's folder, then the settings.
const KEEPER: &str = r#"
bin=$1; folder=$2; shift 2
"$bin/postgres" -D "$folder/data" -k "$folder" "$@" >"$folder/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT $server 2>/dev/null
wait $server
rm -rf "$folder"
"#;

/// A running cluster with the superuser `peal`. Dropping it stops it.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    keeper: Child,
}

impl Cluster {
    /// Makes and starts one; takes about a second.
    ///
    /// # Errors
    /// When Postgres is not installed, or does not start, with its log.
    pub fn start() -> Result<Self, String> {
        let bin = binaries::folder()?;
        let user = binaries::other_user()?;
        let folder = folder_create(user)?;
        initdb(&bin, &folder, user).inspect_err(|_| drop(fs::remove_dir_all(&folder)))?;
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", KEEPER, "peal-test-postgres"]).arg(&bin).arg(&folder);
        for setting in SETTINGS {
            keeper.args(["-c", setting]);
        }
        // A process group of its own, so that Ctrl-C reaches it only as the end of its owner.
        as_user(&mut keeper, user).current_dir(&folder).process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let keeper = keeper.spawn().map_err(|why| format!("cannot start /bin/sh: {why}"))?;
        let cluster = Self { folder, keeper };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// The URL of its maintenance database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://peal@localhost/postgres?host={}", self.folder.display())
    }

    fn wait_until_ready(&self) -> Result<(), String> {
        let begun = Instant::now();
        while begun.elapsed() < START_WITHIN {
            if status(&self.folder.join("data/postmaster.pid")).is_some_and(|status| status == "ready") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        Err(format!("Postgres did not start within {START_WITHIN:?}:\n{log}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().ok();
    }
}

/// Line 8 of the file that a postmaster keeps about itself.
fn status(pid_file: &Path) -> Option<String> {
    let text = fs::read_to_string(pid_file).ok()?;
    Some(text.lines().nth(7)?.trim().to_owned())
}

/// A folder that only the cluster's user may enter, with a path short enough for a socket in it.
fn folder_create(user: Option<User>) -> Result<PathBuf, String> {
    let made = tempfile::Builder::new().prefix("peal-test-").tempdir_in(short_temporary_folder());
    let folder = made.map_err(|why| format!("cannot make a folder for Postgres: {why}"))?.keep();
    if let Some(user) = user {
        std::os::unix::fs::chown(&folder, Some(user.uid), Some(user.gid))
            .map_err(|why| format!("cannot give {} away: {why}", folder.display()))?;
    }
    Ok(folder)
}

/// Another user may not be able to enter `TMPDIR`, and socket paths have at most 107 bytes.
fn short_temporary_folder() -> PathBuf {
    PathBuf::from("/tmp")
}

fn initdb(bin: &Path, folder: &Path, user: Option<User>) -> Result<(), String> {
    let mut initdb = Command::new(bin.join("initdb"));
    initdb.arg("-D").arg(folder.join("data")).args([
        "-U",
        "peal",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]);
    as_user(&mut initdb, user).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = initdb.spawn().map_err(|why| format!("cannot run {}: {why}", bin.join("initdb").display()))?;
    let mut said = String::new();
    child.stderr.take().expect("piped above").read_to_string(&mut said).ok();
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("initdb failed ({status}): {said}")),
        Err(why) => Err(format!("initdb: {why}")),
    }
}

fn as_user(command: &mut Command, user: Option<User>) -> &mut Command {
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_cluster_leaves_nothing() {
        let cluster = Cluster::start().expect("Postgres starts");
        let folder = cluster.folder.clone();
        let server = fs::read_to_string(folder.join("data/postmaster.pid")).expect("it runs");
        let server: u32 = server.lines().next().and_then(|line| line.parse().ok()).expect("its first line is the process id");
        assert!(Command::new("kill").args(["-0", &server.to_string()]).status().expect("kill runs").success());
        drop(cluster);
        assert!(!folder.exists());
        assert!(!Command::new("kill").args(["-0", &server.to_string()]).stderr(Stdio::null()).status().expect("kill runs").success());
    }
}
