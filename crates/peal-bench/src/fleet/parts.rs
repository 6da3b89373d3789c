//! How each part is started.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ports::Ports;
use super::process::Process;
use super::seed::{App, KEYRING};
use super::{Edge, FleetArgs, Layout, nginx};

#[derive(Debug)]
pub(super) struct Parts {
    pub(super) folder: PathBuf,
    pub(super) ports: Ports,
    pub(super) database_url: String,
    pub(super) args: FleetArgs,
}

fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

impl Parts {
    pub(super) fn layout(&self, app: &App, edges: &[Process]) -> Layout {
        let url = |port: u16| format!("http://{}", at(port));
        let each = edges.iter().zip(&self.ports.edges).zip(&self.ports.admins);
        Layout {
            url: url(self.ports.proxy),
            api_url: url(self.ports.api),
            edges: each.map(|((edge, port), admin)| Edge { url: url(*port), admin_url: url(*admin), pid: edge.pid() }).collect(),
            redis_url: format!("redis://{}", at(self.ports.redis)),
            redis_replica_url: format!("redis://{}", at(self.ports.replica)),
            database_url: self.database_url.clone(),
            app: app.id.into(),
            key: app.key.into(),
            secret: app.secret.into(),
            folder: self.folder.clone(),
        }
    }

    /// A primary and its replica; the edges know the primary.
    pub(super) fn start_redis(&self) -> io::Result<Vec<Process>> {
        let common = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--port"];
        let start = |name: &str, port: u16, more: &[String]| {
            let args: Vec<String> = common.iter().map(|&arg| arg.into()).chain([port.to_string()]).chain(more.iter().cloned()).collect();
            Process::start(name, &self.folder, Path::new("redis-server"), &args, &[])
        };
        let primary = start("redis", self.ports.redis, &[])?;
        let replica =
            start("redis-replica", self.ports.replica, &["--replicaof".into(), "127.0.0.1".into(), self.ports.redis.to_string()])?;
        Ok(vec![primary, replica])
    }

    pub(super) fn migrate(&self) -> io::Result<()> {
        let mut migrate = Command::new(self.args.binary()?);
        migrate.args(["migrate", "--database-url", &self.database_url]).env("PEAL_KEYRING", KEYRING);
        let done = migrate.output().map_err(|error| {
            io::Error::other(format!("cannot run {}: {error}; build it with `cargo build --bin peal`", migrate.get_program().display()))
        })?;
        if done.status.success() { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned())) }
    }

    pub(super) fn start_api(&self) -> io::Result<Process> {
        let args = ["api", "--api-addr", &at(self.ports.api), "--edge-url", &format!("http://{}", at(self.ports.proxy))];
        self.start_peal("api", &self.args.binary()?, &args)
    }

    pub(super) fn start_meter(&self) -> io::Result<Process> {
        self.start_peal("meter", &self.args.binary()?, &["meter"])
    }

    pub(super) fn start_edge(&self, index: usize) -> io::Result<Process> {
        let binary = match &self.args.other_peal {
            Some(other) if index == 1 => other.clone(),
            _ => self.args.binary()?,
        };
        let name = format!("edge-{}", index + 1);
        let spool = self.folder.join(format!("{name}-usage"));
        let args = [
            "edge",
            "--edge-addr",
            &at(self.ports.edges[index]),
            "--admin-addr",
            &at(self.ports.admins[index]),
            "--redis-url",
            &format!("redis://{}", at(self.ports.redis)),
            "--cores",
            &self.args.cores.to_string(),
            "--drain-ms",
            &self.args.drain_ms.to_string(),
            "--usage-spool",
            &spool.display().to_string(),
        ];
        self.start_peal(&name, &binary, &args)
    }

    fn start_peal(&self, name: &str, binary: &Path, args: &[&str]) -> io::Result<Process> {
        let args: Vec<String> = args.iter().map(|&arg| arg.into()).collect();
        let environment = [("PEAL_DATABASE_URL", self.database_url.as_str()), ("PEAL_KEYRING", KEYRING)];
        Process::start(name, &self.folder, binary, &args, &environment)
    }

    pub(super) fn start_nginx(&self) -> io::Result<Process> {
        let conf = self.folder.join("nginx.conf");
        std::fs::write(&conf, nginx::configuration(&self.ports))?;
        let path = |path: &Path| path.display().to_string();
        Process::start("nginx", &self.folder, Path::new("nginx"), &["-p".into(), path(&self.folder), "-c".into(), path(&conf)], &[])
    }
}
