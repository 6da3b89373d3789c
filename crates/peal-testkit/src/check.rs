//! `peal-check`: every check of the repository, Rust and JavaScript, in one run with one verdict.
//!
//! `cargo test` would run the test binaries one after the other, knows nothing of npm, and tells no times. Here the steps form a
//! graph ([`plan`]) that keeps the cores busy ([`schedule`]), every runner's report is read into [`TestResult`]s, and the last line counts them all.
//!
//! Invariant: nothing is skipped in silence. A step that cannot run, because a tool is missing or what it needs failed, is a failure
//! that says what to do, and a runner that ran no test is one too. Only [`valkey`] may find that its server cannot be had here; the report says so.

mod cargo;
mod deploy;
mod libtest;
mod node;
mod plan;
mod process;
mod report;
mod schedule;
mod tools;
mod valkey;
mod vitest;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};

use crate::postgres::{Cluster, URL_VARIABLE};
use crate::workspace;

pub use plan::names;
pub use schedule::run;

/// One test of any runner.
#[derive(Debug, Clone, PartialEq)]
pub struct TestResult {
    /// With the crate or package before it.
    pub name: String,
    pub passed: bool,
    /// Where the runner tells.
    pub seconds: Option<f64>,
}

/// What a step came to.
#[derive(Debug, Default)]
pub struct Outcome {
    pub tests: Vec<TestResult>,
    /// What to show, one text per failure. Empty means the step passed.
    pub failures: Vec<String>,
    /// What was left out and why.
    pub left_out: Option<String>,
}

impl Outcome {
    fn passed() -> Self {
        Self::default()
    }

    fn failed(why: impl Into<String>) -> Self {
        Self { failures: vec![why.into()], ..Self::default() }
    }
}

/// What the steps share.
#[derive(Debug)]
pub struct Context {
    root: PathBuf,
    cores: usize,
    cluster: OnceLock<Result<Cluster, String>>,
    /// What the build step made, for the steps that run it.
    artifacts: Mutex<cargo::Artifacts>,
}

impl Context {
    #[must_use]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { root: workspace::root(), cores, cluster: OnceLock::new(), artifacts: Mutex::default() }
    }

    fn artifacts(&self) -> cargo::Artifacts {
        self.artifacts.lock().expect("no step panics while it holds this").clone()
    }

    /// The environment of everything that is tested: where Postgres is, and the binary under test.
    fn environment(&self) -> Result<BTreeMap<String, String>, String> {
        let mut environment = BTreeMap::new();
        if std::env::var_os(URL_VARIABLE).is_none() {
            let cluster = self.cluster.get_or_init(Cluster::start).as_ref().map_err(Clone::clone)?;
            environment.insert(URL_VARIABLE.into(), cluster.url());
        }
        for (name, path) in self.artifacts().programs {
            if name == "peal" {
                environment.insert("PEAL_BIN".into(), path.clone());
            }
            environment.insert(format!("CARGO_BIN_EXE_{name}"), path);
        }
        if let Some(chromium) = tools::chromium() {
            for name in ["PEAL_CHROMIUM", "CHROMIUM_BIN"] {
                environment.insert(name.into(), chromium.display().to_string());
            }
        }
        Ok(environment)
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}
