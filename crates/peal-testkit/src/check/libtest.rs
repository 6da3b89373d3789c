//! Runs the Rust test binaries directly, several at once, and reads the JSON report of libtest, which alone tells each test's time.
//!
//! That report is unstable, so `RUSTC_BOOTSTRAP=1` is set, for the test binaries only.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use serde::Deserialize;

use super::cargo::TestBinary;
use super::process::{self, Finished};
use super::{Context, Outcome, TestResult};

/// These measure time: nothing runs beside them.
const ALONE: [&str; 1] = ["canary"];

/// A binary that runs longer hangs.
const BINARY_WITHIN: Duration = Duration::from_secs(10 * 60);
/// The deep ones together have 40 minutes.
const DEEP_BINARY_WITHIN: Duration = Duration::from_secs(20 * 60);

pub(super) fn run(context: &Context) -> Outcome {
    let environment = match context.environment() {
        Ok(environment) => environment,
        Err(why) => return Outcome::failed(why),
    };
    let (alone, together): (Vec<TestBinary>, Vec<TestBinary>) =
        context.artifacts().tests.into_iter().partition(|binary| ALONE.contains(&binary.target.as_str()));
    let total = Mutex::new(Outcome::default());
    run_all(together, context.cores, &environment, BINARY_WITHIN, &total);
    run_all(alone, 1, &environment, BINARY_WITHIN, &total);
    total.into_inner().expect("nobody panics with this lock")
}

/// One test binary, told by a variable that it has time.
pub(super) fn deep(context: &Context, target: &str, (name, value): (&str, &str)) -> Outcome {
    let mut environment = match context.environment() {
        Ok(environment) => environment,
        Err(why) => return Outcome::failed(why),
    };
    environment.insert(name.into(), value.into());
    let binaries: Vec<TestBinary> = context.artifacts().tests.into_iter().filter(|binary| binary.target == target).collect();
    if binaries.is_empty() {
        return Outcome::failed(format!("there is no test binary `{target}`"));
    }
    let total = Mutex::new(Outcome::default());
    run_all(binaries, 1, &environment, DEEP_BINARY_WITHIN, &total);
    total.into_inner().expect("nobody panics with this lock")
}

/// Runs these binaries, so many at a time, in this order.
fn run_all(binaries: Vec<TestBinary>, at_once: usize, environment: &BTreeMap<String, String>, within: Duration, total: &Mutex<Outcome>) {
    let waiting = Mutex::new(binaries.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("nobody panics with this lock").next();
                    let Some(binary) = next else { break };
                    let mut command = Command::new(&binary.executable);
                    command
                        .args(["-Z", "unstable-options", "--format=json", "--report-time"])
                        .envs(environment)
                        .env("RUSTC_BOOTSTRAP", "1")
                        .env("CARGO", env!("CARGO"))
                        .env("CARGO_MANIFEST_DIR", &binary.package_root)
                        .env("CARGO_PKG_NAME", &binary.package)
                        .current_dir(&binary.package_root);
                    let outcome = process::run(&mut command, within).map_or_else(Outcome::failed, |done| read(&binary, &done));
                    let mut total = total.lock().expect("nobody panics with this lock");
                    total.tests.extend(outcome.tests);
                    total.failures.extend(outcome.failures);
                }
            });
        }
    });
}

/// One line of the report.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    event: String,
    name: Option<String>,
    exec_time: Option<f64>,
    stdout: Option<String>,
    message: Option<String>,
}

fn read(binary: &TestBinary, finished: &Finished) -> Outcome {
    let place = if binary.target == binary.package.replace('-', "_") {
        binary.package.clone()
    } else {
        format!("{}/{}", binary.package, binary.target)
    };
    let mut outcome = Outcome::default();
    let mut ended = false;
    for event in finished.stdout.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok()) {
        match (event.kind.as_str(), event.event.as_str()) {
            ("test", verdict @ ("ok" | "failed" | "ignored" | "timeout")) => {
                let name = format!("{place} {}", event.name.unwrap_or_default());
                // `timeout` is only a note that the test is slow; its verdict comes later. Nothing here may be ignored.
                if verdict == "timeout" {
                    continue;
                }
                if verdict != "ok" {
                    let said = event.stdout.or(event.message).unwrap_or_default();
                    outcome.failures.push(format!("{name}: {verdict}\n{said}"));
                }
                outcome.tests.push(TestResult { name, passed: verdict == "ok", seconds: event.exec_time });
            }
            ("suite", "ok" | "failed") => ended = true,
            _ => {}
        }
    }
    if !ended || (!finished.success() && outcome.failures.is_empty()) {
        outcome.failures.push(format!("{place}: the test binary ended early\n{}", finished.transcript()));
        outcome.tests.push(TestResult { name: format!("{place} (the whole binary)"), passed: false, seconds: None });
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary() -> TestBinary {
        TestBinary { package: "peal-hub".into(), target: "simulation".into(), executable: "/x".into(), package_root: "/y".into() }
    }

    fn finished(script: &str) -> Finished {
        process::run(Command::new("sh").args(["-c", script]), Duration::from_secs(60)).expect("sh runs")
    }

    #[test]
    fn a_report_is_read_among_other_output() {
        let done = finished(
            r#"cat <<'END'
{ "type": "suite", "event": "started", "test_count": 2 }
{ "type": "test", "event": "started", "name": "a" }
something printed past the capture
{ "type": "test", "name": "a", "event": "ok", "exec_time": 0.25 }
{ "type": "test", "name": "b", "event": "failed", "exec_time": 0.5, "stdout": "thread 'b' panicked\n" }
{ "type": "suite", "event": "failed", "passed": 1, "failed": 1 }
END
exit 101"#,
        );
        let outcome = read(&binary(), &done);
        assert_eq!(
            outcome.tests,
            [
                TestResult { name: "peal-hub/simulation a".into(), passed: true, seconds: Some(0.25) },
                TestResult { name: "peal-hub/simulation b".into(), passed: false, seconds: Some(0.5) },
            ]
        );
        assert_eq!(outcome.failures, ["peal-hub/simulation b: failed\nthread 'b' panicked\n"]);
    }

    #[test]
    fn a_binary_that_dies_without_a_verdict_is_a_failure() {
        let outcome =
            read(&binary(), &finished(r#"echo '{ "type": "test", "name": "a", "event": "ok", "exec_time": 0.1 }'; kill -ABRT $$"#));
        assert_eq!(outcome.tests.iter().filter(|test| !test.passed).count(), 1);
        assert_eq!(outcome.failures.len(), 1);
    }

    #[test]
    fn an_ignored_test_is_a_failure() {
        let outcome = read(
            &binary(),
            &finished(r#"echo '{ "type": "test", "name": "a", "event": "ignored" }'; echo '{ "type": "suite", "event": "ok" }'"#),
        );
        assert_eq!(outcome.failures.len(), 1);
    }
}
