//! A fresh server for a run: started on its core, gone when it is dropped.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::machine;
use crate::sign::{SECRET, TENANTS, app, key};

/// Peal starts a Postgres of its own; on a busy machine that takes a while.
const READY_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Label {
    Floor,
    Peal,
}

impl Label {
    /// Both, in an order that alternates.
    pub(crate) fn in_turn(repetition: usize) -> [Self; 2] {
        if repetition.is_multiple_of(2) { [Self::Floor, Self::Peal] } else { [Self::Peal, Self::Floor] }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Peal => "peal",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Server {
    label: Label,
    rate: Option<u32>,
    child: Child,
    addr: SocketAddr,
    /// Of the operator; the floor has none.
    admin_url: String,
    folder: TempDir,
}

/// How Peal is started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) cores: usize,
    /// The processor that it is kept to.
    pub(crate) on: Option<usize>,
    /// Messages per second that each app may publish.
    pub(crate) rate: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { cores: 1, on: None, rate: None }
    }
}

/// What `peal dev` writes once everything serves.
#[derive(Deserialize)]
struct ReadyFile {
    pid: u32,
    edge_url: String,
    admin_url: String,
}

/// A file of plans, whose only one lets an app publish so many messages per second.
fn plan_of(rate: u32) -> String {
    format!("default = \"unlimited\"\n[[plan]]\nid = \"unlimited\"\ntitle = \"Limited\"\n[plan.limits]\nmessages_per_second = {rate}\n")
}

impl Server {
    pub(crate) fn start(label: Label, peal: &Path, core: usize, rate: Option<u32>) -> io::Result<Self> {
        match label {
            Label::Floor => Self::start_floor(core),
            Label::Peal => Self::start_with(peal, &Options { on: Some(core), rate, ..Options::default() }),
        }
    }

    fn start_floor(core: usize) -> io::Result<Self> {
        let folder = TempDir::with_prefix("peal-bench-")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(folder.path().join("stderr"))?);
        let mut child = on_core(core, || command.spawn())?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let unset = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { label: Label::Floor, rate: None, child, addr: unset, admin_url: String::new(), folder };
        server.addr = line.trim().parse().map_err(|_| io::Error::other(format!("the floor does not listen: {}", server.said())))?;
        Ok(server)
    }

    /// Its Postgres is another process and is not counted.
    pub(crate) fn start_with(peal: &Path, options: &Options) -> io::Result<Self> {
        let folder = TempDir::with_prefix("peal-bench-")?;
        let ready_file = folder.path().join("ready.json");
        let mut command = Command::new(peal);
        for (name, _) in std::env::vars_os() {
            // Only what is given here counts, besides where Postgres is.
            if name.to_string_lossy().starts_with("PEAL_") && name != "PEAL_POSTGRES_BIN" {
                command.env_remove(name);
            }
        }
        command.args(["dev", "--ephemeral", "--log", "warn", "--cores", &options.cores.to_string()]);
        command.args(["--edge-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]);
        for tenant in 0..TENANTS {
            command.args(["--seed-app", &format!("{}:{}:{SECRET}", app(tenant), key(tenant))]);
        }
        if let Some(rate) = options.rate {
            let plans = folder.path().join("plans.toml");
            fs::write(&plans, plan_of(rate))?;
            command.arg("--plans-file").arg(plans);
        }
        command.arg("--ready-file").arg(&ready_file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(folder.path().join("stderr"))?);
        let child = match options.on {
            Some(core) => on_core(core, || command.spawn()),
            None => command.spawn(),
        };
        let child = child.map_err(|error| {
            io::Error::other(format!("cannot start {}: {error}; build it with `cargo build --bin peal`", peal.display()))
        })?;
        let unset = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { label: Label::Peal, rate: options.rate, child, addr: unset, admin_url: String::new(), folder };
        (server.addr, server.admin_url) = server.wait_ready(&ready_file)?;
        Ok(server)
    }

    fn wait_ready(&mut self, ready_file: &Path) -> io::Result<(SocketAddr, String)> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let ready = fs::read(ready_file).ok().and_then(|text| serde_json::from_slice::<ReadyFile>(&text).ok());
            if let Some(ready) = ready.filter(|ready| ready.pid == self.child.id()) {
                let addr = ready.edge_url.strip_prefix("http://").and_then(|addr| addr.parse().ok());
                let addr = addr.ok_or_else(|| io::Error::other(format!("{} is no address", ready.edge_url)))?;
                return Ok((addr, ready.admin_url));
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("peal ended with {status}:\n{}", self.said())));
            }
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("peal was not ready within {} s:\n{}", READY_WITHIN.as_secs(), self.said())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn label(&self) -> Label {
        self.label
    }

    pub(crate) fn rate(&self) -> Option<u32> {
        self.rate
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn admin_url(&self) -> &str {
        &self.admin_url
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to its standard error.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }
}

impl Drop for Server {
    /// Politely: a `peal dev` takes its Postgres along.
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
            && matches!(self.child.try_wait(), Ok(None))
        {
            // It may have ended by itself meanwhile.
            let _ = kill_process(pid, Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

/// Starts a process on one core: a child inherits where its parent's thread may run.
pub(crate) fn on_core<T>(core: usize, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let all = machine::cores();
    machine::pin(&[core])?;
    let started = start();
    machine::pin(&all)?;
    started
}
