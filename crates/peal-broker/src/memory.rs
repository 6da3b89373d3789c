//! The broker of a single node: topics, histories and members in this process, gone with it.
//!
//! Everything is one state machine, [`log::Log`], behind one synchronous mutex. The mutex is never held across an `.await`
//! (there is none in here: every call is carried out when it is made, and the returned future is ready). Deliveries are handed
//! to the inbox while it is held, because that is what makes their order the order of the positions; so an [`Inbox`] must
//! neither block nor call the broker back.

mod history;
mod log;
mod members;
mod pool;
mod seen;

use std::fmt;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use peal_core::exchange::{BrokerError, HistoryPage, HistoryQuery, PresenceMembers, PresenceUpdate, Publish, Published};
use peal_core::{Now, Position, Topic};

use crate::{Broker, Inbox};
use log::Log;

/// The clock of whoever made the broker; a test's stands still until it is moved.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// What a [`MemoryBroker`] may hold. Members are not bounded here: each is a live connection of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Estimated bytes of kept publications. Beyond it the oldest of the app that holds the most go first, whatever their topic: readers
    /// are told `Trimmed`.
    pub history_bytes_max: usize,
    /// The same for each app alone. Beyond it the app's own oldest go.
    pub app_history_bytes_max: usize,
    /// Topics without a kept publication whose head is remembered, so that a resume on a quiet channel is complete and the next
    /// publish goes on in the same era. Beyond it the longest quiet one's era ends. Attached topics do not count.
    pub quiet_topics_max: usize,
    /// Remembered message ids of the last two minutes. Beyond it an idempotent publish is refused as `Away`, because forgetting
    /// an id early would let a repeat through as a second message.
    pub message_ids_max: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self { history_bytes_max: 256 << 20, app_history_bytes_max: 64 << 20, quiet_topics_max: 100_000, message_ids_max: 4_000_000 }
    }
}

/// The [`Broker`] of one node.
pub struct MemoryBroker {
    inbox: Arc<dyn Inbox>,
    clock: Clock,
    log: Mutex<Log>,
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBroker").finish_non_exhaustive()
    }
}

impl MemoryBroker {
    /// Eras begin above the clock in microseconds and above `era_seed`, whichever is later (DESIGN 5.2). The clock alone is
    /// enough while it does not go back between two runs; a deployment with a data directory keeps [`Self::next_era`] there and
    /// passes it as `era_seed`, others pass 0.
    pub fn new(inbox: Arc<dyn Inbox>, clock: Clock, era_seed: u64) -> Self {
        Self::with_limits(inbox, clock, era_seed, MemoryLimits::default())
    }

    pub fn with_limits(inbox: Arc<dyn Inbox>, clock: Clock, era_seed: u64, limits: MemoryLimits) -> Self {
        let first_era = (clock().wall_ms * 1_000).max(era_seed) + 1;
        Self { inbox, clock, log: Mutex::new(Log::new(first_era, limits)) }
    }

    /// No position with this era or a higher one has been issued, except `next_era-0`.
    pub fn next_era(&self) -> u64 {
        self.lock().next_era()
    }

    /// A panic of an inbox leaves the log whole, because the log is changed before anything is delivered.
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish_all(&self, batch: Vec<Publish>) -> Vec<Result<Published, BrokerError>> {
        self.change(|log, now| batch.into_iter().map(|publish| log.publish(now, publish)).collect())
    }

    /// Runs one change. The clock is read under the lock, so that time does not go back between two changes, and deliveries
    /// leave under it, so that they leave in order.
    fn change<T>(&self, change: impl FnOnce(&mut Log, Now) -> T) -> T {
        let mut log = self.lock();
        let now = (self.clock)();
        log.sweep(now);
        let answer = change(&mut log, now);
        let deliveries = log.take_deliveries();
        if !deliveries.is_empty() {
            self.inbox.deliver(deliveries);
        }
        answer
    }
}

impl Broker for MemoryBroker {
    fn publish(&self, batch: Vec<Publish>) -> impl Future<Output = Vec<Result<Published, BrokerError>>> + Send + 'static {
        ready(self.publish_all(batch))
    }

    fn publish_now(&self, batch: Vec<Publish>) -> Result<Vec<Result<Published, BrokerError>>, Vec<Publish>> {
        Ok(self.publish_all(batch))
    }

    fn attach(&self, topics: Vec<Topic>) -> impl Future<Output = Result<Vec<Position>, BrokerError>> + Send + 'static {
        ready(Ok(self.change(|log, _| topics.into_iter().map(|topic| log.attach(topic)).collect())))
    }

    fn detach(&self, topics: Vec<Topic>) -> impl Future<Output = ()> + Send + 'static {
        self.change(|log, now| topics.iter().for_each(|topic| log.detach(now, topic)));
        ready(())
    }

    fn history(&self, query: HistoryQuery) -> impl Future<Output = Result<HistoryPage, BrokerError>> + Send + 'static {
        ready(Ok(self.change(|log, now| log.history(now, &query))))
    }

    fn presence_update(&self, update: PresenceUpdate) -> impl Future<Output = Result<Option<Position>, BrokerError>> + Send + 'static {
        ready(self.change(|log, now| log.presence_update(now, update)))
    }

    fn presence_members(&self, topic: Topic) -> impl Future<Output = Result<PresenceMembers, BrokerError>> + Send + 'static {
        ready(Ok(self.change(|log, _| log.presence_members(&topic))))
    }
}
