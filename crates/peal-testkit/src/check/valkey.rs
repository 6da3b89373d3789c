//! The broker's tests against Valkey. Where none is installed, Debian's package is fetched and unpacked beside what else the repository
//! keeps for itself: it needs no root, and nothing of the system changes. Elsewhere, and without a network, the tests are left out, and the report says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Context, Outcome, libtest, process};
use crate::redis::PROGRAM_VARIABLE;

const FETCH_WITHIN: Duration = Duration::from_secs(120);
const LOOK_WITHIN: Duration = Duration::from_secs(10);
/// `valkey-server` is a link into the other one.
const PACKAGES: [&str; 2] = ["valkey-server", "valkey-tools"];

pub(super) fn broker(context: &Context) -> Outcome {
    match server(context) {
        Ok(server) => libtest::deep(context, "broker", (PROGRAM_VARIABLE, &server)),
        Err(why) => Outcome { left_out: Some(format!("no Valkey can be had here: {why}")), ..Outcome::default() },
    }
}

/// The one of the system, or one of our own.
fn server(context: &Context) -> Result<String, String> {
    if runs("valkey-server") {
        return Ok("valkey-server".into());
    }
    let folder = context.root.join(".peal/valkey");
    let server = folder.join("root/usr/bin/valkey-server").display().to_string();
    if !runs(&server) {
        fetch(&folder)?;
    }
    if runs(&server) { Ok(server) } else { Err(format!("{server} does not run; it may need libraries that redis-server brings")) }
}

fn runs(server: &str) -> bool {
    process::run(Command::new(server).arg("--version"), LOOK_WITHIN).is_ok_and(|finished| finished.success())
}

fn fetch(folder: &Path) -> Result<(), String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = debian(&release).ok_or("this is not Debian, and valkey-server is not installed")?;
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for place in ["lists/partial", "cache/archives/partial", "root"] {
        fs::create_dir_all(folder.join(place)).map_err(failed)?;
    }
    let sources = folder.join("sources.list");
    let line = |suite: &str| format!("deb http://deb.debian.org/debian {suite} main\n");
    // Where it is not in the release it is in its backports.
    fs::write(&sources, line(codename) + &line(&format!("{codename}-backports"))).map_err(failed)?;
    let settings = [
        format!("Dir::Etc::sourcelist={}", sources.display()),
        "Dir::Etc::sourceparts=-".into(),
        format!("Dir::State::lists={}", folder.join("lists").display()),
        format!("Dir::Cache={}", folder.join("cache").display()),
        "Acquire::Retries=1".into(),
        "Acquire::http::Timeout=20".into(),
    ];
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.arg("-q").args(settings.iter().flat_map(|setting| ["-o", setting])).args(arguments).current_dir(folder);
        done(&mut command)
    };
    apt(&["update"])?;
    apt(&[&["download"], &PACKAGES[..]].concat())?;
    for package in packages(folder).map_err(failed)? {
        done(Command::new("dpkg").arg("-x").arg(package).arg(folder.join("root")))?;
    }
    Ok(())
}

fn done(command: &mut Command) -> Result<(), String> {
    let finished = process::run(command, FETCH_WITHIN)?;
    if finished.success() { Ok(()) } else { Err(finished.transcript()) }
}

fn packages(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    Ok(files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "deb")).collect())
}

/// The name of the release, if it is one of Debian's.
fn debian(release: &str) -> Option<&str> {
    let value = |name: &str| release.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim_matches('"'));
    (value("ID=")? == "debian").then(|| value("VERSION_CODENAME="))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_release_of_debian_has_a_name_for_us() {
        assert_eq!(debian("NAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=bookworm\nID=debian\n"), Some("bookworm"));
        assert_eq!(debian("ID=ubuntu\nVERSION_CODENAME=noble\nID_LIKE=debian\n"), None);
        assert_eq!(debian(""), None);
    }
}
