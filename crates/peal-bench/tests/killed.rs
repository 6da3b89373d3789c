//! An edge is killed with 5,000 connections. Nobody is told; each client notices, goes to the other edge, and goes on where it was, with
//! each message once.
//!
//! Eleven thousand clients, four processes with many sockets and half a minute, so it is one of the deep checks:
//! `cargo test -p peal-bench --features deep --test killed`. The faults of `peal-edge` hold a small one.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_peal-bench");
/// About half of them are on each edge: who is told that an edge is busy tries the other one.
const CLIENTS: u64 = 11_000;
const KILLED: u64 = 5_000;

fn peal() -> PathBuf {
    std::env::var_os("PEAL_BIN").map_or_else(|| Path::new(BENCH).with_file_name("peal"), PathBuf::from)
}

#[test]
fn the_clients_of_a_killed_edge_go_on_at_the_other_one() {
    assert!(peal().exists(), "{} is missing: cargo build --bin peal", peal().display());
    let mut command = Command::new(BENCH);
    command.args(["storm", "--json", "--kill", "--edges", "2", "--restarts", "1", "--channels", "200"]);
    command.args(["--clients", &CLIENTS.to_string(), "--peal"]).arg(peal());
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let seen = &report["seen"];
    assert!(seen["resumed"].as_u64().unwrap() >= KILLED, "{report}");
    for what in ["lost", "doubled", "discontinuities", "not_resumed"] {
        assert_eq!(seen[what], 0, "{what}: {report}");
    }
}
