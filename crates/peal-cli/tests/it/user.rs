//! Root is not the usual case, nor is it the only one: a root shell can test both.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::peal::{Home, Peal, binary, command};

/// Of the user `nobody` on Linux, which owns nothing.
const NOBODY: u32 = 65_534;

#[test]
fn the_server_never_runs_as_root() {
    let home = Home::new();
    let peal = Peal::start(&home, &[]);
    let postmaster = home.postmaster().unwrap();
    let server = fs::metadata(format!("/proc/{postmaster}")).unwrap().uid();
    assert_ne!(server, 0);
    let cluster = fs::metadata(home.database().join("cluster")).unwrap();
    assert_eq!(cluster.uid(), server);
    assert_eq!(cluster.permissions().mode() & 0o077, 0, "others can enter the cluster");
    assert_eq!(fs::metadata(home.database().join("socket")).unwrap().permissions().mode() & 0o077, 0, "others can reach the socket");
    let is_root = geteuid().is_root();
    assert_eq!(home.data().join("database.location").exists(), is_root, "only root's place is named");
    assert!(peal.stop().success());
}

/// The checkout may be where other users cannot look, so binary and Postgres are copied.
#[test]
fn it_runs_as_an_ordinary_user_too() {
    if !geteuid().is_root() {
        // Every other test of this suite has just shown it.
        return;
    }
    let home = Home::new();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = home.path().join("peal");
    fs::copy(binary(), &program).unwrap();
    let postgres = reachable_postgres(&home.path().join("pg"));
    fs::create_dir(home.data()).unwrap();
    chown(home.data(), Some(NOBODY), Some(NOBODY)).unwrap();
    chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();

    let mut start = std::process::Command::new(&program);
    start.args(["dev", "--cores", "1", "--edge-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]);
    start.uid(NOBODY).gid(NOBODY).current_dir(home.path()).env("PEAL_POSTGRES_BIN", &postgres);
    let peal = Peal::spawn(&home, &mut start).wait_ready();
    let postmaster = home.postmaster().unwrap();
    assert_eq!(fs::metadata(format!("/proc/{postmaster}")).unwrap().uid(), NOBODY);
    assert!(home.database().starts_with(home.data()));
    assert!(peal.stop().success());

    // Root then runs the server of this data directory as its owner.
    let mut as_root = command(&["dev", "--edge-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]);
    let peal = Peal::spawn(&home, as_root.env("PEAL_POSTGRES_BIN", &postgres)).wait_ready();
    assert_eq!(fs::metadata(format!("/proc/{}", home.postmaster().unwrap())).unwrap().uid(), NOBODY);
    assert!(peal.stop().success());
}

/// The system's is, the one in the checkout may not be.
fn reachable_postgres(target: &Path) -> PathBuf {
    let bin = fs::canonicalize(peal_testkit::postgres::binaries::folder().unwrap()).unwrap();
    if !bin.starts_with(peal_testkit::workspace::root()) {
        return bin;
    }
    fs::create_dir(target).unwrap();
    for part in ["bin", "lib", "share"] {
        let from = bin.parent().unwrap().join(part);
        let copied = std::process::Command::new("cp").arg("-R").arg(&from).arg(target.join(part)).status().unwrap();
        assert!(copied.success());
    }
    target.join("bin")
}
