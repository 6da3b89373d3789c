//! Every setting of `peal dev`, `edge`, `api`, `meter` and `migrate`, each defined once.
//!
//! The field name is the key in the configuration file, and with `PEAL_` before it in capitals the environment variable; a test
//! checks that. Flag wins over environment, environment over file, file over default ([`crate::config`]).

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use peal_core::limit::AddressLimits;
use peal_core::{AppId, KeyId, Networks, TrustedProxies};
use secrecy::SecretString;

use crate::logging::LogFormat;

/// Their values are never printed; see [`crate::config::redact`].
pub(crate) const SECRET: [&str; 4] = ["database_url", "redis_url", "keyring", "seed_app"];

/// With those of the commands that are no servers.
pub(crate) const SECRET_FLAGS: [&str; 6] = ["--database-url", "--redis-url", "--keyring", "--seed-app", "--key", "--token"];

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) edge: EdgeListenArgs,
    #[command(flatten)]
    pub(crate) api: ApiListenArgs,
    #[command(flatten)]
    pub(crate) proxies: ProxyArgs,
    #[command(flatten)]
    pub(crate) addresses: AddressArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    #[command(flatten)]
    pub(crate) database: DevDatabaseArgs,
    #[command(flatten)]
    pub(crate) dev: DevOnlyArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EdgeArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) edge: EdgeListenArgs,
    #[command(flatten)]
    pub(crate) proxies: ProxyArgs,
    #[command(flatten)]
    pub(crate) addresses: AddressArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// Where usage is kept until the database has it; a disk that survives the process, and one folder per node
    #[arg(long, env = "PEAL_USAGE_SPOOL", value_name = "DIR", default_value = ".peal/usage")]
    pub(crate) usage_spool: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ApiArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) api: ApiListenArgs,
    #[command(flatten)]
    pub(crate) proxies: ProxyArgs,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MeterArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CommonArgs {
    /// Read settings from this TOML file
    #[arg(long, env = "PEAL_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What to log: a level, or targets with levels such as `info,peal_edge=debug`
    #[arg(long, env = "PEAL_LOG", value_name = "FILTER", default_value = "info")]
    pub(crate) log: String,
    /// How to log: text on a terminal and JSON elsewhere, or always one of them
    #[arg(long, env = "PEAL_LOG_FORMAT", value_enum, default_value = "auto")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Args)]
pub(crate) struct EdgeListenArgs {
    /// Where clients connect; may repeat, for example for IPv4 and IPv6
    #[arg(long, env = "PEAL_EDGE_ADDR", value_name = "ADDR", default_value = "127.0.0.1:7100", value_delimiter = ',')]
    pub(crate) edge_addr: Vec<SocketAddr>,
    /// Threads that own connections, 1 to 64; by default what affinity and cgroup allow
    #[arg(long, env = "PEAL_CORES", value_name = "N", value_parser = cores)]
    pub(crate) cores: Option<NonZeroUsize>,
    /// Sockets that this node holds at most; by default what the file limit allows
    #[arg(long, env = "PEAL_CONNECTIONS_MAX", value_name = "N")]
    pub(crate) connections_max: Option<NonZeroUsize>,
    /// WebSockets that each core upgrades in a second; more wait, up to a second, and those beyond are told to come back. 0 is no limit; 1000
    /// by default, none for `peal dev`
    #[arg(long, env = "PEAL_HANDSHAKES_PER_CORE", value_name = "N")]
    pub(crate) handshakes_per_core: Option<u32>,
    /// The Redis that nodes share, `redis://host:port` or `redis+sentinel://host:port,host:port/name`, with TLS `rediss://` and
    /// `rediss+sentinel://`; without one a node serves alone
    #[arg(long, env = "PEAL_REDIS_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) redis_url: Option<String>,
    /// Certificates, in PEM, that vouch for a Redis reached by TLS; by default those that the system trusts
    #[arg(long, env = "PEAL_REDIS_CA", value_name = "FILE", requires = "redis_url")]
    pub(crate) redis_ca: Option<PathBuf>,
    /// Milliseconds over which connections are sent elsewhere when the node stops, each at a moment of its own; 20000 by default, 0 for `peal dev`
    #[arg(long, env = "PEAL_DRAIN_MS", value_name = "MS")]
    pub(crate) drain_ms: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ApiListenArgs {
    /// Where the dashboard and the control-plane API listen
    #[arg(long, env = "PEAL_API_ADDR", value_name = "ADDR", default_value = "127.0.0.1:7200")]
    pub(crate) api_addr: SocketAddr,
    /// Where browsers reach the dashboard; by default it follows from the address
    #[arg(long, env = "PEAL_PUBLIC_URL", value_name = "URL", value_parser = base_url)]
    pub(crate) public_url: Option<String>,
    /// Where browsers reach the edge; by default it follows from the edge's address, and for `peal api` it is http://127.0.0.1:7100
    #[arg(long, env = "PEAL_EDGE_URL", value_name = "URL", value_parser = base_url)]
    pub(crate) edge_url: Option<String>,
    /// Serve the dashboard from this folder instead of the one built in
    #[arg(long, env = "PEAL_DASHBOARD_DIR", value_name = "DIR")]
    pub(crate) dashboard_dir: Option<PathBuf>,
    /// Whether strangers may sign up
    #[arg(long, env = "PEAL_SIGNUPS", value_name = "BOOL", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set, default_value = "true")]
    pub(crate) signups: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    /// Proxies whose X-Forwarded-For is believed: addresses and networks, separated by commas
    #[arg(long, env = "PEAL_TRUSTED_PROXIES", value_name = "NETWORKS")]
    pub(crate) trusted_proxies: Option<TrustedProxies>,
}

/// Who is at the other end of a socket, and its limits before authentication.
#[derive(Debug, Args)]
pub(crate) struct AddressArgs {
    /// Sockets that trusted proxies open to the edge begin with a PROXY protocol header, version 2
    #[arg(long, env = "PEAL_PROXY_PROTOCOL", value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", action = clap::ArgAction::Set)]
    pub(crate) proxy_protocol: bool,
    /// WebSockets that one client address may open per second, 20 seconds' worth at once; 0 is no limit; 100 by default, 0 for `peal dev`
    #[arg(long, env = "PEAL_ADDRESS_OPENS_PER_SECOND", value_name = "N")]
    pub(crate) address_opens_per_second: Option<u32>,
    /// Authentications of one client address that may fail per second, 20 seconds' worth at once; 0 is no limit; 10 by default, 0 for `peal dev`
    #[arg(long, env = "PEAL_ADDRESS_FAILURES_PER_SECOND", value_name = "N")]
    pub(crate) address_failures_per_second: Option<u32>,
    /// Open sockets of one client address that have not authenticated; 0 is no limit; 500 by default, 0 for `peal dev`
    #[arg(long, env = "PEAL_ADDRESS_UNAUTHENTICATED_MAX", value_name = "N")]
    pub(crate) address_unauthenticated_max: Option<u32>,
    /// Client addresses without these limits: addresses and networks, separated by commas
    #[arg(long, env = "PEAL_ADDRESS_EXEMPT", value_name = "NETWORKS", default_value = "127.0.0.0/8,::1")]
    pub(crate) address_exempt: Networks,
}

impl AddressArgs {
    /// What is not given is as by default.
    pub(crate) fn limits(&self, default: AddressLimits) -> AddressLimits {
        let or = |given: Option<u32>, default| given.map_or(default, NonZeroU32::new);
        AddressLimits {
            opens_per_second: or(self.address_opens_per_second, default.opens_per_second),
            failures_per_second: or(self.address_failures_per_second, default.failures_per_second),
            unauthenticated: or(self.address_unauthenticated_max, default.unauthenticated),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// Where the operator reads /metrics and health; not for the public
    #[arg(long, env = "PEAL_ADMIN_ADDR", value_name = "ADDR", default_value = "127.0.0.1:7300")]
    pub(crate) admin_addr: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// The Postgres database
    #[arg(long, env = "PEAL_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// The master keys, `name:base64` separated by commas; better given by environment, where other users do not see it
    #[arg(long, env = "PEAL_KEYRING", value_name = "KEYS", hide_env_values = true)]
    pub(crate) keyring: Option<SecretString>,
    /// A file with the master keys, readable by its owner alone
    #[arg(long, env = "PEAL_KEYRING_FILE", value_name = "FILE", conflicts_with = "keyring")]
    pub(crate) keyring_file: Option<PathBuf>,
    /// Connections to Postgres at most
    #[arg(long, env = "PEAL_DATABASE_CONNECTIONS", value_name = "N", default_value = "10")]
    pub(crate) database_connections: u32,
    /// A TOML file with the plans and their limits, in place of those built in; the same for every process
    #[arg(long, env = "PEAL_PLANS_FILE", value_name = "FILE")]
    pub(crate) plans_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DevDatabaseArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// The folder with initdb and postgres for the private Postgres; by default one is looked for
    #[arg(long, env = "PEAL_POSTGRES_BIN", value_name = "DIR")]
    pub(crate) postgres_bin: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DevOnlyArgs {
    /// Where the database, the keyring and the development credentials are kept
    #[arg(long, env = "PEAL_DATA_DIR", value_name = "DIR", default_value = ".peal")]
    pub(crate) data_dir: PathBuf,
    /// Keep nothing: a temporary data directory, removed at the end
    #[arg(long, env = "PEAL_EPHEMERAL", value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", action = clap::ArgAction::Set)]
    pub(crate) ephemeral: bool,
    /// Make an app with exactly these credentials; may repeat
    #[arg(long, env = "PEAL_SEED_APP", value_name = "ID:KEY:SECRET", value_delimiter = ' ', hide_env_values = true)]
    pub(crate) seed_app: Vec<SeedCredentials>,
    /// Register a webhook for all event types of a seeded app; may repeat (not available yet)
    #[arg(long, env = "PEAL_SEED_WEBHOOK", value_name = "APP_ID=URL", value_delimiter = ' ')]
    pub(crate) seed_webhook: Vec<String>,
    /// Write one JSON object with URLs and credentials here once everything serves
    #[arg(long, env = "PEAL_READY_FILE", value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// `ID:KEY:SECRET`; the secret may contain colons.
#[derive(Debug, Clone)]
pub(crate) struct SeedCredentials {
    pub(crate) app_id: AppId,
    pub(crate) key_id: KeyId,
    pub(crate) secret: SecretString,
}

impl FromStr for SeedCredentials {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        let (Some(app), Some(key), Some(secret)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("it must be ID:KEY:SECRET".to_owned());
        };
        if secret.is_empty() {
            return Err("the secret is empty".to_owned());
        }
        Ok(Self {
            app_id: app.parse().map_err(|_| "the app id must be 1 to 15 decimal digits".to_owned())?,
            key_id: key.parse().map_err(|_| "the key must be 1 to 64 of A-Z a-z 0-9 _ -".to_owned())?,
            secret: secret.into(),
        })
    }
}

fn cores(text: &str) -> Result<NonZeroUsize, String> {
    let cores: NonZeroUsize = text.parse().map_err(|_| "it must be a number from 1 to 64".to_owned())?;
    if cores.get() > 64 { Err("it must be a number from 1 to 64".to_owned()) } else { Ok(cores) }
}

/// Without a trailing slash, so that paths can be appended.
pub(crate) fn base_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest.map(|rest| rest.trim_end_matches('/')) {
        Some(host) if !host.is_empty() && !host.contains('/') => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err("it must be http:// or https:// with a host and no path".to_owned()),
    }
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Pretty, Self::Json]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::Auto => "auto",
            Self::Pretty => "pretty",
            Self::Json => "json",
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_may_contain_colons_but_not_be_empty() {
        let seed: SeedCredentials = "1234:key:a:b".parse().unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&seed.secret), "a:b");
        assert!("1234:key:".parse::<SeedCredentials>().is_err());
        assert!("1234:key".parse::<SeedCredentials>().is_err());
        assert!("app:key:secret".parse::<SeedCredentials>().is_err());
        assert!(!format!("{seed:?}").contains("a:b"));
    }

    #[test]
    fn an_address_limit_of_zero_is_none_and_one_that_is_not_given_is_the_default() {
        let args = AddressArgs {
            proxy_protocol: false,
            address_opens_per_second: Some(0),
            address_failures_per_second: Some(7),
            address_unauthenticated_max: None,
            address_exempt: Networks::default(),
        };
        let AddressLimits { opens_per_second, failures_per_second, unauthenticated } = args.limits(AddressLimits::DEFAULT);
        assert_eq!((opens_per_second, failures_per_second.map(u32::from)), (None, Some(7)));
        assert_eq!(unauthenticated, AddressLimits::DEFAULT.unauthenticated);
        assert_eq!(args.limits(AddressLimits::NONE).unauthenticated, None);
    }

    #[test]
    fn base_urls_have_no_path() {
        assert_eq!(base_url("https://x.example/").unwrap(), "https://x.example");
        for wrong in ["x.example", "ftp://x", "https://", "http://x/path"] {
            assert!(base_url(wrong).is_err(), "{wrong}");
        }
    }
}
