//! What an application sees: messages, presence, and the places where something is missing.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use peal_core::Position;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::ClientError;
use crate::frame::WirePublication;

/// What was published.
#[derive(Debug, Clone)]
pub enum Payload {
    /// JSON text as published.
    Json(Arc<str>),
    /// A string from a Pusher publisher, byte for byte; often JSON in itself.
    Text(Arc<str>),
    Binary(Bytes),
}

impl Payload {
    pub(crate) fn read(data: Option<Box<RawValue>>, encoding: Option<&str>) -> Result<Self, ClientError> {
        let text = data.as_deref().map_or("null", RawValue::get);
        match encoding {
            Some("text") => Ok(Self::Text(string(text)?.into())),
            Some("base64") => STANDARD
                .decode(string(text)?)
                .map(|bytes| Self::Binary(bytes.into()))
                .map_err(|error| ClientError::UnexpectedAnswer(format!("base64 data: {error}"))),
            _ => Ok(Self::Json(text.into())),
        }
    }

    /// Reads JSON; a text is tried as JSON too, as the JavaScript SDKs do.
    ///
    /// # Errors
    /// `NotJson` if it is binary or of another shape.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        match self {
            Self::Json(text) | Self::Text(text) => serde_json::from_str(text).map_err(|error| ClientError::NotJson(error.to_string())),
            Self::Binary(_) => Err(ClientError::NotJson("it is binary".into())),
        }
    }

    /// JSON text or the string itself; `None` if binary.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Json(text) | Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(text) | Self::Text(text) => f.write_str(text),
            Self::Binary(bytes) => f.write_str(&STANDARD.encode(bytes)),
        }
    }
}

fn string(json: &str) -> Result<String, ClientError> {
    serde_json::from_str(json).map_err(|error| ClientError::UnexpectedAnswer(format!("encoded data is not a string: {error}")))
}

#[derive(Debug, Clone)]
pub struct Message {
    /// `None` if ephemeral. The messages of one publication share it.
    pub position: Option<Position>,
    pub id: Arc<str>,
    /// Unix milliseconds.
    pub ts: u64,
    pub event: Arc<str>,
    pub data: Payload,
    pub client_id: Option<Arc<str>>,
}

impl Message {
    /// The messages of one publication, in order.
    pub(crate) fn all_of(publication: WirePublication) -> Result<Vec<Self>, ClientError> {
        let WirePublication { position, id, ts, client_id, event, data, encoding, messages, .. } = publication;
        let message = |event: Option<Arc<str>>, data, encoding: Option<String>| {
            Ok(Self {
                position,
                id: Arc::clone(&id),
                ts,
                event: event.unwrap_or_else(|| "message".into()),
                data: Payload::read(data, encoding.as_deref())?,
                client_id: client_id.clone(),
            })
        };
        match messages {
            Some(items) => items.into_iter().map(|item| message(item.event, item.data, item.encoding)).collect(),
            None => Ok(vec![message(event, data, encoding)?]),
        }
    }
}

/// One connection of one user.
#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    pub client_id: Arc<str>,
    pub connection: Arc<str>,
    #[serde(default)]
    pub data: Option<Box<RawValue>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PresenceChange {
    #[serde(default)]
    pub enter: Vec<Member>,
    #[serde(default)]
    pub update: Vec<Member>,
    #[serde(default)]
    pub leave: Vec<Member>,
    pub count: u64,
}

/// Messages after `from` up to and including `to` will not arrive: fetch your state afresh, then go on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Discontinuity {
    /// `retention`, `era`, `position` or `overload` (protocol 2, subscribe).
    pub reason: String,
    #[serde(default)]
    pub from: Option<Position>,
    #[serde(default)]
    pub to: Option<Position>,
}

/// What a [`crate::Subscription`] yields.
#[derive(Debug, Clone)]
pub enum Event {
    Message(Message),
    Presence(PresenceChange),
    /// The whole list, after a reconnect of a subscription with presence: what was known before is replaced.
    Members(Vec<Member>),
    Discontinuity(Discontinuity),
    /// The last event: the server ended the subscription, or the client has given up.
    Unsubscribed(ClientError),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Published {
    pub id: String,
    /// `None` if ephemeral.
    #[serde(default)]
    pub position: Option<Position>,
}

#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// In the asked direction.
    pub messages: Vec<Message>,
    pub more: bool,
}
