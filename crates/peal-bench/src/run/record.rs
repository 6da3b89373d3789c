//! `RESULTS.md`: the machine, the command, the date and the table are written by `--record`; what they mean is written by hand below the
//! marker and stays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Cores;
use crate::machine;

const MARKER: &str = "<!-- Below this line is written by hand; --record keeps it. -->";

pub(crate) struct Circumstances {
    pub(crate) load_before: f64,
    pub(crate) cores: Cores,
}

pub(crate) fn write(circumstances: &Circumstances, table: &str) -> io::Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    let reading = fs::read_to_string(&path).ok().and_then(|text| text.split_once(MARKER).map(|(_, reading)| reading.to_owned()));
    fs::write(&path, page(&head(circumstances), table, reading.as_deref().unwrap_or("\n")))?;
    Ok(path)
}

fn head(circumstances: &Circumstances) -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Cores { server, load } = circumstances.cores;
    let cores = if server == load {
        "**server and load share the only core**".to_owned()
    } else {
        format!("server on core {server}, load on core {load}")
    };
    format!(
        "- {}; {cores}\n- `peal-bench {}`, {}, commit {}\n- load average {:.2} when it began",
        machine::description(),
        arguments.join(" "),
        time::OffsetDateTime::now_utc().date(),
        commit(),
        circumstances.load_before
    )
}

fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    git(&["describe", "--always", "--dirty", "--exclude=*"]).unwrap_or_else(|| "unknown".to_owned())
}

fn page(head: &str, table: &str, reading: &str) -> String {
    format!(
        "# What Peal costs\n\nWritten by `make bench ARGS=--record`. Server CPU for each unit: median (min-max) of three runs, each against a fresh server, \
         taking turns with the *floor*, a bare epoll loop that carries the same traffic with one HMAC-SHA256 and one MD5 per publish. \
         A target is missed when the range lies wholly beyond it. Memory is proportional set size for each connection beyond the first hundred.\n\n\
         {head}\n\n{table}\n{MARKER}{reading}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_by_hand_stays() {
        let first = page("- a", "| t |", "\n\n## Reading\n\nText.\n");
        let (_, reading) = first.split_once(MARKER).expect("the marker");
        let second = page("- b", "| u |", reading);
        assert!(second.ends_with("## Reading\n\nText.\n") && second.contains("- b") && !second.contains("- a"));
    }
}
