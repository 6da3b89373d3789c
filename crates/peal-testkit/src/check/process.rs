//! Runs a program to its end, with its output kept for the report and a bound on its time.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What a program said and how it ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// `None` if its time ran out and it was killed.
    pub(super) status: Option<ExitStatus>,
    command: String,
}

impl Finished {
    pub(super) fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// Everything, for whoever has to find out why it failed.
    pub(super) fn transcript(&self) -> String {
        let end = self.status.map_or_else(|| "killed: it took too long".to_owned(), |status| status.to_string());
        format!("{}\n{}{}\n({end})", self.command, self.stdout, self.stderr)
    }
}

/// # Errors
/// When the program cannot be started.
pub(super) fn run(command: &mut Command, at_most: Duration) -> Result<Finished, String> {
    let line = spelled(command);
    // A process group of its own, so that a program that hangs is ended with its children, which may hold the pipes open.
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|why| format!("cannot run {line}: {why}"))?;
    let stdout = drain(child.stdout.take().expect("piped above"));
    let stderr = drain(child.stderr.take().expect("piped above"));
    let begun = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if begun.elapsed() < at_most => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => {
                Command::new("kill").args(["-9", "--", &format!("-{}", child.id())]).status().ok();
                child.wait().ok();
                break None;
            }
        }
    };
    // A grandchild that was left running keeps the pipes open: take what came, do not wait for it.
    let text = |output: mpsc::Receiver<Vec<u8>>| {
        let mut bytes = Vec::new();
        while let Ok(part) = output.recv_timeout(Duration::from_secs(5)) {
            bytes.extend(part);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok(Finished { stdout: text(stdout), stderr: text(stderr), status, command: line })
}

/// Unbounded: the output of a test run, which is kept whole anyway.
fn drain(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n) = pipe.read(&mut buffer) {
            if n == 0 || sender.send(buffer[..n].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

fn spelled(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_verdict_are_kept_and_a_hanging_program_is_killed_with_its_children() {
        let finished = run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), Duration::from_secs(60)).expect("sh runs");
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str(), finished.success()), ("out\n", "err\n", false));
        let hanging = run(Command::new("sh").args(["-c", "sleep 600 & wait"]), Duration::from_millis(50)).expect("sh runs");
        assert!(hanging.status.is_none() && !hanging.success());
    }
}
