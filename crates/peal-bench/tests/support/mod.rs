//! Running the benchmark as its user does.

use std::path::{Path, PathBuf};
use std::process::Command;

const BENCH: &str = env!("CARGO_BIN_EXE_peal-bench");

/// The server that the check runner built, else the one beside the benchmark.
fn peal() -> PathBuf {
    std::env::var_os("PEAL_BIN").map_or_else(|| Path::new(BENCH).with_file_name("peal"), PathBuf::from)
}

/// What it prints with `--json`, after it has succeeded.
pub(crate) fn bench(command: &str, args: &[&str]) -> String {
    assert!(peal().exists(), "{} is missing: cargo build --bin peal", peal().display());
    let output = Command::new(BENCH).args([command, "--json", "--peal"]).arg(peal()).args(args).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{stdout}\n{stderr}");
    stdout
}
