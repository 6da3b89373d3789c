//! Which Redis, and how it is used.

use std::time::Duration;

use redis::{Client, IntoConnectionInfo, RedisConnectionInfo};

/// How a Redis broker is set up. [`RedisOptions::new`] has what a deployment needs.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    pub(super) servers: Servers,
    /// Deployments that share a Redis have different ones.
    pub prefix: String,
    /// How many parts the topics are spread over. The same on every node; the first node of a deployment decides.
    pub partitions: u16,
    /// How long a node's id and its members outlive it.
    pub lease: Duration,
    /// How often a node sends a probe into each partition; after two that did not come back the connections are made anew.
    pub echo_every: Duration,
    /// How often a node tells what it wrote, so that who missed the last publication of a topic notices.
    pub digest_every: Duration,
    /// How often the heads of busy topics are compared with what was heard.
    pub sweep_every: Duration,
}

/// Where the primary is found.
#[derive(Clone)]
pub(super) enum Servers {
    One(Client),
    /// Any of these names the primary.
    Sentinels {
        sentinels: Vec<Client>,
        name: String,
        login: RedisConnectionInfo,
    },
}

/// Never the address: it may hold a password.
impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::One(_) => "One",
            Self::Sentinels { .. } => "Sentinels",
        })
    }
}

const SENTINEL_SCHEME: &str = "redis+sentinel://";

impl RedisOptions {
    /// `redis://[user:password@]host:port[/db]`, `redis+unix:///path`, or `redis+sentinel://[user:password@]host:port,host:port/name`,
    /// where user and password are those of the servers that the Sentinels watch.
    ///
    /// # Errors
    /// What is wrong with the URL, without repeating it.
    pub fn new(url: &str) -> Result<Self, String> {
        let servers = match url.strip_prefix(SENTINEL_SCHEME) {
            Some(rest) => sentinels(rest)?,
            None => Servers::One(client(url)?),
        };
        let seconds = Duration::from_secs;
        Ok(Self {
            servers,
            prefix: "peal".into(),
            partitions: 4,
            lease: seconds(15),
            echo_every: seconds(5),
            digest_every: seconds(1),
            sweep_every: seconds(60),
        })
    }
}

fn sentinels(rest: &str) -> Result<Servers, String> {
    let (login, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (hosts, name) = rest.split_once('/').filter(|(hosts, name)| !hosts.is_empty() && !name.is_empty()).ok_or_else(|| {
        format!("{SENTINEL_SCHEME} needs the Sentinels and the name of the primary: {SENTINEL_SCHEME}host:26379,host:26379/name")
    })?;
    let sentinels = hosts.split(',').map(|host| client(&format!("redis://{host}"))).collect::<Result<_, _>>()?;
    let at = if login.is_empty() { "" } else { "@" };
    let login = format!("redis://{login}{at}localhost").into_connection_info().map_err(|_| "the login in the URL cannot be read")?;
    Ok(Servers::Sentinels { sentinels, name: name.into(), login: login.redis_settings().clone() })
}

fn client(url: &str) -> Result<Client, String> {
    // The error may quote the URL, and the URL may hold a password.
    Client::open(url).map_err(|error| format!("it is not the URL of a Redis ({})", error.category()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_never_repeated() {
        for url in ["redis://127.0.0.1:6379", "redis://user:pw@host/3", "redis+sentinel://:pw@a:26379,b:26379/main"] {
            let options = RedisOptions::new(url).unwrap();
            assert!(!format!("{options:?}").contains("pw"), "{options:?}");
        }
        for url in ["http://user:secret@host", "redis+sentinel://secret@host", "redis+sentinel:///secret", "secret"] {
            let why = RedisOptions::new(url).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
