//! The connections to the primary: one for commands, one for what is published.
//!
//! Invariant: a connection is used only after it was seen to be a primary that evicts nothing, with every script loaded, and the
//! two are replaced together, so that an answer and a delivery never come from different servers for long. Whoever meets an error that
//! a connection does not survive says so with the serial number of that connection; a report about an earlier one changes nothing.

use std::sync::Arc;
use std::time::Duration;

use peal_core::exchange::BrokerError;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::options::{RedisOptions, Servers};
use super::scripts::Loaded;

/// To connect, and to answer one command.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Callers wait this long for a new connection after one is lost, and are refused at once from then on.
const PATIENCE: Duration = Duration::from_secs(1);

/// Both connections.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) serial: u64,
    pub(super) commands: MultiplexedConnection,
    pub(super) sink: PubSubSink,
    pub(super) scripts: Loaded,
    client: Client,
    /// For what must not hold up the commands; made when it is needed first.
    second: Mutex<Option<MultiplexedConnection>>,
}

impl Up {
    /// A second connection for commands. It leads where the address leads by then, so who asks must check which server that is.
    pub(super) async fn second(&self) -> RedisResult<MultiplexedConnection> {
        let mut second = self.second.lock().await;
        if let Some(connection) = &*second {
            return Ok(connection.clone());
        }
        let connection = self.client.get_multiplexed_async_connection_with_config(&config()).await?;
        Ok(second.insert(connection).clone())
    }

    pub(super) async fn forget_second(&self) {
        *self.second.lock().await = None;
    }
}

#[derive(Debug, Clone)]
enum State {
    Up(Arc<Up>),
    Down { since: Instant, why: Arc<str> },
}

#[derive(Debug)]
pub(super) struct Link {
    state: watch::Sender<State>,
    broken: mpsc::UnboundedSender<(u64, String)>,
}

/// The other half: hears of broken connections.
pub(super) type Reports = mpsc::UnboundedReceiver<(u64, String)>;

impl Link {
    pub(super) fn new() -> (Self, Reports) {
        let (broken, reports) = mpsc::unbounded_channel();
        let (state, _) = watch::channel(State::Down { since: Instant::now(), why: "not connected yet".into() });
        (Self { state, broken }, reports)
    }

    /// The connections, or after a short wait why there are none.
    pub(super) async fn up(&self) -> Result<Arc<Up>, BrokerError> {
        let mut state = self.state.subscribe();
        loop {
            let deadline = match &*state.borrow_and_update() {
                State::Up(up) => return Ok(Arc::clone(up)),
                State::Down { since, .. } => *since + PATIENCE,
            };
            if !matches!(timeout_at(deadline, state.changed()).await, Ok(Ok(()))) {
                return match &*state.borrow() {
                    State::Up(up) => Ok(Arc::clone(up)),
                    State::Down { why, .. } => Err(BrokerError::Away(format!("Redis: {why}"))),
                };
            }
        }
    }

    /// The connections if they are there.
    pub(super) fn up_now(&self) -> Option<Arc<Up>> {
        match &*self.state.borrow() {
            State::Up(up) => Some(Arc::clone(up)),
            State::Down { .. } => None,
        }
    }

    /// Why calls are refused at this moment, if they are.
    pub(super) fn refusing(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Down { since, why } if since.elapsed() > PATIENCE => Some(format!("Redis: {why}")),
            State::Up(_) | State::Down { .. } => None,
        }
    }

    /// Why there are no connections, if there are none.
    pub(super) fn why_down(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Down { why, .. } => Some(format!("Redis: {why}")),
            State::Up(_) => None,
        }
    }

    pub(super) fn broken(&self, serial: u64, why: impl std::fmt::Display) {
        // The supervisor ends with the broker.
        let _ = self.broken.send((serial, why.to_string()));
    }

    /// Reports an error if the connection did not survive it.
    pub(super) fn judge(&self, serial: u64, error: &RedisError) {
        if is_fatal(error) {
            self.broken(serial, error);
        }
    }

    /// An answer, or the error that callers are told; a connection that did not survive it is reported.
    pub(super) fn checked<T>(&self, up: &Up, answer: RedisResult<T>) -> Result<T, BrokerError> {
        answer.map_err(|error| {
            self.judge(up.serial, &error);
            BrokerError::Away(format!("Redis: {error}"))
        })
    }

    pub(super) fn set_up(&self, up: Arc<Up>) {
        self.state.send_replace(State::Up(up));
    }

    pub(super) fn set_down(&self, why: &str) {
        self.state.send_modify(|state| match state {
            State::Up(_) => *state = State::Down { since: Instant::now(), why: why.into() },
            State::Down { why: known, .. } => *known = why.into(),
        });
    }
}

/// After these nothing more comes over the connection, or nothing that can be used.
pub(super) fn is_fatal(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || error.code() == Some("READONLY")
}

/// Connects and checks.
pub(super) async fn connect(options: &RedisOptions, serial: u64) -> Result<(Up, PubSubStream), String> {
    let client = resolve(&options.servers).await?;
    let commands = client.get_multiplexed_async_connection_with_config(&config()).await;
    let mut commands = commands.map_err(|error| why(&error))?;
    check(&mut commands).await?;
    let scripts = Loaded::load(&mut commands).await.map_err(|error| format!("the scripts cannot be loaded: {}", why(&error)))?;
    let subscriber = timeout(CONNECT_WITHIN + ANSWER_WITHIN, client.get_async_pubsub()).await;
    let (sink, stream) = subscriber.map_err(|_| "no connection for subscriptions in time")?.map_err(|error| why(&error))?.split();
    Ok((Up { serial, commands, sink, scripts, client, second: Mutex::default() }, stream))
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_WITHIN)).set_response_timeout(Some(ANSWER_WITHIN))
}

/// Errors of connecting may name the address but never hold what is in the URL.
fn why(error: &RedisError) -> String {
    error.to_string()
}

async fn check(connection: &mut MultiplexedConnection) -> Result<(), String> {
    let info: String = redis::cmd("INFO").arg("replication").query_async(connection).await.map_err(|error| why(&error))?;
    if field(&info, "role") != Some("master") {
        return Err("the server is a replica".into());
    }
    if replication_id(&info).is_none_or(|id| id.len() != 40 || !id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err("the server does not tell its replication id".into());
    }
    let cluster: String = redis::cmd("INFO").arg("cluster").query_async(connection).await.map_err(|error| why(&error))?;
    if field(&cluster, "cluster_enabled") == Some("1") {
        return Err("the server belongs to a Redis Cluster, which is not supported; use one primary, with Sentinels".into());
    }
    let memory: String = redis::cmd("INFO").arg("memory").query_async(connection).await.map_err(|error| why(&error))?;
    let policy = memory.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).map_or("unknown", str::trim);
    if policy != "noeviction" {
        return Err(format!("maxmemory-policy is {policy}: it would drop messages and members; set it to noeviction"));
    }
    Ok(())
}

fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// From `INFO replication`: which history of writes the server continues.
pub(super) fn replication_id(info: &str) -> Option<&str> {
    field(info, "master_replid")
}

async fn resolve(servers: &Servers) -> Result<Client, String> {
    let (sentinels, name, login, transport) = match servers {
        Servers::One(client) => return Ok(client.clone()),
        Servers::Sentinels { sentinels, name, login, transport } => (sentinels, name, login, transport),
    };
    let mut last = String::new();
    for sentinel in sentinels {
        match ask(sentinel, name).await {
            Ok((host, port)) => return transport.client(host, port, login.clone()).map_err(|error| why(&error)),
            Err(reason) => last = reason,
        }
    }
    Err(format!("no Sentinel names a primary: {last}"))
}

async fn ask(sentinel: &Client, name: &str) -> Result<(String, u16), String> {
    let mut connection = sentinel.get_multiplexed_async_connection_with_config(&config()).await.map_err(|error| why(&error))?;
    let answer: Option<(String, u16)> =
        redis::cmd("SENTINEL").arg("get-master-addr-by-name").arg(name).query_async(&mut connection).await.map_err(|error| why(&error))?;
    answer.ok_or_else(|| "it does not know that name".into())
}
