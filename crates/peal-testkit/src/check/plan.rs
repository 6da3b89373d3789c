//! The steps, in one table.

use super::{Context, Outcome, cargo, deploy, libtest, node, tools, valkey};

/// A step of this weight runs alone.
pub(super) const ALL_CORES: usize = usize::MAX;

/// One check. Two steps of the same `lane` never run together; `weight` is how many cores it keeps busy.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// Must have passed before.
    pub(super) after: &'static [&'static str],
    pub(super) lane: Option<&'static str>,
    pub(super) weight: usize,
    pub(super) run: fn(&Context) -> Outcome,
    /// Only for `--deep`: the same tests with more of everything.
    pub(super) deep: bool,
}

const fn step(name: &'static str, after: &'static [&'static str], run: fn(&Context) -> Outcome) -> Step {
    Step { name, after, lane: None, weight: 1, run, deep: false }
}

const fn cargo_step(name: &'static str, after: &'static [&'static str], run: fn(&Context) -> Outcome) -> Step {
    Step { name, after, lane: Some("cargo"), weight: 1, run, deep: false }
}

const fn deep_step(name: &'static str, run: fn(&Context) -> Outcome) -> Step {
    Step { name, after: &["build"], lane: Some("cargo"), weight: ALL_CORES, run, deep: true }
}

/// In the order in which they start when several could. The binary embeds the SDK and the dashboard, so these are built before it, and
/// their tests do not build them again. Tests that measure time have the machine to themselves.
pub(super) const STEPS: [Step; 27] = [
    step("tools", &[], tools::check),
    cargo_step("fmt", &["tools"], cargo::fmt),
    step("sdk-install", &["tools"], |context| node::install(context, node::SDK)),
    step("dashboard-install", &["tools"], |context| node::install(context, node::DASHBOARD)),
    step("compat-install", &["tools"], |context| node::install(context, node::COMPAT)),
    step("sdk-build", &["sdk-install"], |context| node::script(context, node::SDK, "build")),
    step("dashboard-build", &["dashboard-install"], |context| node::script(context, node::DASHBOARD, "build")),
    step("deploy-lint", &["tools"], deploy::lint),
    cargo_step("clippy", &["tools"], cargo::clippy),
    cargo_step("build", &["sdk-build", "dashboard-build"], cargo::build),
    step("sdk-lint", &["sdk-install"], |context| node::script(context, node::SDK, "lint")),
    step("sdk-size", &["sdk-build"], |context| node::script(context, node::SDK, "size")),
    step("sdk-unit", &["sdk-build"], |context| node::vitest(context, node::SDK, &["--project", "unit"])),
    step("dashboard-lint", &["dashboard-install"], |context| node::script(context, node::DASHBOARD, "lint")),
    step("dashboard-typecheck", &["dashboard-install"], |context| node::script(context, node::DASHBOARD, "typecheck")),
    step("dashboard-size", &["dashboard-build"], |context| node::script(context, node::DASHBOARD, "size")),
    step("dashboard-unit", &["dashboard-install"], |context| node::vitest(context, node::DASHBOARD, &[])),
    Step { name: "rust", after: &["build"], lane: Some("cargo"), weight: ALL_CORES, run: libtest::run, deep: false },
    cargo_step("doc", &["build"], cargo::doc),
    step("sdk-integration", &["build"], |context| node::vitest(context, node::SDK, &["--project", "integration"])),
    step("compat", &["build", "compat-install"], |context| node::vitest(context, node::COMPAT, &[])),
    step("dashboard-e2e", &["build"], |context| node::vitest(context, node::DASHBOARD, &["--config", "e2e/vitest.config.ts"])),
    deep_step("simulation-deep", |context| libtest::deep(context, "simulation", ("PEAL_SIM_SEEDS", "10000"))),
    deep_step("faults-deep", |context| libtest::deep(context, "faults", ("PEAL_TEST_DEEP", "1"))),
    deep_step("valkey", valkey::broker),
    deep_step("killed", |context| cargo::deep(context, "killed")),
    deep_step("adjacent", |context| cargo::deep(context, "adjacent")),
];

/// The names that `--only` takes.
pub fn names() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|step| step.name)
}

pub(super) fn find(name: &str) -> Option<usize> {
    STEPS.iter().position(|step| step.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_only_waits_for_steps_before_it() {
        for (at, step) in STEPS.iter().enumerate() {
            for needed in step.after {
                assert!(find(needed).is_some_and(|found| found < at), "{} waits for {needed}", step.name);
            }
        }
    }
}
