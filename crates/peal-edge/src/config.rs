//! What an edge node can be told.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use peal_core::limit::AddressLimits;
use peal_core::{Networks, TrustedProxies};

/// Configuration of one edge node. [`EdgeConfig::default`] suits a laptop.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Each is listened on by every core. Port 0 takes a free one.
    pub addrs: Vec<SocketAddr>,
    /// Threads that own connections, 1 to 64.
    pub cores: NonZeroUsize,
    /// This node's number in connection ids.
    pub node: u16,
    /// Sockets over all cores; admission answers with a close code from 90 % on, and drops beyond.
    pub connections_max: usize,
    /// WebSockets that each core upgrades in a second; more wait, up to a second, and those beyond are told to come back.
    pub handshakes_per_core: Option<NonZeroU32>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Their sockets begin with a PROXY protocol header, version 2.
    pub proxy_protocol: bool,
    /// What a client address may do before it has authenticated.
    pub address_limits: AddressLimits,
    /// Addresses that have no limits.
    pub address_exempt: Networks,
    /// This edge's public URL, for the `help_url` of problems: it serves the pages itself. Empty: where it listens.
    pub help_base: String,
    /// Bytes of one request body.
    pub body_bytes_max: usize,
    /// From the first byte of a connection to the end of its request head.
    pub head_timeout: Duration,
    /// When the node stops: the time over which its connections are sent elsewhere, each at a moment of its own.
    pub drain: Duration,
    /// The folder in which usage is kept until Postgres has it; without one, a crash loses what was not sent.
    pub usage_spool: Option<PathBuf>,
    /// How often usage is collected and sent.
    pub usage_every: Duration,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self {
            addrs: vec![SocketAddr::from(([127, 0, 0, 1], 7100))],
            cores: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            node: 1,
            connections_max: 100_000,
            handshakes_per_core: None,
            trusted_proxies: TrustedProxies::default(),
            proxy_protocol: false,
            address_limits: AddressLimits::NONE,
            address_exempt: Networks::default(),
            help_base: String::new(),
            body_bytes_max: 2 * 1024 * 1024,
            head_timeout: Duration::from_secs(10),
            drain: Duration::from_millis(500),
            usage_spool: None,
            usage_every: Duration::from_secs(5),
        }
    }
}

/// A core is named by 6 bits in the mux's interest masks.
pub(crate) const CORES_MAX: usize = 64;
