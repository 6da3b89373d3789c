//! The bus between nodes and the history behind it. See [`Broker`] for the contract; [`memory`] is the one for a single node.

pub mod memory;

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use peal_core::{Draft, Member, MessageId, Position, PresenceOp, Publication, Retention, Topic};

pub use memory::MemoryBroker;

/// Orders publications, keeps their history, and carries them to every node that attached to their topic.
///
/// # Contract
///
/// - **Order.** The broker is the only ordering authority. Each kept publication of a topic gets a [`Position`]: within an era
///   `seq` grows by one from 1. A new era begins whenever continuity cannot be proved, is greater than every era before it, and
///   is never used twice; its first publication carries the surviving tail in `era_start`.
/// - **Publish is atomic**: position, history entry and idempotency key appear together or not at all. An answer means it is
///   stored (unless ephemeral). A repeat of an idempotent id within two minutes on the same topic answers the first result with
///   `duplicate` and delivers nothing.
/// - **Delivery is at most once per attachment and may lose, never reorders a topic knowingly.** Events come through the
///   [`Inbox`] given at construction: after `attach` answered head H, every publication after H is sent unless it was lost.
///   Receivers must check positions and repair from [`Broker::history`].
/// - Local subscribers get nothing by a short cut: a publish on this node comes back through the inbox as any other.
/// - **Ephemeral** publications are ordered with the others of their topic on one node, have no position, and are not kept.
/// - **Presence** changes are publications on the topic's presence lane, applied to the member table in the same atomic step. An
///   enter of a present member is an update; a leave of an absent one changes nothing and answers `None`.
/// - Every method fails fast (within seconds) with a [`BrokerError`] when the backend is away. Calls may be issued concurrently;
///   publishes of one topic are ordered by arrival.
/// - Dropping a returned future does not undo a publish.
pub trait Broker: Debug + Send + Sync + 'static {
    /// Publishes in order; one result per draft, in the same order. At most [`BATCH_MAX`] drafts.
    fn publish(&self, batch: Vec<Publish>) -> impl Future<Output = Vec<Result<Published, BrokerError>>> + Send;

    /// Begins delivery of these topics and answers each one's head, in the same order. Attaching twice is harmless.
    fn attach(&self, topics: Vec<Topic>) -> impl Future<Output = Result<Vec<Position>, BrokerError>> + Send;

    /// Ends delivery. Detaching what is not attached is harmless. Events already on their way may still arrive.
    fn detach(&self, topics: Vec<Topic>) -> impl Future<Output = ()> + Send;

    /// Reads what is kept of a topic.
    fn history(&self, query: HistoryQuery) -> impl Future<Output = Result<HistoryPage, BrokerError>> + Send;

    /// Applies one presence change; the answer is its position, or `None` if nothing changed.
    fn presence_update(&self, update: PresenceUpdate) -> impl Future<Output = Result<Option<Position>, BrokerError>> + Send;

    /// The members of a channel and the position on its presence lane at which this list is true: changes after it are not in it,
    /// changes up to it are.
    fn presence_members(&self, topic: Topic) -> impl Future<Output = Result<PresenceMembers, BrokerError>> + Send;
}

/// Drafts in one [`Broker::publish`] call.
pub const BATCH_MAX: usize = 100;

/// Publications in one history page.
pub const PAGE_MAX: u32 = 1_000;

#[derive(Debug, Clone)]
pub struct Publish {
    pub topic: Topic,
    pub draft: Draft,
    /// How long and how many to keep; the latest publish decides for the topic.
    pub retention: Retention,
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
#[derive(Debug, Clone)]
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
    /// Forwards with `after`: whether everything between `after` and the first publication of this page (or the head) is accounted
    /// for. False when `after` is older than what is kept, of another era without proof of continuity, or was never issued.
    pub continuous: Continuity,
}

/// Whether a read from a position misses nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    Complete,
    /// Older than what is kept. `first` is the position before the oldest that is kept.
    Trimmed { first: Position },
    /// The position's era ended and it cannot be shown that nothing was lost.
    EraLost,
    /// The position lies beyond everything that was issued.
    Unknown,
}

#[derive(Debug, Clone)]
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
    pub head: Position,
    /// In order of entering.
    pub members: Vec<Arc<Member>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// Nothing was stored, or it is not known whether it was; a repeat with the same id is safe.
    #[error("the broker is away: {0}")]
    Away(String),
    #[error("the presence channel is full: {users} of at most {users_max} users")]
    PresenceFull { users: u32, users_max: u32 },
}

/// Receives what the broker delivers. Called on the broker's own thread or by a publisher; must not block.
pub trait Inbox: Debug + Send + Sync + 'static {
    /// Publications of attached topics, in order per topic.
    fn deliver(&self, batch: Vec<Delivery>);
    /// Delivery may have lost something on these topics (all attached ones if empty): check heads.
    fn interrupted(&self, topics: Vec<Topic>);
}

#[derive(Debug, Clone)]
pub struct Delivery {
    pub topic: Topic,
    pub publication: Arc<Publication>,
}
