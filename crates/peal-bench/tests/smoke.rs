//! The whole benchmark, tiny: both servers carry every scenario, and nothing is lost, doubled or reordered.

mod support;

use serde_json::Value;

use support::bench;

#[test]
fn every_scenario_runs_clean_against_both_servers() {
    let stdout = bench("run", &["--scale", "tiny"]);
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
