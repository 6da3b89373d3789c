//! What the hub wants done. Everything here goes to the broker mux but [`Action::RefreshDirectory`].

use peal_core::Topic;
use peal_core::exchange::{HistoryQuery, PresenceUpdate, Publish};

use crate::event::Handle;

/// Pairs an answer with its question; unique within one hub for its lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Begin delivery of this topic; answered by `BrokerEvent::Attached`.
    Attach(Topic),
    /// End delivery. Not answered.
    Detach(Topic),
    Publish {
        request: RequestId,
        publish: Box<Publish>,
    },
    History {
        request: RequestId,
        query: HistoryQuery,
    },
    PresenceUpdate {
        request: RequestId,
        update: PresenceUpdate,
    },
    PresenceMembers {
        request: RequestId,
        topic: Topic,
    },
    /// A connection named a key that the directory does not know. Load changes now, feed `Hub::directory` if anything is new, then call
    /// `Hub::directory_refreshed` with this handle.
    RefreshDirectory(Handle),
}
