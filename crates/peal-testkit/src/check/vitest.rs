//! Reads the report of vitest's `json` reporter.

use std::path::Path;

use serde::Deserialize;

use super::{Outcome, TestResult};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    test_results: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    name: String,
    assertion_results: Vec<Assertion>,
    /// Set when the file could not be loaded.
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    full_name: String,
    status: String,
    /// Milliseconds.
    duration: Option<f64>,
    #[serde(default)]
    failure_messages: Vec<String>,
}

/// `transcript` is shown when the report has nothing to blame.
pub(super) fn read(package: &str, folder: &Path, json: &str, success: bool, transcript: &str) -> Outcome {
    let Ok(report) = serde_json::from_str::<Report>(json) else {
        return Outcome::failed(format!("vitest left no report\n{transcript}"));
    };
    let mut outcome = Outcome::default();
    for file in report.test_results {
        let path = Path::new(&file.name);
        let place = format!("{package}/{}", path.strip_prefix(folder).unwrap_or(path).display());
        if !file.message.is_empty() && file.assertion_results.is_empty() {
            outcome.failures.push(format!("{place}: {}", file.message));
        }
        for test in file.assertion_results {
            let name = format!("{place} {}", test.full_name);
            // A test that is skipped is a check that cannot fail.
            let passed = test.status == "passed";
            if !passed {
                outcome.failures.push(format!("{name}: {}\n{}", test.status, test.failure_messages.join("\n")));
            }
            outcome.tests.push(TestResult { name, passed, seconds: test.duration.map(|ms| ms / 1000.0) });
        }
    }
    if outcome.tests.is_empty() || (!success && outcome.failures.is_empty()) {
        outcome.failures.push(transcript.to_owned());
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"numTotalTests":3,"success":false,"testResults":[
        {"name":"/w/sdk-js/test/a.test.ts","status":"failed","message":"","assertionResults":[
            {"fullName":"backoff grows","status":"passed","duration":12.5,"failureMessages":[]},
            {"fullName":"backoff stops","status":"failed","duration":3,"failureMessages":["expected 1 to be 2"]},
            {"fullName":"backoff later","status":"skipped","failureMessages":[]}]},
        {"name":"/w/sdk-js/test/b.test.ts","status":"failed","message":"cannot load","assertionResults":[]}]}"#;

    fn read_report(json: &str, success: bool) -> Outcome {
        read("sdk-js", Path::new("/w/sdk-js"), json, success, "the whole output")
    }

    #[test]
    fn tests_are_counted_with_their_files_and_seconds() {
        let outcome = read_report(REPORT, false);
        assert_eq!(
            outcome.tests[0],
            TestResult { name: "sdk-js/test/a.test.ts backoff grows".into(), passed: true, seconds: Some(0.0125) }
        );
        assert_eq!(outcome.tests.iter().filter(|test| !test.passed).count(), 2, "one failed, one skipped");
        assert_eq!(outcome.failures.len(), 3, "and one file did not load");
    }

    #[test]
    fn a_run_without_tests_or_report_fails() {
        assert_eq!(read_report("", false).failures.len(), 1);
        assert_eq!(read_report(r#"{"testResults":[]}"#, true).failures, ["the whole output"]);
    }

    #[test]
    fn an_error_outside_of_tests_fails_the_step() {
        let json = r#"{"testResults":[{"name":"/w/sdk-js/a","assertionResults":[{"fullName":"a","status":"passed","duration":1}]}]}"#;
        assert!(read_report(json, true).failures.is_empty());
        assert_eq!(read_report(json, false).failures, ["the whole output"]);
    }
}
