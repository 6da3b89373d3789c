//! A fleet on this machine, from one binary: Postgres, Redis with a replica, API, meter, three edges, and nginx in front of them.
//!
//! What it is for: `make cluster`, the storm ([`crate::storm`]) and the test with two releases. Nothing of it outlives its owner, not even one
//! that is killed ([`process`]).

mod http;
mod nginx;
mod parts;
mod ports;
mod process;
mod running;
mod seed;
mod serve;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use peal_store::embedded::{EmbeddedOptions, EmbeddedPostgres, EphemeralDir};
use serde::{Deserialize, Serialize};

pub(crate) use http::get;
use parts::Parts;
use ports::Ports;
use process::Process;
pub(crate) use running::{Ending, Running};
pub(crate) use serve::{ServeArgs, serve};

/// A machine that also compiles needs a while.
const READY_WITHIN: Duration = Duration::from_secs(90);

#[derive(Debug, Clone, Args)]
pub(crate) struct FleetArgs {
    /// The binary of every part; by default the `peal` beside this one
    #[arg(long, env = "PEAL_BIN")]
    pub(crate) peal: Option<PathBuf>,
    /// Another binary for the second edge: two releases in one fleet
    #[arg(long)]
    pub(crate) other_peal: Option<PathBuf>,
    #[arg(long, default_value = "3")]
    pub(crate) edges: usize,
    /// Threads of each edge
    #[arg(long, default_value = "1")]
    pub(crate) cores: usize,
    /// Milliseconds over which an edge that stops sends its clients elsewhere
    #[arg(long, default_value = "20000")]
    pub(crate) drain_ms: u64,
}

impl FleetArgs {
    fn binary(&self) -> io::Result<PathBuf> {
        match &self.peal {
            Some(path) => Ok(path.clone()),
            None => Ok(std::env::current_exe()?.with_file_name("peal")),
        }
    }
}

/// Where everything is, as `fleet.json` says it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Layout {
    /// Through nginx.
    pub(crate) url: String,
    pub(crate) api_url: String,
    pub(crate) edges: Vec<Edge>,
    pub(crate) redis_url: String,
    pub(crate) redis_replica_url: String,
    pub(crate) database_url: String,
    pub(crate) app: String,
    pub(crate) key: String,
    pub(crate) secret: String,
    /// Logs of all parts.
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Edge {
    pub(crate) url: String,
    pub(crate) admin_url: String,
    /// 0 while it is not there.
    pub(crate) pid: u32,
}

/// A running fleet. Fields are dropped in this order.
#[derive(Debug)]
pub(crate) struct Fleet {
    nginx: Option<Process>,
    edges: Vec<Process>,
    others: Vec<Process>,
    _postgres: EmbeddedPostgres,
    parts: Parts,
    pub(crate) layout: Layout,
    _folder: EphemeralDir,
}

impl Fleet {
    /// `base_port` gives every part its usual place from there on; without one, ports are free ones.
    ///
    /// # Errors
    /// A part that is not installed or does not start, with its log.
    pub(crate) fn start(args: &FleetArgs, base_port: Option<u16>) -> io::Result<Self> {
        let folder = EphemeralDir::create().map_err(io::Error::other)?;
        let postgres = start_postgres(folder.path())?;
        let ports = base_port.map_or_else(|| Ports::free(args.edges), |base| Ok(Ports::from(base, args.edges)))?;
        let parts = Parts { folder: folder.path().to_owned(), ports, database_url: postgres.url(), args: args.clone() };
        let mut others = parts.start_redis()?;
        parts.migrate()?;
        let app = seed::seed(&parts.database_url)?;
        others.push(parts.start_api()?);
        others.push(parts.start_meter()?);
        let edges = (0..args.edges).map(|index| parts.start_edge(index)).collect::<io::Result<Vec<_>>>()?;
        let layout = parts.layout(&app, &edges);
        let mut fleet = Self { nginx: None, edges, others, _postgres: postgres, parts, layout, _folder: folder };
        for index in 0..args.edges {
            fleet.wait_for_edge(index)?;
        }
        fleet.wait_for(&format!("{}/readyz", fleet.layout.api_url), None)?;
        fleet.nginx = Some(fleet.parts.start_nginx()?);
        fleet.wait_for(&format!("{}/readyz", fleet.layout.url), None)?;
        Ok(fleet)
    }

    fn wait_for_edge(&self, index: usize) -> io::Result<()> {
        self.wait_for(&format!("{}/readyz", self.layout.edges[index].url), Some(&self.edges[index]))
    }

    fn wait_for(&self, url: &str, process: Option<&Process>) -> io::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while get(url).map(|answer| answer.0).unwrap_or(0) != 200 {
            let ended = process.is_some_and(|process| !process.is_alive());
            if ended || Instant::now() > deadline {
                let logs = self.logs();
                return Err(io::Error::other(format!(
                    "{url} does not answer{}\n{logs}",
                    if ended { ": its process has ended" } else { "" }
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The last lines of every log.
    pub(crate) fn logs(&self) -> String {
        let logs = self.nginx.iter().chain(&self.edges).chain(&self.others);
        logs.map(|process| format!("--- {}\n{}\n", process.name(), process.said())).collect()
    }

    /// The edges that have ended.
    pub(crate) fn ended(&self) -> Vec<usize> {
        (0..self.edges.len()).filter(|index| !self.edges[*index].is_alive()).collect()
    }

    /// Starts an edge again that has ended, and waits until it is ready. Answers the exit code of the one before.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start_again(&mut self, index: usize) -> io::Result<Option<i32>> {
        let code = self.edges[index].stop();
        self.layout.edges[index].pid = 0;
        self.edges[index] = self.parts.start_edge(index)?;
        self.wait_for_edge(index)?;
        self.layout.edges[index].pid = self.edges[index].pid();
        Ok(code)
    }

    /// Asks everything to stop, in order, so that usage is flushed and leases are given back.
    pub(crate) fn stop(mut self) {
        if let Some(mut nginx) = self.nginx.take() {
            nginx.stop();
        }
        self.edges.iter().for_each(Process::ask_to_stop);
        for edge in &mut self.edges {
            edge.stop();
        }
        // API and meter before Redis.
        for part in self.others.iter_mut().rev() {
            part.stop();
        }
    }
}

fn start_postgres(folder: &Path) -> io::Result<EmbeddedPostgres> {
    let place = folder.join("postgres");
    std::fs::create_dir_all(&place)?;
    let options = EmbeddedOptions { ephemeral: true, ..EmbeddedOptions::new(place) };
    EmbeddedPostgres::start(&options).map_err(|error| io::Error::other(format!("Postgres: {error}")))
}
