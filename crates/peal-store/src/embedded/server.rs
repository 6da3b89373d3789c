//! The postmaster: started as our child, or adopted when its owner was killed; stopped in either case.
//!
//! `postmaster.pid` is what `pg_ctl` reads too: the process, the cluster, and a last line that says `ready`. The process is
//! believed to be the server only if it works in the cluster's folder, because the number may have been given to another.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::EmbeddedOptions;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::place::Place;

/// How often states that nobody announces are looked at.
const POLL: Duration = Duration::from_millis(5);
const LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Ends connections, writes a checkpoint: the next start need not recover.
    Fast,
    /// Nothing is kept anyway.
    Immediate,
}

#[derive(Debug)]
pub(super) enum Server {
    Child(Child),
    Adopted { pid: Pid, cluster: PathBuf },
}

impl Server {
    pub(super) fn pid(&self) -> u32 {
        match self {
            Self::Child(child) => child.id(),
            Self::Adopted { pid, .. } => pid.as_raw_nonzero().get().unsigned_abs(),
        }
    }

    pub(super) fn is_alive(&mut self) -> bool {
        match self {
            Self::Child(child) => matches!(child.try_wait(), Ok(None)),
            Self::Adopted { pid, cluster } => is_server_of(*pid, cluster),
        }
    }

    /// Asks, then insists. Blocks until the process is gone.
    pub(super) fn stop(&mut self, how: Stop) {
        let fast = [(Signal::INT, 8), (Signal::QUIT, 4), (Signal::KILL, 3)];
        let steps = if how == Stop::Fast { &fast[..] } else { &fast[1..] };
        for (signal, seconds) in steps {
            if !self.is_alive() {
                return;
            }
            if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
                kill_process(pid, *signal).ok();
            }
            if wait_until(Duration::from_secs(*seconds), || !self.is_alive()) {
                return;
            }
        }
    }
}

/// Starts the server of a cluster that has none, and waits until it answers.
pub(super) fn start(place: &Place, binaries: &Binaries, options: &EmbeddedOptions) -> Result<Server, EmbeddedError> {
    let deadline = Instant::now() + options.start_timeout;
    remove_stale_socket(place);
    loop {
        let mut server = Server::Child(spawn(place, binaries)?);
        let ready = wait_until(deadline.saturating_duration_since(Instant::now()), || is_ready(place, server.pid()) || !server.is_alive());
        let alive = server.is_alive();
        if ready && alive {
            return Ok(server);
        }
        server.stop(Stop::Immediate);
        let tail = log_tail(&place.log_file());
        if !ready {
            return Err(EmbeddedError::NotReady { seconds: options.start_timeout.as_secs(), log: place.log_file(), tail });
        }
        // The backends of a killed postmaster need a moment to notice and let go of the shared memory.
        if !tail.contains("pre-existing shared memory block") || Instant::now() >= deadline {
            return Err(EmbeddedError::Exited { log: place.log_file(), tail });
        }
    }
}

/// The server that a killed owner left behind, if it is usable. One that is not is stopped first; a stale file is removed.
pub(super) fn adopt(place: &Place) -> Result<Option<Server>, EmbeddedError> {
    let pid_file = place.cluster_dir().join("postmaster.pid");
    let Ok(text) = fs::read_to_string(&pid_file) else { return Ok(None) };
    let Some(pid) = first_pid(&text).filter(|pid| is_server_of(*pid, &place.cluster_dir())) else {
        match fs::remove_file(&pid_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(EmbeddedError::file("remove", &pid_file)(error)),
            _ => return Ok(None),
        }
    };
    let mut server = Server::Adopted { pid, cluster: place.cluster_dir() };
    // It may have been starting, or already stopping, when its owner was killed.
    let settled = wait_until(Duration::from_secs(2), || is_ready(place, server.pid()) || !server.is_alive());
    if settled && server.is_alive() && UnixStream::connect(place.socket_file()).is_ok() {
        return Ok(Some(server));
    }
    server.stop(Stop::Fast);
    if server.is_alive() {
        return Err(EmbeddedError::Unstoppable { pid: server.pid() });
    }
    Ok(None)
}

fn first_pid(text: &str) -> Option<Pid> {
    text.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw)
}

/// Postgres believes a lock file as long as its process exists, also as one that nobody waited for, or as a number given anew.
fn remove_stale_socket(place: &Place) {
    let mut lock = place.socket_file().into_os_string();
    lock.push(".lock");
    let Ok(text) = fs::read_to_string(&lock) else { return };
    if first_pid(&text).is_none_or(|pid| !is_server_of(pid, &place.cluster_dir())) {
        fs::remove_file(&lock).ok();
        fs::remove_file(place.socket_file()).ok();
    }
}

fn spawn(place: &Place, binaries: &Binaries) -> Result<Child, EmbeddedError> {
    let log = open_log(place).map_err(EmbeddedError::file("open", place.log_file()))?;
    let log_too = log.try_clone().map_err(EmbeddedError::file("open", place.log_file()))?;
    let mut command = place.command(&binaries.program("postgres"));
    command.arg("-D").arg(place.cluster_dir());
    for setting in settings(place) {
        command.arg("-c").arg(setting);
    }
    command.stdout(Stdio::from(log)).stderr(Stdio::from(log_too)).process_group(0);
    command.spawn().map_err(EmbeddedError::file("run", binaries.program("postgres")))
}

fn settings(place: &Place) -> Vec<String> {
    // The value is a list of quoted names.
    let socket_dir = format!("\"{}\"", place.socket_dir().display().to_string().replace('"', "\"\""));
    let mut settings = vec![
        "listen_addresses=".to_owned(),
        "port=5432".to_owned(),
        format!("unix_socket_directories={socket_dir}"),
        "unix_socket_permissions=0700".to_owned(),
        "max_connections=200".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
        "log_checkpoints=off".to_owned(),
        "jit=off".to_owned(),
    ];
    // After a crash Postgres syncs the whole cluster before it recovers: one call for the file system instead of one for each of a thousand files.
    if cfg!(target_os = "linux") {
        settings.push("recovery_init_sync_method=syncfs".to_owned());
    }
    if place.is_ephemeral() {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
    }
    settings
}

/// Kept from start to start, until it has grown too large.
fn open_log(place: &Place) -> io::Result<File> {
    let path = place.log_file();
    if fs::metadata(&path).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
        fs::remove_file(&path)?;
    }
    let log = File::options().append(true).create(true).open(&path)?;
    place.give(&path)?;
    Ok(log)
}

fn is_ready(place: &Place, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(place.cluster_dir().join("postmaster.pid")) else { return false };
    let mut lines = text.lines();
    lines.next().is_some_and(|line| line.trim() == pid.to_string()) && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

/// A process that has ended but that nobody waited for has no folder, so it does not count.
fn is_server_of(pid: Pid, cluster: &Path) -> bool {
    if cfg!(target_os = "linux") {
        fs::read_link(format!("/proc/{}/cwd", pid.as_raw_nonzero())).is_ok_and(|cwd| cwd == cluster)
    } else {
        test_kill_process(pid).is_ok()
    }
}

fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

fn log_tail(path: &Path) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(2_000);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    read().unwrap_or_else(|error| format!("(cannot be read: {error})"))
}
