//! What is published: a [`Draft`] from the publisher becomes a [`Publication`] when the broker gives it a position.

pub mod stored;

use std::sync::Arc;

use bytes::Bytes;

use crate::id::{ConnectionId, MessageId};
use crate::position::Position;
use crate::presence::PresenceChange;

/// A payload, kept exactly as published (DESIGN 5.1 has the conversions between protocols).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// A string, byte for byte: what Pusher publishers send.
    Text(Arc<str>),
    /// Valid JSON text, as published, never printed again.
    Json(Arc<str>),
    Binary(Bytes),
}

impl Data {
    /// Bytes of the payload as published.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Json(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One message: an event name and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub event: Arc<str>,
    pub data: Data,
    /// Ably's `encoding`, passed through.
    pub encoding: Option<Arc<str>>,
    /// Ably's `extras`, JSON text, passed through.
    pub extras: Option<Arc<str>>,
}

impl Message {
    #[must_use]
    pub fn new(event: impl Into<Arc<str>>, data: Data) -> Self {
        Self { event: event.into(), data, encoding: None, extras: None }
    }

    /// Bytes that count for usage: name plus data (DESIGN section 7).
    #[must_use]
    pub fn size(&self) -> usize {
        self.event.len() + self.data.len()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicationKind {
    /// At least one message.
    Messages(Vec<Message>),
    Presence(PresenceChange),
    /// A command on an app's control topic, encoded by its owner.
    Control(Bytes),
}

/// What a publisher asks for; the broker adds position and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub id: MessageId,
    /// The publisher chose the id, so a repeat within two minutes must return the first result.
    pub idempotent: bool,
    /// The connection that does not get it back.
    pub origin: Option<ConnectionId>,
    pub client_id: Option<Arc<str>>,
    /// Ordered but not kept: no position, no history.
    pub ephemeral: bool,
    /// A Pusher client event: never cached, shown with the sender's user id.
    pub client_event: bool,
    pub kind: PublicationKind,
}

/// Something accepted into a topic. One publication has one position and is one frame where the protocol can carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// `None` exactly if ephemeral.
    pub position: Option<Position>,
    /// On the first publication of an era: the surviving tail before it, if any (REDIS section 4, `p`).
    pub era_start: Option<EraStart>,
    pub id: MessageId,
    /// Unix milliseconds, never going back within a topic.
    pub ts: u64,
    pub origin: Option<ConnectionId>,
    pub client_id: Option<Arc<str>>,
    pub client_event: bool,
    pub kind: PublicationKind,
}

/// What came before an era.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EraStart {
    /// The last position that survived; `None` if nothing did or nothing was there.
    pub tail: Option<Position>,
}

impl Publication {
    #[must_use]
    pub fn from_draft(draft: Draft, position: Option<Position>, era_start: Option<EraStart>, ts: u64) -> Self {
        let Draft { id, origin, client_id, client_event, kind, .. } = draft;
        Self { position, era_start, id, ts, origin, client_id, client_event, kind }
    }

    /// The messages, if it is a publication of messages.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        match &self.kind {
            PublicationKind::Messages(messages) => messages,
            PublicationKind::Presence(_) | PublicationKind::Control(_) => &[],
        }
    }

    /// Bytes of the messages' names and data.
    #[must_use]
    pub fn size(&self) -> usize {
        self.messages().iter().map(Message::size).sum()
    }
}
