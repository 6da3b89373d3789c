//! Making a cluster. It appears under its name only when it is complete, so a start that was interrupted leaves nothing that looks usable.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::place::Place;

pub(super) const USER: &str = "peal";
pub(super) const DATABASE: &str = "peal";

/// Of the cluster that exists, as `PG_VERSION` says it.
pub(super) fn major_version(place: &Place) -> Option<String> {
    fs::read_to_string(place.cluster_dir().join("PG_VERSION")).ok().map(|text| text.trim().to_owned())
}

/// Whether it had to be made.
pub(super) fn create_if_missing(place: &Place, binaries: &Binaries) -> Result<bool, EmbeddedError> {
    if major_version(place).is_some() {
        return Ok(false);
    }
    let (cluster, fresh) = (place.cluster_dir(), place.root().join("cluster.new"));
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(EmbeddedError::file("remove", &fresh))?;
    }
    place.private_dir(&fresh)?;
    initdb(place, binaries, &fresh)?;
    create_database(place, binaries, &fresh)?;
    fs::rename(&fresh, &cluster).map_err(EmbeddedError::file("make", cluster))?;
    Ok(true)
}

/// `initdb` does not wait for the disk, so that the first message is soon; this catches up meanwhile. Otherwise a crash of the
/// machine could lose the cluster, and the recovery after a killed server would begin with all of this.
pub(super) fn sync_in_background(place: &Place) {
    let cluster = place.cluster_dir();
    let sync = move || {
        if let Err(error) = sync_tree(&cluster) {
            tracing::debug!(%error, "the new cluster could not be synced");
        }
    };
    if let Err(error) = std::thread::Builder::new().name("peal-cluster-sync".into()).spawn(sync) {
        tracing::debug!(%error, "the new cluster is not synced");
    }
}

/// Files that the server removes meanwhile are no matter.
fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => sync_tree(&entry.path())?,
            Ok(kind) if kind.is_file() => match File::open(entry.path()).and_then(|file| file.sync_all()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            },
            _ => {}
        }
    }
    File::open(folder)?.sync_all()
}

fn initdb(place: &Place, binaries: &Binaries, target: &Path) -> Result<(), EmbeddedError> {
    let mut initdb = place.command(&binaries.program("initdb"));
    // The socket's folder decides who may connect. Bytewise order is the same on every machine.
    initdb.arg("-D").arg(target).arg(format!("--username={USER}"));
    initdb.args(["--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync", "--no-instructions"]);
    checked("initdb", initdb.output(), &binaries.program("initdb"))
}

/// In single-user mode, so that the cluster is complete before anything can connect to it.
fn create_database(place: &Place, binaries: &Binaries, target: &Path) -> Result<(), EmbeddedError> {
    let program = binaries.program("postgres");
    let mut single = place.command(&program);
    single.arg("--single").arg("-D").arg(target).args(["-c", "fsync=off", "postgres"]);
    checked("postgres --single", with_input(single, &format!("create database {DATABASE}\n")), &program)
}

fn with_input(mut command: Command, input: &str) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // A few bytes fit the pipe, so this cannot wait for the child; dropping the pipe ends the input.
    child.stdin.take().expect("the input is piped").write_all(input.as_bytes())?;
    child.wait_with_output()
}

fn checked(name: &'static str, output: io::Result<Output>, program: &Path) -> Result<(), EmbeddedError> {
    let output = output.map_err(EmbeddedError::file("run", program))?;
    if output.status.success() {
        return Ok(());
    }
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(EmbeddedError::Program { program: name, output: text.trim().to_owned() })
}
