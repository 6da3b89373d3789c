//! One process of a fleet, which must not outlive its owner. So a shell stands between: it waits for the end of its input, which comes when
//! the owner says how to end the process *or dies*, and hands the exit code on.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Arguments: the log, then the command line. Reads the name of the signal to end the process with.
const KEEPER: &str = r#"
log=$1; shift
"$@" >>"$log" 2>&1 </dev/null &
process=$!
echo $process
read -r signal
kill -${signal:-KILL} $process 2>/dev/null
wait $process
"#;

/// Of a log, what is shown when something fails.
const LAST_LINES: usize = 15;

#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    log: PathBuf,
    keeper: Child,
    pid: u32,
    code: Option<i32>,
    over: bool,
}

impl Process {
    /// Starts a program with a clean environment but for what is given. Its output is appended to a log named after it.
    pub(super) fn start(name: &str, folder: &Path, program: &Path, args: &[String], environment: &[(&str, &str)]) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", KEEPER, "keeper"]).arg(&log).arg(program).args(args);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("PEAL_") {
                command.env_remove(variable);
            }
        }
        command.envs(environment.iter().copied());
        // A process group of its own, so that Ctrl-C reaches it only through its owner.
        command.current_dir(folder).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut keeper = command.spawn()?;
        let mut line = String::new();
        if let Some(stdout) = keeper.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let pid = line.trim().parse().map_err(|_| io::Error::other(format!("{name} does not start: {line:?}")))?;
        Ok(Self { name: name.to_owned(), log, keeper, pid, code: None, over: false })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The end of what it wrote.
    pub(super) fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    /// A zombie, which its keeper has not buried yet, does not count.
    pub(super) fn is_alive(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
    }

    pub(super) fn ask_to_stop(&self) {
        terminate(self.pid);
    }

    /// Asks it to stop, and waits for as long as it takes. Its exit code, if it ended by itself.
    pub(super) fn stop(&mut self) -> Option<i32> {
        self.end("TERM")
    }

    fn end(&mut self, signal: &str) -> Option<i32> {
        if !self.over {
            self.over = true;
            // A keeper that is gone has ended the process.
            let _ = self.keeper.stdin.take().map(|mut input| writeln!(input, "{signal}"));
            self.code = self.keeper.wait().ok().and_then(|status| status.code());
        }
        self.code
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end("KILL");
    }
}

/// Asks a process to stop. One that is gone already is none the worse for it.
pub(crate) fn terminate(pid: u32) {
    signal(pid, Signal::TERM);
}

/// Ends a process where it stands, as a crash would.
pub(crate) fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
