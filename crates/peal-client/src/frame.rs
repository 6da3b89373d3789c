//! The JSON of the native protocol as a client reads and writes it (protocol 1 to 3).

use std::sync::Arc;

use peal_core::Position;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{ClientError, ServerError};
use crate::message::{Discontinuity, HistoryPage, Member, Message, PresenceChange};

/// One object of a server frame: a reply if it has an `id`, else a push. Kinds that this release does not know are all `None`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Frame {
    pub(crate) id: Option<u64>,
    pub(crate) ok: Option<Box<RawValue>>,
    pub(crate) error: Option<ServerError>,
    pub(crate) message: Option<WirePublication>,
    pub(crate) presence: Option<OnChannel<PresenceChange>>,
    pub(crate) discontinuity: Option<OnChannel<Discontinuity>>,
    pub(crate) unsubscribed: Option<Unsubscribed>,
    pub(crate) expiring: Option<serde::de::IgnoredAny>,
    pub(crate) goaway: Option<GoAway>,
}

impl Frame {
    /// The objects of one WebSocket frame, in order.
    pub(crate) fn all_of(text: &str) -> impl Iterator<Item = Result<Self, ClientError>> {
        text.split('\n').filter(|line| !line.trim().is_empty()).map(|line| {
            serde_json::from_str(line)
                .map_err(|error| ClientError::UnexpectedAnswer(format!("a frame that is not of the protocol: {error}")))
        })
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct WirePublication {
    /// Absent in history.
    pub(crate) channel: Option<Arc<str>>,
    pub(crate) position: Option<Position>,
    pub(crate) id: Arc<str>,
    pub(crate) ts: u64,
    pub(crate) client_id: Option<Arc<str>>,
    pub(crate) event: Option<Arc<str>>,
    pub(crate) data: Option<Box<RawValue>>,
    pub(crate) encoding: Option<String>,
    pub(crate) messages: Option<Vec<WireMessage>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct WireMessage {
    pub(crate) event: Option<Arc<str>>,
    pub(crate) data: Option<Box<RawValue>>,
    pub(crate) encoding: Option<String>,
}

/// A push about a channel. Not flattened by serde, which would buffer the raw JSON within.
#[derive(Debug)]
pub(crate) struct OnChannel<T> {
    pub(crate) channel: Arc<str>,
    pub(crate) inner: T,
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for OnChannel<T> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Named {
            channel: Arc<str>,
        }
        let raw = Box::<RawValue>::deserialize(d)?;
        let read = |error: serde_json::Error| serde::de::Error::custom(error);
        let Named { channel } = serde_json::from_str(raw.get()).map_err(read)?;
        Ok(Self { channel, inner: serde_json::from_str(raw.get()).map_err(read)? })
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Unsubscribed {
    pub(crate) channel: Arc<str>,
    pub(crate) error: Option<ServerError>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct GoAway {
    #[serde(default)]
    pub(crate) retry_in: u64,
}

/// The reply to `connect`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Connected {
    pub(crate) connection: String,
    pub(crate) client_id: Option<String>,
    #[serde(default = "default_ping")]
    pub(crate) ping: u64,
}

fn default_ping() -> u64 {
    25_000
}

/// The reply to `subscribe`.
#[derive(Debug, Deserialize)]
pub(crate) struct SubscribeReply {
    pub(crate) position: Position,
    #[serde(default)]
    pub(crate) recovered: bool,
    #[serde(default)]
    pub(crate) replay: u64,
    pub(crate) reason: Option<String>,
    pub(crate) presence: Option<Members>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Members {
    #[serde(default)]
    pub(crate) members: Vec<Member>,
}

/// The reply to `history`, over both transports.
#[derive(Debug, Deserialize)]
pub(crate) struct HistoryReply {
    pub(crate) messages: Vec<WirePublication>,
    pub(crate) more: bool,
}

impl TryFrom<HistoryReply> for HistoryPage {
    type Error = ClientError;

    fn try_from(reply: HistoryReply) -> Result<Self, ClientError> {
        let publications: Vec<Vec<Message>> = reply.messages.into_iter().map(Message::all_of).collect::<Result<_, _>>()?;
        Ok(Self { messages: publications.concat(), more: reply.more })
    }
}

/// The text of one request.
pub(crate) fn request(id: u64, operation: &str, body: &RawValue) -> String {
    format!(r#"{{"id":{id},"{operation}":{}}}"#, body.get())
}

/// The body of a request.
pub(crate) fn body(value: &impl Serialize) -> Result<Box<RawValue>, ClientError> {
    serde_json::value::to_raw_value(value).map_err(|error| ClientError::NotJson(error.to_string()))
}

/// What a reply holds.
pub(crate) fn read<T: serde::de::DeserializeOwned>(reply: &RawValue) -> Result<T, ClientError> {
    serde_json::from_str(reply.get()).map_err(|error| ClientError::UnexpectedAnswer(error.to_string()))
}
