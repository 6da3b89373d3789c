//! The npm packages of the repository: installing, scripts and tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{self, Finished};
use super::{Context, Outcome, vitest as reporter};

pub(super) const SDK: &str = "sdk-js";
/// The unmodified libraries of others.
pub(super) const COMPAT: &str = "sdk-js/compat";
pub(super) const DASHBOARD: &str = "dashboard";

const INSTALL_WITHIN: Duration = Duration::from_secs(10 * 60);
const SCRIPT_WITHIN: Duration = Duration::from_secs(15 * 60);

/// `npm ci`, unless what is installed is as new as the lock file.
pub(super) fn install(context: &Context, package: &str) -> Outcome {
    let folder = context.root.join(package);
    let lock = folder.join("package-lock.json");
    if !lock.is_file() {
        return Outcome::failed(format!("{package}/package-lock.json is missing"));
    }
    if is_as_new(&folder.join("node_modules/.package-lock.json"), &lock) {
        return Outcome::passed();
    }
    verdict(npm(&folder, &["ci", "--no-audit", "--no-fund", "--loglevel=error"], INSTALL_WITHIN))
}

/// `npm run <name>`.
pub(super) fn script(context: &Context, package: &str, name: &str) -> Outcome {
    verdict(npm(&context.root.join(package), &["run", name], SCRIPT_WITHIN))
}

/// `vitest run` with these arguments, counted by its JSON report.
pub(super) fn vitest(context: &Context, package: &str, arguments: &[&str]) -> Outcome {
    let folder = context.root.join(package);
    let environment = match context.environment() {
        Ok(environment) => environment,
        Err(why) => return Outcome::failed(why),
    };
    let report = match tempfile::NamedTempFile::new() {
        Ok(report) => report,
        Err(why) => return Outcome::failed(format!("cannot make a file for the report: {why}")),
    };
    let mut command = Command::new(program(&folder, "vitest"));
    command.arg("run").args(arguments).args(["--reporter=default", "--reporter=json"]);
    command
        .arg(format!("--outputFile.json={}", report.path().display()))
        .env("CI", "true")
        .env("NO_COLOR", "1")
        .envs(environment)
        .current_dir(&folder);
    match process::run(&mut command, SCRIPT_WITHIN) {
        Ok(finished) => {
            let json = std::fs::read_to_string(report.path()).unwrap_or_default();
            reporter::read(package, &folder, &json, finished.success(), &finished.transcript())
        }
        Err(why) => Outcome::failed(why),
    }
}

fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join("node_modules/.bin").join(name)
}

fn npm(folder: &Path, arguments: &[&str], within: Duration) -> Result<Finished, String> {
    process::run(Command::new("npm").args(arguments).env("NO_COLOR", "1").current_dir(folder), within)
}

fn verdict(finished: Result<Finished, String>) -> Outcome {
    match finished {
        Ok(finished) if finished.success() => Outcome::passed(),
        Ok(finished) => Outcome::failed(finished.transcript()),
        Err(why) => Outcome::failed(why),
    }
}

/// Whether `made` exists and is not older than `source`.
fn is_as_new(made: &Path, source: &Path) -> bool {
    let time = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified());
    matches!((time(made), time(source)), (Ok(made), Ok(source)) if made >= source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_again_only_when_the_lock_file_is_newer() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let write = |path: &Path, age: u64| {
            let file = std::fs::File::create(path).expect("a file");
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(age)).expect("its time is set");
        };
        write(&old, 60);
        assert!(!is_as_new(&new, &old));
        write(&new, 0);
        assert!(is_as_new(&new, &old));
        assert!(!is_as_new(&old, &new));
    }
}
