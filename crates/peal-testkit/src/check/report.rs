//! What the run prints. The last line is a contract: CI reads `N passed, M failed`, alone on its line.

use std::process::ExitCode;
use std::time::Duration;

use super::plan::Step;
use super::{Outcome, TestResult};

const SLOWEST: usize = 10;

/// The results so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    tests: Vec<TestResult>,
    /// Steps that failed without a failed test of their own.
    failed_steps: Vec<&'static str>,
    /// With the reason.
    left_out: Vec<String>,
}

pub(super) fn begin(step: &Step) {
    println!("start  {}", step.name);
}

impl Report {
    pub(super) fn end(&mut self, step: &Step, outcome: &Outcome, took: Duration) {
        let seconds = took.as_secs_f64();
        let verdict = match outcome {
            Outcome { left_out: Some(_), .. } => "none ",
            outcome if outcome.failures.is_empty() => "ok   ",
            _ => "FAIL ",
        };
        let count = if outcome.tests.is_empty() { String::new() } else { format!("  {} tests", outcome.tests.len()) };
        println!("{verdict}  {:<20} {seconds:7.1} s{count}", step.name);
        if let Some(why) = &outcome.left_out {
            self.left_out.push(format!("{}: {}", step.name, why.trim_end()));
        }
        for failure in &outcome.failures {
            println!("\n---- {} ----\n{}\n", step.name, failure.trim_end());
        }
        if !outcome.failures.is_empty() && outcome.tests.iter().all(|test| test.passed) {
            self.failed_steps.push(step.name);
        }
        self.tests.extend_from_slice(&outcome.tests);
    }

    pub(super) fn not_run(&mut self, step: &Step) {
        println!("FAIL   {:<20} not run, because it needs {}", step.name, step.after.join(", "));
        self.failed_steps.push(step.name);
    }

    /// Prints the verdict.
    pub(super) fn conclude(&self, took: Duration) -> ExitCode {
        println!("\ntotal {:.1} s", took.as_secs_f64());
        println!("slowest tests:");
        for test in self.slowest() {
            println!("{:8.2} s  {}", test.seconds.unwrap_or_default(), test.name);
        }
        self.left_out.iter().for_each(|what| println!("left out, and neither passed nor failed: {what}"));
        let failed: Vec<&str> = self.failed().collect();
        if !failed.is_empty() {
            println!("failed:");
            failed.iter().for_each(|name| println!("  {name}"));
        }
        println!("{}", self.last_line());
        if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn failed(&self) -> impl Iterator<Item = &str> {
        let tests = self.tests.iter().filter(|test| !test.passed).map(|test| test.name.as_str());
        self.failed_steps.iter().copied().chain(tests)
    }

    /// A step that failed without a test to blame counts as one failure, so that the count is never zero when the exit code is not.
    fn last_line(&self) -> String {
        let passed = self.tests.iter().filter(|test| test.passed).count();
        format!("{passed} passed, {} failed", self.failed().count())
    }

    fn slowest(&self) -> Vec<&TestResult> {
        let mut timed: Vec<&TestResult> = self.tests.iter().filter(|test| test.seconds.is_some()).collect();
        timed.sort_by(|a, b| b.seconds.partial_cmp(&a.seconds).expect("durations are numbers"));
        timed.truncate(SLOWEST);
        timed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str, passed: bool, seconds: f64) -> TestResult {
        TestResult { name: name.into(), passed, seconds: Some(seconds) }
    }

    #[test]
    fn the_last_line_counts_tests_and_steps_that_failed_without_one() {
        let mut report =
            Report { tests: vec![test("a", true, 1.0), test("b", false, 0.1)], failed_steps: vec!["clippy"], ..Report::default() };
        assert_eq!(report.last_line(), "1 passed, 2 failed");
        report.failed_steps.clear();
        report.tests.pop();
        assert_eq!(report.last_line(), "1 passed, 0 failed");
    }

    #[test]
    fn the_slowest_ten_come_in_order() {
        let tests = (0..15).map(|n| test(&n.to_string(), true, f64::from(n))).collect();
        let report = Report { tests, ..Report::default() };
        let names: Vec<_> = report.slowest().iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["14", "13", "12", "11", "10", "9", "8", "7", "6", "5"]);
    }
}
