//! The bus between nodes and the history behind it. See [`Broker`] for the contract; [`memory`] is the one for a single node, [`redis`]
//! the one for a fleet.

pub mod memory;
pub mod redis;

use std::fmt::Debug;
use std::future::Future;

use peal_core::exchange::{BrokerError, Delivery, HistoryPage, HistoryQuery, PresenceMembers, PresenceUpdate, Publish, Published};
use peal_core::{Position, Topic};
use prometheus::core::Collector;

pub use memory::{MemoryBroker, MemoryLimits};
pub use redis::{RedisBroker, RedisError, RedisOpening, RedisOptions};

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
/// - **Durability**: a publish that asks to be [`peal_core::Durability::Replicated`] is answered once a replica has it, or with
///   [`BrokerError::Unconfirmed`]; in both cases it is stored and delivered. A broker without replicas of its own takes it as `Fast`.
/// - **Ephemeral** publications are ordered with the others of their topic on one node, have no position, and are not kept.
/// - **Presence** changes are publications on the topic's presence lane, applied to the member table in the same atomic step. An
///   enter of a present member is an update; a leave of an absent one changes nothing and answers `None`.
/// - Every method fails fast (within seconds) with a [`BrokerError`] when the backend is away. Calls may be issued concurrently;
///   publishes of one topic are ordered by arrival.
/// - A call is issued when the method is called, not when its future is first polled, and the future borrows nothing. Dropping it does
///   not undo a publish.
pub trait Broker: Debug + Send + Sync + 'static {
    /// Publishes in order; one result per draft, in the same order. At most [`peal_core::exchange::BATCH_MAX`] drafts.
    fn publish(&self, batch: Vec<Publish>) -> impl Future<Output = Vec<Result<Published, BrokerError>>> + Send + 'static;

    /// As [`Self::publish`], by a broker that answers without waiting. One that has to wait gives the batch back.
    ///
    /// # Errors
    /// The batch, of which nothing was published.
    fn publish_now(&self, batch: Vec<Publish>) -> Result<Vec<Result<Published, BrokerError>>, Vec<Publish>> {
        Err(batch)
    }

    /// Begins delivery of these topics and answers each one's head, in the same order. Attaching twice is harmless.
    fn attach(&self, topics: Vec<Topic>) -> impl Future<Output = Result<Vec<Position>, BrokerError>> + Send + 'static;

    /// Ends delivery. Detaching what is not attached is harmless. Events already on their way may still arrive.
    fn detach(&self, topics: Vec<Topic>) -> impl Future<Output = ()> + Send + 'static;

    /// Reads what is kept of a topic.
    fn history(&self, query: HistoryQuery) -> impl Future<Output = Result<HistoryPage, BrokerError>> + Send + 'static;

    /// Applies one presence change; the answer is its position, or `None` if nothing changed.
    fn presence_update(&self, update: PresenceUpdate) -> impl Future<Output = Result<Option<Position>, BrokerError>> + Send + 'static;

    /// The members of a channel and the position on its presence lane at which this list is true: changes after it are not in it,
    /// changes up to it are.
    fn presence_members(&self, topic: Topic) -> impl Future<Output = Result<PresenceMembers, BrokerError>> + Send + 'static;

    /// Why not everything can be published, delivered and read at this moment, a sentence for each part that cannot: the node is not ready then.
    fn away(&self) -> Vec<String> {
        Vec::new()
    }

    /// What it measures about itself, without tenant labels, for the node's metrics.
    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        Vec::new()
    }

    /// The node stops: other nodes need not wait until this one counts as dead. Nothing may be called any more.
    fn close(&self) -> impl Future<Output = ()> + Send + 'static {
        std::future::ready(())
    }
}

/// Receives what the broker delivers. Called on the broker's own thread or by a publisher; must not block.
pub trait Inbox: Debug + Send + Sync + 'static {
    /// Publications of attached topics, in order per topic.
    fn deliver(&self, batch: Vec<Delivery>);
    /// Delivery may have lost something on these topics (all attached ones if empty): check heads.
    fn interrupted(&self, topics: Vec<Topic>);
}
