//! What can go wrong, once for all transports. [`ClientError::retryable`] is the answer to the question that callers have.

use peal_core::ErrorCode;
use serde::Deserialize;

/// A refusal of the server: a row of `docs/errors.md` and what is particular to this case. Over HTTP the sentence is called
/// `detail`, on a connection `message`; both are read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{name} ({code}): {message}")]
pub struct ServerError {
    pub code: u32,
    pub name: String,
    #[serde(alias = "detail")]
    pub message: String,
    #[serde(default)]
    pub retryable: bool,
    #[serde(default)]
    pub help_url: Option<String>,
    #[serde(default)]
    pub limit: Option<u64>,
    #[serde(default)]
    pub current: Option<u64>,
    /// Milliseconds.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// Over HTTP.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Over HTTP.
    #[serde(default)]
    pub status: Option<u16>,
}

impl ServerError {
    /// The row of the table, if this release knows it.
    #[must_use]
    pub fn error_code(&self) -> Option<ErrorCode> {
        ErrorCode::by_name(&self.name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Refused(Box<ServerError>),
    #[error("the server closed the connection with {code}: {reason}")]
    ClosedByServer { code: u16, reason: String },
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    #[error("the connection broke before the answer")]
    ConnectionLost,
    /// The connection stayed away for so long that a repeat could arrive twice.
    #[error("the connection broke before the answer; the message may or may not have been published")]
    Unconfirmed,
    #[error("nothing was heard from the server for too long")]
    Silence,
    #[error("{max} requests wait for a connection already")]
    QueueFull { max: usize },
    #[error("no token: {0}")]
    TokenUnavailable(String),
    #[error("this client is closed")]
    Closed,
    #[error("this client has a subscription to {0} already")]
    AlreadySubscribed(String),
    #[error("not an address to connect to: {0}")]
    InvalidUrl(String),
    #[error("the server answered something unexpected: {0}")]
    UnexpectedAnswer(String),
    /// The value given cannot be sent.
    #[error("not JSON: {0}")]
    NotJson(String),
}

impl From<ServerError> for ClientError {
    fn from(error: ServerError) -> Self {
        Self::Refused(Box::new(error))
    }
}

impl ClientError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Refused(error) => error.retryable,
            Self::ClosedByServer { code, .. } => !(4000..4100).contains(code),
            Self::Unreachable(_) | Self::ConnectionLost | Self::Silence | Self::QueueFull { .. } | Self::TokenUnavailable(_) => true,
            Self::Unconfirmed
            | Self::Closed
            | Self::AlreadySubscribed(_)
            | Self::InvalidUrl(_)
            | Self::UnexpectedAnswer(_)
            | Self::NotJson(_) => false,
        }
    }

    /// The server's code, if the server refused.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(error) => error.error_code(),
            _ => None,
        }
    }
}
