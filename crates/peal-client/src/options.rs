//! What callers choose.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use peal_core::Position;
use peal_core::exchange::Direction;
use serde::{Serialize, Serializer};

/// Fetches a client token, at the start, before an expiry and after a refusal. An error is a sentence for a log.
pub type TokenSource = Arc<dyn Fn() -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

#[derive(Clone)]
pub enum Credentials {
    /// A public key id, where the app allows anonymous clients.
    Key(String),
    /// One token; when it is no longer good the client fails.
    Token(String),
    Source(TokenSource),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.debug_tuple("Key").field(key).finish(),
            Self::Token(_) => f.write_str("Token(…)"),
            Self::Source(_) => f.write_str("Source(…)"),
        }
    }
}

#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The edge, such as `http://127.0.0.1:7100`; `/v1/connect` is added.
    pub url: String,
    pub credentials: Credentials,
    /// Shown to operators, such as `peal-bench/0.1.0`.
    pub client: String,
    /// Sent as `Origin`, for keys that allow only some.
    pub origin: Option<String>,
    /// Requests that may wait for a connection; a further one is refused with `QueueFull`.
    pub queue_max: usize,
}

impl ConnectOptions {
    #[must_use]
    pub fn new(url: impl Into<String>, credentials: Credentials) -> Self {
        let client = concat!("peal-rust/", env!("CARGO_PKG_VERSION")).into();
        Self { url: url.into(), credentials, client, origin: None, queue_max: 1_000 }
    }

    #[must_use]
    pub fn with_key(url: impl Into<String>, key: impl Into<String>) -> Self {
        Self::new(url, Credentials::Key(key.into()))
    }

    #[must_use]
    pub fn with_token(url: impl Into<String>, token: impl Into<String>) -> Self {
        Self::new(url, Credentials::Token(token.into()))
    }

    #[must_use]
    pub fn with_token_source<F>(url: impl Into<String>, source: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, String>> + Send + 'static,
    {
        Self::new(url, Credentials::Source(Arc::new(move || Box::pin(source()))))
    }
}

/// What to replay to a new subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewind {
    /// 1 to 1,000.
    Count(u32),
    Seconds(u32),
}

impl Serialize for Rewind {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => s.serialize_u32(*count),
            Self::Seconds(seconds) => s.collect_str(&format_args!("{seconds}s")),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct SubscribeOptions {
    pub channel: String,
    /// A channel token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Resume after this position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewind: Option<Rewind>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub presence: bool,
    /// Events that may wait for a slow reader, at least 128. When they are full the subscription pauses, and goes on from its
    /// position once half of them have been read: what the server still keeps is replayed, what it does not is announced.
    /// Ephemeral messages meanwhile are lost.
    #[serde(skip)]
    pub inbox_max: usize,
    /// Yield a message again that has the id of a recent one, instead of dropping it. For tests.
    #[serde(skip)]
    pub duplicates: bool,
}

impl SubscribeOptions {
    #[must_use]
    pub fn new(channel: impl Into<String>) -> Self {
        Self { channel: channel.into(), token: None, position: None, rewind: None, presence: false, inbox_max: 10_000, duplicates: false }
    }

    #[must_use]
    pub fn after(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    #[must_use]
    pub fn rewind(mut self, rewind: Rewind) -> Self {
        self.rewind = Some(rewind);
        self
    }

    #[must_use]
    pub fn with_presence(mut self) -> Self {
        self.presence = true;
        self
    }

    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }
}

impl From<&str> for SubscribeOptions {
    fn from(channel: &str) -> Self {
        Self::new(channel)
    }
}

impl From<String> for SubscribeOptions {
    fn from(channel: String) -> Self {
        Self::new(channel)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublishOptions {
    /// Made up when absent, so that a repeat is harmless.
    pub id: Option<String>,
    /// Deliver to this connection too.
    pub echo: bool,
    /// Deliver in order but do not keep.
    pub ephemeral: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct HistoryOptions {
    /// 1 to 1,000; 100 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Position>,
    /// Newest first when absent.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "direction")]
    pub direction: Option<Direction>,
}

pub(crate) fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Forwards => "forwards",
        Direction::Backwards => "backwards",
    }
}

fn direction<S: Serializer>(direction: &Option<Direction>, s: S) -> Result<S::Ok, S::Error> {
    direction.map(direction_name).serialize(s)
}
