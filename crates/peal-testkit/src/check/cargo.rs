//! The cargo steps. `RUSTC_BOOTSTRAP` is never set for cargo: it would rebuild everything.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::process::{self, Finished};
use super::{Context, Outcome, TestResult};

/// A build from nothing on two cores takes minutes, never this long.
const BUILD_WITHIN: Duration = Duration::from_secs(30 * 60);

/// What a build made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Artifacts {
    pub(super) tests: Vec<TestBinary>,
    /// Name and path of the ordinary binaries.
    pub(super) programs: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TestBinary {
    pub(super) package: String,
    /// The target: the crate itself for unit tests, else the name of the integration test.
    pub(super) target: String,
    pub(super) executable: PathBuf,
    pub(super) package_root: PathBuf,
}

pub(super) fn fmt(context: &Context) -> Outcome {
    verdict(cargo(context, &["fmt", "--all", "--check"]))
}

pub(super) fn clippy(context: &Context) -> Outcome {
    verdict(cargo(context, &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
}

/// Builds every test binary and the program under test, and remembers where they are.
pub(super) fn build(context: &Context) -> Outcome {
    let mut artifacts = Artifacts::default();
    for arguments in
        [&["test", "--workspace", "--no-run", "--message-format=json"][..], &["build", "--bin", "peal", "--message-format=json"][..]]
    {
        match cargo(context, arguments) {
            Ok(built) if built.success() => artifacts.read(&built.stdout),
            Ok(failed) => return Outcome::failed(format!("{}{}", rendered(&failed.stdout), failed.stderr)),
            Err(why) => return Outcome::failed(why),
        }
    }
    if artifacts.tests.is_empty() {
        return Outcome::failed("cargo built no test binary");
    }
    *context.artifacts.lock().expect("no step panics while it holds this") = artifacts;
    Outcome::passed()
}

/// Doc tests of the crates that have some; for the others rustdoc would start for nothing.
pub(super) fn doc(context: &Context) -> Outcome {
    let crates = crates_with_doc_tests(&context.root.join("crates"));
    if crates.is_empty() {
        return Outcome::passed();
    }
    let mut arguments = vec!["test", "--doc"];
    for name in &crates {
        arguments.extend(["-p", name]);
    }
    match cargo(context, &arguments) {
        Ok(finished) => {
            let failures = if finished.success() { Vec::new() } else { vec![finished.transcript()] };
            Outcome { tests: doc_tests(&finished.stdout), failures, ..Outcome::default() }
        }
        Err(why) => Outcome::failed(why),
    }
}

/// A test of `peal-bench` that is not among the ordinary ones: it builds another release, or takes most of the machine.
pub(super) fn deep(context: &Context, name: &str) -> Outcome {
    match cargo(context, &["test", "-p", "peal-bench", "--features", "deep", "--test", name]) {
        Ok(finished) => {
            let failures = if finished.success() { Vec::new() } else { vec![finished.transcript()] };
            let named = |test: TestResult| TestResult { name: test.name.replacen("doc ", &format!("peal-bench/{name} "), 1), ..test };
            Outcome { tests: doc_tests(&finished.stdout).into_iter().map(named).collect(), failures, ..Outcome::default() }
        }
        Err(why) => Outcome::failed(why),
    }
}

fn cargo(context: &Context, arguments: &[&str]) -> Result<Finished, String> {
    process::run(Command::new(env!("CARGO")).args(arguments).current_dir(&context.root), BUILD_WITHIN)
}

fn verdict(finished: Result<Finished, String>) -> Outcome {
    match finished {
        Ok(finished) if finished.success() => Outcome::passed(),
        Ok(finished) => Outcome::failed(finished.transcript()),
        Err(why) => Outcome::failed(why),
    }
}

/// One line of `--message-format=json`, as far as it matters here.
#[derive(Deserialize)]
struct Line {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
    executable: Option<PathBuf>,
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Diagnostic {
    rendered: Option<String>,
}

fn lines(json_lines: &str) -> impl Iterator<Item = Line> {
    json_lines.lines().filter_map(|line| serde_json::from_str(line).ok())
}

impl Artifacts {
    fn read(&mut self, json_lines: &str) {
        for line in lines(json_lines).filter(|line| line.reason == "compiler-artifact") {
            let (Some(executable), Some(target), Some(profile)) = (line.executable, line.target, line.profile) else { continue };
            let Some(package_root) = line.manifest_path.as_deref().and_then(Path::parent) else { continue };
            let package = package_root.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if profile.test {
                self.tests.push(TestBinary { package, target: target.name, executable, package_root: package_root.to_owned() });
            } else if target.kind.iter().any(|kind| kind == "bin") {
                let program = (target.name, executable.display().to_string());
                if !self.programs.contains(&program) {
                    self.programs.push(program);
                }
            }
        }
    }
}

/// The compiler's messages as a person reads them.
fn rendered(json_lines: &str) -> String {
    lines(json_lines).filter_map(|line| line.message?.rendered).collect()
}

fn crates_with_doc_tests(crates: &Path) -> Vec<String> {
    let mut found: Vec<String> = folder(crates)
        .into_iter()
        .filter(|path| path.join("src/lib.rs").is_file() && any_source(&path.join("src"), &has_doc_test))
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    found.sort();
    found
}

fn any_source(path: &Path, holds: &dyn Fn(&str) -> bool) -> bool {
    folder(path).into_iter().any(|path| {
        if path.is_dir() {
            any_source(&path, holds)
        } else {
            path.extension().is_some_and(|extension| extension == "rs") && std::fs::read_to_string(&path).is_ok_and(|text| holds(&text))
        }
    })
}

fn folder(path: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(path).map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect()).unwrap_or_default()
}

/// Whether a doc comment opens a code block that rustdoc would compile.
fn has_doc_test(source: &str) -> bool {
    let mut open = false;
    for line in source.lines().map(str::trim_start) {
        let Some(text) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            open = false;
            continue;
        };
        let Some(fence) = text.trim().strip_prefix("```") else { continue };
        if !open && fence.split(',').all(|word| ["", "rust", "no_run", "should_panic", "compile_fail"].contains(&word.trim())) {
            return true;
        }
        open = !open;
    }
    false
}

/// rustdoc's lines `test <path> - <item> (line N) ... ok`.
fn doc_tests(stdout: &str) -> Vec<TestResult> {
    stdout
        .lines()
        .filter_map(|line| {
            let (name, verdict) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
            Some(TestResult { name: format!("doc {name}"), passed: verdict == "ok", seconds: None })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_are_told_apart() {
        let json = r#"
{"reason":"compiler-artifact","manifest_path":"/w/crates/peal-core/Cargo.toml","target":{"kind":["lib"],"name":"peal_core"},"profile":{"test":true},"executable":"/w/target/debug/deps/peal_core-1"}
{"reason":"compiler-artifact","manifest_path":"/w/crates/peal-core/Cargo.toml","target":{"kind":["lib"],"name":"peal_core"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/w/crates/peal-cli/Cargo.toml","target":{"kind":["bin"],"name":"peal"},"profile":{"test":false},"executable":"/w/target/debug/peal"}
{"reason":"compiler-message","manifest_path":"/w/crates/peal-cli/Cargo.toml","target":{"kind":["bin"],"name":"peal"},"message":{"rendered":"warning: no\n"}}
not json
{"reason":"build-finished","success":true}"#;
        let mut artifacts = Artifacts::default();
        artifacts.read(json);
        artifacts.read(json.lines().nth(3).expect("the bin"));
        assert_eq!(artifacts.programs, [("peal".to_owned(), "/w/target/debug/peal".to_owned())]);
        let test = TestBinary {
            package: "peal-core".into(),
            target: "peal_core".into(),
            executable: "/w/target/debug/deps/peal_core-1".into(),
            package_root: "/w/crates/peal-core".into(),
        };
        assert_eq!(artifacts.tests, [test]);
        assert_eq!(rendered(json), "warning: no\n");
    }

    #[test]
    fn only_code_that_rustdoc_compiles_makes_a_doc_test() {
        assert!(has_doc_test("/// Like so:\n/// ```\n/// let a = 1;\n/// ```\n"));
        assert!(has_doc_test("//! ```no_run\n//! x();\n//! ```\n"));
        assert!(!has_doc_test("/// ```text\n/// frame\n/// ```\nfn a() {}\n"));
        assert!(!has_doc_test("// ```\nlet fence = \"```\";\n"));
    }

    #[test]
    fn doc_test_lines_are_read() {
        let read =
            doc_tests("running 2 tests\ntest crates/a/src/lib.rs - f (line 3) ... ok\ntest crates/a/src/lib.rs - g (line 9) ... FAILED\n");
        assert_eq!(read.iter().map(|test| test.passed).collect::<Vec<_>>(), [true, false]);
        assert_eq!(read[0].name, "doc crates/a/src/lib.rs - f (line 3)");
    }
}
