//! Which Redis, and how it is used.

use std::time::Duration;

use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisResult, TlsCertificates};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

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
        transport: Transport,
    },
}

/// How servers are reached.
#[derive(Clone)]
pub(super) enum Transport {
    Plain,
    /// Their certificates are vouched for by these (PEM), else by the system's.
    Tls {
        authorities: Option<Vec<u8>>,
    },
}

impl Transport {
    pub(super) fn client(&self, host: String, port: u16, login: RedisConnectionInfo) -> RedisResult<Client> {
        let addr = match self {
            Self::Plain => ConnectionAddr::Tcp(host, port),
            Self::Tls { .. } => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        };
        self.open(addr.into_connection_info()?.set_redis_settings(login))
    }

    fn open(&self, info: ConnectionInfo) -> RedisResult<Client> {
        match self {
            Self::Plain => Client::open(info),
            Self::Tls { authorities } => {
                // Fails if one was chosen before, which is as good.
                let _ = rustls::crypto::ring::default_provider().install_default();
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: authorities.clone() })
            }
        }
    }
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
const TLS_SENTINEL_SCHEME: &str = "rediss+sentinel://";

impl RedisOptions {
    /// `redis://[user:password@]host:port[/db]`, `redis+unix:///path`, or `redis+sentinel://[user:password@]host:port,host:port/name`,
    /// where user and password are those of the servers that the Sentinels watch. `rediss://` and `rediss+sentinel://` for TLS, also to
    /// the Sentinels, with certificates that the system trusts.
    ///
    /// # Errors
    /// What is wrong with the URL, without repeating it.
    pub fn new(url: &str) -> Result<Self, String> {
        Self::trusting(url, None)
    }

    /// As [`Self::new`]; with TLS the servers are vouched for by these certificates, in PEM, instead of the system's.
    ///
    /// # Errors
    /// What is wrong with the URL or the certificates, without repeating them.
    pub fn trusting(url: &str, authorities: Option<Vec<u8>>) -> Result<Self, String> {
        let tls = url.starts_with("rediss");
        if let Some(authorities) = &authorities {
            if !tls {
                return Err("certificates are of use only with rediss://".into());
            }
            if CertificateDer::pem_slice_iter(authorities).next().is_none_or(|first| first.is_err()) {
                return Err("the file of certificates holds none in PEM".into());
            }
        }
        let transport = if tls { Transport::Tls { authorities } } else { Transport::Plain };
        let servers = match url.strip_prefix(SENTINEL_SCHEME).or_else(|| url.strip_prefix(TLS_SENTINEL_SCHEME)) {
            Some(rest) => sentinels(rest, transport)?,
            None => Servers::One(client(url, &transport)?),
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

fn sentinels(rest: &str, transport: Transport) -> Result<Servers, String> {
    let (login, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (hosts, name) = rest.split_once('/').filter(|(hosts, name)| !hosts.is_empty() && !name.is_empty()).ok_or_else(|| {
        format!("{SENTINEL_SCHEME} needs the Sentinels and the name of the primary: {SENTINEL_SCHEME}host:26379,host:26379/name")
    })?;
    let scheme = if matches!(transport, Transport::Tls { .. }) { "rediss" } else { "redis" };
    let sentinels = hosts.split(',').map(|host| client(&format!("{scheme}://{host}"), &transport)).collect::<Result<_, _>>()?;
    let at = if login.is_empty() { "" } else { "@" };
    let login = format!("redis://{login}{at}localhost").into_connection_info().map_err(|_| "the login in the URL cannot be read")?;
    Ok(Servers::Sentinels { sentinels, name: name.into(), login: login.redis_settings().clone(), transport })
}

fn client(url: &str, transport: &Transport) -> Result<Client, String> {
    // The error may quote the URL, and the URL may hold a password.
    let info = url.into_connection_info().map_err(|error| format!("it is not the URL of a Redis ({})", error.category()))?;
    transport.open(info).map_err(|error| format!("the certificates cannot be used ({})", error.category()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_never_repeated() {
        for url in [
            "redis://127.0.0.1:6379",
            "redis://user:pw@host/3",
            "redis+sentinel://:pw@a:26379,b:26379/main",
            "rediss+sentinel://:pw@a:26379/main",
        ] {
            let options = RedisOptions::new(url).unwrap();
            assert!(!format!("{options:?}").contains("pw"), "{options:?}");
        }
        for url in ["http://user:secret@host", "redis+sentinel://secret@host", "redis+sentinel:///secret", "secret"] {
            let why = RedisOptions::new(url).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
