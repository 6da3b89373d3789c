//! The programs that the other steps need. What apt has is installed where that is allowed; for the rest the failure says what to do.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::process;
use super::{Context, Outcome};
use crate::postgres::binaries;

const INSTALL_WITHIN: Duration = Duration::from_secs(10 * 60);
const NODE_MIN: u32 = 20;

/// Where a Chromium may be found, besides `PEAL_CHROMIUM`.
const CHROMIUM_NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Checks every program first, so that one run tells everything that is missing.
pub(super) fn check(_: &Context) -> Outcome {
    let mut packages = Vec::new();
    if binaries::folder().is_err() {
        packages.push("postgresql");
    }
    if chromium().is_none() {
        packages.push("chromium");
    }
    if !python_with_venv() {
        packages.push("python3-venv");
    }
    if !run("redis-server", &["--version"]) {
        packages.push("redis-server");
    }
    // It may stand where only root looks.
    if !run("nginx", &["-v"]) && !run("/usr/sbin/nginx", &["-v"]) {
        packages.push("nginx");
    }
    let mut failures: Vec<String> =
        [cargo_component("fmt", "rustfmt"), cargo_component("clippy", "clippy"), node()].into_iter().flatten().collect();
    if !packages.is_empty()
        && let Err(why) = apt_install(&packages)
    {
        failures.push(format!("{} not found, and {why}. Install: {}", packages.join(" and "), packages.join(" ")));
    }
    Outcome { failures, ..Outcome::default() }
}

/// The browser for the end-to-end tests.
pub(super) fn chromium() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("PEAL_CHROMIUM") {
        return Some(PathBuf::from(given)).filter(|path| path.is_file());
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    CHROMIUM_NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|path| path.is_file())
}

/// For the Python snippet of the dashboard. Debian has Python without these two modules.
fn python_with_venv() -> bool {
    run("python3", &["-c", "import ensurepip, venv"])
}

fn cargo_component(subcommand: &str, component: &str) -> Option<String> {
    let found = Command::new(env!("CARGO")).args([subcommand, "--version"]).output().is_ok_and(|answer| answer.status.success());
    (!found).then(|| format!("cargo {subcommand} not found. Install: rustup component add {component}"))
}

fn node() -> Option<String> {
    let advice = format!("Install Node {NODE_MIN} or newer with npm: https://nodejs.org");
    let Ok(answer) = Command::new("node").arg("--version").output() else {
        return Some(format!("node not found. {advice}"));
    };
    if Command::new("npm").arg("--version").output().is_err() {
        return Some(format!("npm not found. {advice}"));
    }
    let version = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    (node_major(&version).is_none_or(|major| major < NODE_MIN)).then(|| format!("node is {version}. {advice}"))
}

fn node_major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// As root, or with a sudo that asks nothing.
fn apt_install(packages: &[&str]) -> Result<(), String> {
    if !run("sh", &["-c", "command -v apt-get"]) {
        return Err("there is no apt-get to install it with".into());
    }
    let is_root = matches!(binaries::other_user(), Ok(Some(_)) | Err(_));
    let sudo: &[&str] = if is_root { &[] } else { &["sudo", "-n"] };
    if !is_root && !run("sudo", &["-n", "true"]) {
        return Err("only root may install it".into());
    }
    for arguments in [&["apt-get", "update", "-q"][..], &[&["apt-get", "install", "-qy", "--no-install-recommends"], packages].concat()] {
        let line = [sudo, arguments].concat();
        let finished = process::run(Command::new(line[0]).args(&line[1..]).env("DEBIAN_FRONTEND", "noninteractive"), INSTALL_WITHIN)?;
        if !finished.success() {
            return Err(format!("it could not be installed:\n{}", finished.transcript()));
        }
    }
    Ok(())
}

fn run(program: &str, arguments: &[&str]) -> bool {
    process::run(Command::new(program).args(arguments), Duration::from_secs(60)).is_ok_and(|finished| finished.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_version_is_read() {
        assert_eq!(node_major("v20.9.0"), Some(20));
        assert_eq!(node_major("banana"), None);
    }
}
