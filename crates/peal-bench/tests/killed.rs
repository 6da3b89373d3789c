//! An edge is killed with 5,000 connections. Nobody is told; each client notices, goes to the other edge, and goes on where it was, with
//! each message once.
//!
//! Eleven thousand clients, four processes with many sockets and half a minute, so it is one of the deep checks:
//! `cargo test -p peal-bench --features deep --test killed`. The faults of `peal-edge` hold a small one.

mod support;

use serde_json::Value;

use support::bench;

/// About half of them are on each edge: who is told that an edge is busy tries the other one.
const CLIENTS: u64 = 11_000;
const KILLED: u64 = 5_000;

#[test]
fn the_clients_of_a_killed_edge_go_on_at_the_other_one() {
    let clients = CLIENTS.to_string();
    let args = ["--kill", "--edges", "2", "--restarts", "1", "--channels", "200", "--clients", &clients];
    let report: Value = serde_json::from_str(&bench("storm", &args)).unwrap();
    let seen = &report["seen"];
    assert!(seen["resumed"].as_u64().unwrap() >= KILLED, "{report}");
    for what in ["lost", "doubled", "discontinuities", "not_resumed"] {
        assert_eq!(seen[what], 0, "{what}: {report}");
    }
}
