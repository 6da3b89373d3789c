//! What goes into the hub.

use peal_core::exchange::{BrokerError, Delivery, HistoryPage, PresenceMembers, Published};
use peal_core::{Position, Refusal, Topic};

use crate::action::RequestId;

/// One connection of this hub. The generation makes a stale handle harmless: everything done with it is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle {
    pub slot: u32,
    pub generation: u16,
}

/// What a connection speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// `/app/{key}`; `version` is the raw `protocol` parameter, which the hub judges (4007, 4008).
    Pusher { key: String, version: Option<String> },
    /// `/v1/connect`; credentials come in the first frame.
    Native,
}

/// A WebSocket whose upgrade is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub protocol: Protocol,
    /// The `Origin` header, checked against the key's allowed origins.
    pub origin: Option<String>,
    /// Refuse at once with this: admission said no, but a browser can only understand it after the upgrade.
    pub refusal: Option<Refusal>,
}

/// One complete WebSocket message or control frame from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming<'a> {
    Text(&'a str),
    /// Its payload is of no use to any protocol here; the length counts.
    Binary(usize),
    Ping(&'a [u8]),
    Pong,
    /// The client began the closing handshake. The hub answers it and lets the connection go.
    Close(Option<u16>),
    /// The bytes broke RFC 6455 or a limit of the codec: close with this WebSocket code and reason.
    Violation {
        close: u16,
        code: peal_core::ErrorCode,
        reason: &'static str,
    },
}

/// What comes back from the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerEvent {
    /// The answer to `Action::Attach`: every publication after this head will be delivered.
    Attached {
        topic: Topic,
        result: Result<Position, BrokerError>,
    },
    /// Publications in order per topic.
    Deliveries(Vec<Delivery>),
    Published {
        request: RequestId,
        result: Result<Published, BrokerError>,
    },
    History {
        request: RequestId,
        result: Result<HistoryPage, BrokerError>,
    },
    /// `None`: nothing changed.
    PresenceUpdated {
        request: RequestId,
        result: Result<Option<Position>, BrokerError>,
    },
    PresenceMembers {
        request: RequestId,
        result: Result<PresenceMembers, BrokerError>,
    },
    /// Delivery may have lost something on these topics; all attached ones if empty.
    Interrupted {
        topics: Vec<Topic>,
    },
}
