//! Real Redis servers for tests: each its own process on a free loopback port, killed, restarted, frozen and promoted by the test.
//!
//! A server must not outlive its owner, not even one that is killed. So a shell stands between, as for [`crate::postgres`]: it waits for the end
//! of its input, which comes when the owner closes it or dies, then kills the server and removes its folder. So a static one is fine.

mod tls;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub use tls::TlsPort;

/// Another server that speaks the protocol, such as `valkey-server`: a name in the path or an absolute path.
pub const PROGRAM_VARIABLE: &str = "PEAL_TEST_REDIS";

/// Arguments: the folder of the server, then the command line of the server.
const KEEPER: &str = r#"
folder=$1; shift
cd "$folder" || exit 1
"$@" >"$folder/log" 2>&1 </dev/null &
server=$!
echo $server
read -r keep
kill -KILL $server 2>/dev/null
wait $server 2>/dev/null
[ "$keep" = keep ] || rm -rf "$folder"
"#;

/// Nothing here takes longer; a wait that does has failed.
const PATIENCE: Duration = Duration::from_secs(20);

const SETTINGS: [&str; 14] = [
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--appendonly",
    "no",
    "--repl-diskless-sync-delay",
    "0",
    "--maxmemory-policy",
    "noeviction",
    "--repl-ping-replica-period",
    "1",
    "--daemonize",
    "no",
];

/// One server. Dropping it kills it.
#[derive(Debug)]
pub struct RedisServer {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    keeper: Option<Keeper>,
}

#[derive(Debug)]
struct Keeper {
    shell: Child,
    server: u32,
}

impl RedisServer {
    /// # Panics
    /// When no Redis is installed, or it does not start, with its log.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With more settings, as pairs `--name value`.
    #[must_use]
    pub fn start_with(settings: &[&str]) -> Self {
        Self::start_program(&program(), settings)
    }

    /// A replica that is connected: what the primary acknowledges from here on reaches it.
    #[must_use]
    pub fn start_replica_of(primary: &Self) -> Self {
        let replica = Self::start();
        replica.follow(primary);
        replica
    }

    /// A Sentinel that alone decides when this primary has failed, within a second.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_sentinel(primary: &Self, name: &str) -> Self {
        Self::start_watching("127.0.0.1", primary.port, name, "")
    }

    fn start_watching(host: &str, port: u16, name: &str, settings: &str) -> Self {
        let settings = format!(
            "{settings}sentinel monitor {name} {host} {port} 1\nsentinel down-after-milliseconds {name} 300\nsentinel failover-timeout {name} 2000\n"
        );
        let folder = tempfile::Builder::new().prefix("peal-sentinel-").tempdir().expect("a temporary folder can be made").keep();
        std::fs::write(folder.join("sentinel.conf"), settings).expect("the folder can be written to");
        let settings = [program().as_str(), "sentinel.conf", "--sentinel", "--bind", "127.0.0.1"].map(str::to_owned).to_vec();
        let mut sentinel = Self { folder, port: free_port(), settings, keeper: None };
        sentinel.launch().expect("a Sentinel starts");
        wait_until("the Sentinel knows the replica", || sentinel.command(&["SENTINEL", "replicas", name]).contains("slave"));
        sentinel
    }

    fn start_program(program: &str, settings: &[&str]) -> Self {
        let mut last = String::new();
        // Between finding a free port and taking it, somebody else may have taken it.
        for _ in 0..10 {
            let folder = tempfile::Builder::new().prefix("peal-redis-").tempdir().expect("a temporary folder can be made").keep();
            let settings: Vec<String> = [program].iter().chain(&SETTINGS).chain(settings).map(|text| (*text).to_owned()).collect();
            let mut server = Self { folder, port: free_port(), settings, keeper: None };
            match server.launch() {
                Ok(()) => return server,
                Err(why) => last = why,
            }
        }
        panic!("{program} does not start; is it installed? {last}");
    }

    fn launch(&mut self) -> Result<(), String> {
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(&self.folder).args(&self.settings).args(["--port", &self.port.to_string()]);
        let mut shell =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(|error| error.to_string())?;
        let mut pid = String::new();
        let output = shell.stdout.take().ok_or("the shell has no output")?;
        BufReader::new(output).read_line(&mut pid).map_err(|error| error.to_string())?;
        let server = pid.trim().parse().map_err(|_| format!("no process id but {pid:?}"))?;
        self.keeper = Some(Keeper { shell, server });
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.try_command(&["PING"]).is_ok_and(|answer| answer == "PONG") && self.is_alive() {
                return Ok(());
            }
            if !self.is_alive() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.kill();
        Err(std::fs::read_to_string(self.folder.join("log")).unwrap_or_default())
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn is_alive(&self) -> bool {
        let Some(keeper) = &self.keeper else { return false };
        // A zombie of the shell is not alive.
        let status = std::fs::read_to_string(format!("/proc/{}/stat", keeper.server)).unwrap_or_default();
        status.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z') && !rest.is_empty())
    }

    /// As a power cut would: nothing is written, nobody is told. What was saved before stays for [`Self::restart`].
    pub fn kill(&mut self) {
        self.end(b"keep\n");
    }

    fn end(&mut self, last_words: &[u8]) {
        if let Some(mut keeper) = self.keeper.take() {
            // A shell that is gone has killed the server already.
            let _ = keeper.shell.stdin.take().map(|mut input| input.write_all(last_words));
            let _ = keeper.shell.wait();
        }
    }

    /// Starts again on the same port, with what it had saved: nothing, unless settings say so.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.kill();
        self.launch().expect("Redis starts again");
    }

    /// Dies, and comes back on the same port with what `other` has: as if that one had been promoted and taken over the address.
    ///
    /// # Panics
    /// When the other cannot save or this one does not start.
    pub fn become_what(&mut self, other: &Self) {
        self.kill();
        other.command(&["SAVE"]);
        std::fs::copy(other.folder.join("dump.rdb"), self.folder.join("dump.rdb")).expect("the snapshot can be copied");
        self.launch().expect("Redis starts again");
    }

    /// Stops the process where it stands; connections stay open and silent.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let keeper = self.keeper.as_ref().expect("the server runs");
        let sent = Command::new("kill").args([signal, &keeper.server.to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the server takes a signal");
    }

    /// Becomes a replica, and waits until the primary streams to it (a link that is up is not yet one that carries anything).
    pub fn follow(&self, primary: &Self) {
        self.command(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
        let own = format!("port={},state=online", self.port);
        wait_until("the replica is online", || primary.command(&["INFO", "replication"]).contains(&own));
        primary.command(&["SET", "testkit:online", "1"]);
        wait_until("the replica has what the primary has", || self.command(&["EXISTS", "testkit:online"]) == "1");
        primary.command(&["DEL", "testkit:online"]);
    }

    pub fn promote(&self) {
        self.command(&["REPLICAOF", "NO", "ONE"]);
    }

    /// One command on its own connection; the answer flattened to text, one line per element.
    ///
    /// # Panics
    /// When the server is not there or answers with an error.
    pub fn command(&self, arguments: &[&str]) -> String {
        self.try_command(arguments).unwrap_or_else(|why| panic!("{arguments:?}: {why}"))
    }

    /// # Errors
    /// What the connection or the server says.
    pub fn try_command(&self, arguments: &[&str]) -> Result<String, String> {
        let failed = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let mut request = format!("*{}\r\n", arguments.len());
        for argument in arguments {
            request += &format!("${}\r\n{argument}\r\n", argument.len());
        }
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let mut lines = Vec::new();
        answer(&mut BufReader::new(stream), &mut lines)?;
        Ok(lines.join("\n"))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.end(b"");
        // The shell has removed it, unless the server was killed before.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn answer(from: &mut impl BufRead, lines: &mut Vec<String>) -> Result<(), String> {
    let mut line = String::new();
    from.read_line(&mut line).map_err(|error| error.to_string())?;
    let text = line.trim_end();
    let (kind, rest) = text.split_at_checked(1).ok_or("the connection ended")?;
    match kind {
        "-" => Err(rest.to_owned()),
        "$" => {
            let length: i64 = rest.parse().map_err(|_| "no length")?;
            let mut body = vec![0; usize::try_from(length).map_or(0, |length| length + 2)];
            from.read_exact(&mut body).map_err(|error| error.to_string())?;
            lines.push(String::from_utf8_lossy(body.strip_suffix(b"\r\n").unwrap_or(&body)).into_owned());
            Ok(())
        }
        "*" => {
            let count: i64 = rest.parse().map_err(|_| "no count")?;
            (0..count).try_for_each(|_| answer(from, lines))
        }
        _ => {
            lines.push(rest.to_owned());
            Ok(())
        }
    }
}

/// Looks until something is so.
///
/// # Panics
/// When it does not come about.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not come about that {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn program() -> String {
    std::env::var(PROGRAM_VARIABLE).unwrap_or_else(|_| "redis-server".into())
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a port is free").port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_starts_is_killed_and_comes_back_empty() {
        let mut server = RedisServer::start();
        server.command(&["SET", "key", "value"]);
        assert_eq!(server.command(&["GET", "key"]), "value");
        server.kill();
        assert!(server.try_command(&["PING"]).is_err());
        server.restart();
        assert_eq!(server.command(&["EXISTS", "key"]), "0");
    }

    #[test]
    fn a_replica_has_what_its_primary_has_and_can_be_promoted() {
        let primary = RedisServer::start();
        let replica = RedisServer::start_replica_of(&primary);
        primary.command(&["SET", "key", "value"]);
        wait_until("the key is there", || replica.command(&["EXISTS", "key"]) == "1");
        assert!(replica.try_command(&["SET", "key", "other"]).is_err_and(|why| why.starts_with("READONLY")));
        replica.promote();
        replica.command(&["SET", "key", "other"]);
    }
}
