//! The storm, small: edges of a real fleet are restarted under load, and every client is back, goes on where it was, and has each message
//! once.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_peal-bench");

/// The server that the check runner built, else the one beside the benchmark.
fn peal() -> PathBuf {
    std::env::var_os("PEAL_BIN").map_or_else(|| Path::new(BENCH).with_file_name("peal"), PathBuf::from)
}

fn storm(args: &[&str]) -> Value {
    assert!(peal().exists(), "{} is missing: cargo build --bin peal", peal().display());
    let mut command = Command::new(BENCH);
    command.args(["storm", "--json", "--drain-ms", "4000", "--peal"]).arg(peal()).args(args);
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{stdout}\n{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn two_edges_restarted_in_turn_lose_and_double_nothing() {
    let report = storm(&["--clients", "600", "--channels", "30", "--restarts", "2"]);
    assert_eq!(report["restarts"].as_array().unwrap().len(), 2, "{report}");
    // The clients of an edge and those that came from the one before.
    assert!(report["seen"]["resumed"].as_u64().unwrap() >= 400, "{report}");
}

#[test]
fn the_same_through_a_proxy_that_knows_nothing_of_it() {
    storm(&["--clients", "300", "--channels", "20", "--restarts", "3", "--through-proxy"]);
}
