//! A `peal dev` of a test's own: free ports, a temporary data directory, gone at the end whatever happens.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Far more than it takes, because the machine may be busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_peal"))
}

/// The binary, with an environment in which only the test's own settings count.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PEAL_") && name != "PEAL_POSTGRES_BIN" {
            command.env_remove(name);
        }
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn run(args: &[&str]) -> Said {
    said(&mut command(args))
}

pub(crate) fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A folder for a data directory, and the place outside it that root's cluster gets.
#[derive(Debug)]
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::with_prefix("peal-it-").unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Where the cluster is.
    pub(crate) fn database(&self) -> PathBuf {
        match fs::read_to_string(self.data().join("database.location")) {
            Ok(named) => PathBuf::from(named.trim()),
            Err(_) => self.data().join("database"),
        }
    }

    /// The postmaster's process id, as its own file says it.
    pub(crate) fn postmaster(&self) -> Option<i32> {
        let text = fs::read_to_string(self.database().join("cluster/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }
}

impl Drop for Home {
    /// A test that failed half-way may have left a server.
    fn drop(&mut self) {
        let database = self.database();
        if let Some(pid) = self.postmaster().filter(|pid| is_alive(*pid)) {
            send(pid, Signal::QUIT);
            until("the left postmaster ends", || !is_alive(pid));
        }
        if !database.starts_with(self.path()) {
            fs::remove_dir_all(database).ok();
        }
    }
}

/// A running `peal dev`.
#[derive(Debug)]
pub(crate) struct Peal {
    child: Child,
    folder: PathBuf,
    pub(crate) ready: Value,
    /// From exec until the ready file was there.
    pub(crate) took: Duration,
}

impl Peal {
    /// On free ports.
    pub(crate) fn start(home: &Home, args: &[&str]) -> Self {
        let ports = ["--edge-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"];
        Self::start_on(home, &[&ports[..], args].concat())
    }

    pub(crate) fn start_on(home: &Home, args: &[&str]) -> Self {
        Self::spawn(home, command(&["dev", "--cores", "2"]).args(args)).wait_ready()
    }

    /// Not waiting for anything.
    pub(crate) fn spawn(home: &Home, command: &mut Command) -> Self {
        let folder = home.path().to_owned();
        command.arg("--data-dir").arg(home.data()).arg("--ready-file").arg(folder.join("ready.json"));
        let output = |name: &str| Stdio::from(File::create(folder.join(name)).unwrap());
        let child = command.stdout(output("stdout")).stderr(output("stderr")).spawn().unwrap();
        Self { child, folder, ready: Value::Null, took: Duration::ZERO }
    }

    pub(crate) fn wait_ready(mut self) -> Self {
        let began = Instant::now();
        let file = self.folder.join("ready.json");
        until("peal dev is ready", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("peal dev ended with {status}:\n{}", self.stderr());
            }
            // A file of an earlier run is removed at the start, and appears whole.
            match fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok()) {
                Some(ready) if ready["pid"] == self.child.id() => {
                    self.ready = ready;
                    true
                }
                _ => false,
            }
        });
        self.took = began.elapsed();
        self
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn url(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    pub(crate) fn address(&self, name: &str) -> &str {
        self.url(name).strip_prefix("http://").unwrap()
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.folder.join("stdout")).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.folder.join("stderr")).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("peal dev ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }
}

impl Drop for Peal {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.signal(Signal::TERM);
            self.child.wait().ok();
        }
    }
}

pub(crate) fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).ok();
}

/// A zombie, which in a container may have nobody to wait for it, does not count.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Waits for what can only be observed.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "not within {} s: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(5));
    }
}
