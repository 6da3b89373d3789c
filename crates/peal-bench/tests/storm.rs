//! The storm, small: edges of a real fleet are restarted under load, and every client is back, goes on where it was, and has each message
//! once.

mod support;

use serde_json::Value;

use support::bench;

fn storm(args: &[&str]) -> Value {
    serde_json::from_str(&bench("storm", &[&["--drain-ms", "4000"], args].concat())).unwrap()
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
