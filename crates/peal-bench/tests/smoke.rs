//! The whole benchmark, tiny: both servers carry every scenario, and nothing is lost, doubled or reordered.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_peal-bench");

/// The server that the check runner built, else the one beside the benchmark.
fn peal() -> PathBuf {
    std::env::var_os("PEAL_BIN").map_or_else(|| Path::new(BENCH).with_file_name("peal"), PathBuf::from)
}

#[test]
fn every_scenario_runs_clean_against_both_servers() {
    assert!(peal().exists(), "{} is missing: cargo build --bin peal", peal().display());
    let mut command = Command::new(BENCH);
    command.args(["run", "--scale", "tiny", "--json", "--peal"]).arg(peal());
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let runs: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut played: Vec<(&str, &str)> = runs.iter().map(|run| (text(run, "scenario"), text(run, "label"))).collect();
    played.sort_unstable();
    played.dedup();
    assert_eq!((runs.len(), played.len()), (22, 22), "ten scenarios against two servers and two against one: {played:?}");
    for run in &runs {
        let outcome = &run["outcome"];
        assert!(outcome["units"].as_u64().unwrap() > 0, "nothing was done: {run}");
        assert!(outcome["memory"].is_object() || outcome["cpu"]["ns"].as_u64().unwrap() > 0, "nothing was measured: {run}");
        assert!(outcome["faults"].as_object().unwrap().values().all(|count| count == 0), "{run}");
    }
}

fn text<'a>(run: &'a Value, name: &str) -> &'a str {
    run[name].as_str().unwrap()
}
