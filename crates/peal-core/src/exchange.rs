//! What the hub asks of the broker and what comes back: plain data, so that the hub can be driven by any broker, a model of one
//! in the simulation included. The contract of each call is at the `Broker` trait in `peal-broker`.

use std::sync::Arc;

use crate::id::MessageId;
use crate::position::Position;
use crate::presence::{Member, PresenceOp};
use crate::publication::{Draft, Publication};
use crate::topic::{Durability, Retention, Topic};

/// Drafts in one publish call.
pub const BATCH_MAX: usize = 100;

/// Publications in one history page.
pub const PAGE_MAX: u32 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    pub topic: Topic,
    pub draft: Draft,
    /// How long and how many to keep; the latest publish decides for the topic.
    pub retention: Retention,
    pub durability: Durability,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub id: MessageId,
    /// `None` if ephemeral.
    pub position: Option<Position>,
    pub duplicate: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forwards,
    /// Newest first.
    Backwards,
}

/// Bounds exclude the position they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    pub topic: Topic,
    pub after: Option<Position>,
    pub before: Option<Position>,
    /// Only publications not older than this Unix millisecond.
    pub since_ms: Option<u64>,
    pub direction: Direction,
    /// 1 to [`PAGE_MAX`].
    pub limit: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// In the asked direction.
    pub publications: Vec<Arc<Publication>>,
    /// More lie beyond the limit in this direction.
    pub more: bool,
    /// The topic's position at the moment of reading.
    pub head: Position,
    /// For a forward read with `after`; otherwise `Complete`.
    pub continuity: Continuity,
}

/// Whether a forward read after a position misses nothing between that position and the page's first publication (or the head).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    Complete,
    /// Older than what is kept; what is kept begins after `kept_after`.
    Trimmed {
        kept_after: Position,
    },
    /// The position's era ended and it cannot be shown that nothing was lost. The page holds what is kept of later eras, which
    /// begins after `kept_after`.
    EraLost {
        kept_after: Position,
    },
    /// The position was never issued.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceUpdate {
    /// A presence lane.
    pub topic: Topic,
    pub op: PresenceOp,
    pub member: Member,
    /// Refuse an enter that would make more distinct users than this.
    pub users_max: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceMembers {
    /// Changes up to here are in the list, later ones are not.
    pub head: Position,
    /// In order of entering.
    pub members: Vec<Arc<Member>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// Nothing was stored, or it is not known whether it was; a repeat with the same id is safe.
    #[error("the broker is away: {0}")]
    Away(String),
    /// Stored, and on its way to subscribers, but no replica has confirmed that it has it. A repeat with this id, within two minutes, stores
    /// nothing and asks the replicas again.
    #[error("stored as {}, but no replica has confirmed it", .0.id)]
    Unconfirmed(Published),
    #[error("the presence channel is full: {users_max} users at most")]
    PresenceFull { users_max: u32 },
}

/// A publication on its way from the broker to the hubs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub topic: Topic,
    pub publication: Arc<Publication>,
}
