//! The broker of a fleet: topics, histories and members in Redis, ordered by it, carried by its publish/subscribe.
//!
//! The idea in short: a channel's history is one stream whose ids *are* the positions, written by one script per batch. An era is a
//! generation and a counter, and a generation begins whenever the server that answers is not the one the fence names, so a primary
//! that lost something can never give a position twice. Publish/subscribe is for speed, the stream for truth: whoever misses a
//! delivery finds out by the gap or by a head check, and reads.
//!
//! Where to look: `lua/` is what runs in Redis; [`partition`] calls it; [`supervisor`] keeps the connections and hears what is published;
//! [`continuity`] decides what a reader is told after an era ended; [`witness`] keeps the evidence for that; [`digest`] and [`sweep`] notice what
//! never arrived; [`probe`] says what delivers; [`confirm`] waits for replicas.
//!
//! Everything of a partition goes over the link of that partition, and what belongs to no partition over that of [`keys::HOME`].
//!
//! Not here: Cluster (one primary, found directly or through Sentinel, has all partitions).

mod attachments;
mod batch;
mod confirm;
mod continuity;
mod digest;
mod era;
mod frame;
mod heads;
mod history;
mod keys;
mod known;
mod lease;
mod link;
mod metrics;
mod options;
mod partition;
mod presence;
mod probe;
mod scripts;
mod shared;
mod subscriptions;
mod supervisor;
mod sweep;
mod sweeper;
mod tasks;
mod witness;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use peal_core::exchange::{BrokerError, HistoryPage, HistoryQuery, PresenceMembers, PresenceUpdate, Publish, Published};
use peal_core::{Position, Topic};
use prometheus::core::Collector;
use redis::aio::PubSubStream;
use tokio::sync::{mpsc, oneshot};

use crate::{Broker, Inbox};
use confirm::Confirmations;
use keys::Keys;
use link::{Link, Up};
pub use options::RedisOptions;
use partition::{Change, Job};
use shared::{Asked, Shared, ended};
use subscriptions::Subscriptions;
use tasks::Tasks;

/// To give the lease back. It ends by itself otherwise.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Why a Redis cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    #[error("Redis: {0}")]
    Connect(String),
    #[error("the deployment in this Redis has {theirs} partitions, not {ours}; every node must say the same")]
    Partitions { theirs: u16, ours: u16 },
}

/// A Redis that was checked, with a number for this node; [`Self::broker`] begins to use it.
pub struct RedisOpening {
    options: RedisOptions,
    tag: String,
    node: u16,
    up: Up,
    stream: PubSubStream,
}

impl std::fmt::Debug for RedisOpening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisOpening").field("node", &self.node).finish_non_exhaustive()
    }
}

impl RedisOpening {
    /// This node's number in connection ids, leased for as long as the broker lives.
    #[must_use]
    pub fn node(&self) -> u16 {
        self.node
    }

    /// The broker. Must be called within a tokio runtime, which carries its tasks.
    pub fn broker(self, inbox: Arc<dyn Inbox>) -> RedisBroker {
        let Self { options, tag, node, up, stream } = self;
        let (link, reports) = Link::new();
        let link = Arc::new(link);
        // One primary has all partitions.
        let links = vec![Arc::clone(&link); usize::from(options.partitions)];
        let (subscriptions, commands): (Vec<_>, Vec<_>) = links.iter().map(|_| Subscriptions::new()).unzip();
        let (confirmations, stored) = Confirmations::new();
        let (generations, heard) = mpsc::unbounded_channel();
        // One asks, once.
        let (closing, close) = mpsc::channel(1);
        let asked = Asked { links, subscriptions, confirmations, generations, closing };
        let shared = Arc::new(Shared::new(options, tag, inbox, asked));
        let mut tasks = Tasks::default();
        tasks.spawn(supervisor::run(Arc::clone(&shared), link, (up, stream), reports));
        tasks.spawn(witness::run(Arc::clone(&shared), heard));
        tasks.spawn(sweeper::run(Arc::clone(&shared)));
        tasks.spawn(lease::run(Arc::clone(&shared), node, close));
        tasks.spawn(confirm::run(Arc::clone(&shared), stored));
        tasks.spawn(digest::run(Arc::clone(&shared)));
        tasks.spawn(sweep::run(Arc::clone(&shared)));
        for (partition, commands) in shared.partitions.iter().zip(commands) {
            tasks.spawn(subscriptions::run(Arc::clone(&shared), partition.index, commands));
            tasks.spawn(partition::run(Arc::clone(&shared), Arc::clone(partition)));
        }
        RedisBroker { shared, _tasks: tasks }
    }
}

/// The [`Broker`] over a Redis primary.
#[derive(Debug)]
pub struct RedisBroker {
    shared: Arc<Shared>,
    /// Ends with it.
    _tasks: Tasks,
}

impl RedisBroker {
    /// Connects, checks the server and claims a number for this node.
    ///
    /// # Errors
    /// A server that cannot be reached or used, with the reason; never with the URL.
    pub async fn open(options: RedisOptions) -> Result<RedisOpening, RedisError> {
        let (up, stream) = link::connect(&options, 1).await.map_err(RedisError::Connect)?;
        let keys = Keys::new(&options.prefix, options.partitions);
        let failed = |error: redis::RedisError| RedisError::Connect(error.to_string());
        let mut connection = up.commands.clone();
        let mut layout = redis::pipe();
        layout.cmd("SET").arg(keys.layout()).arg(options.partitions).arg("NX").ignore().cmd("GET").arg(keys.layout());
        let (theirs,): (u16,) = layout.query_async(&mut connection).await.map_err(failed)?;
        if theirs != options.partitions {
            return Err(RedisError::Partitions { theirs, ours: options.partitions });
        }
        let tag = format!("{:016x}", rand::random::<u64>());
        let node = lease::claim(&mut connection, &up.scripts, &keys, &tag, options.lease, 0).await.map_err(failed)?;
        Ok(RedisOpening { options, tag, node, up, stream })
    }
}

impl Broker for RedisBroker {
    /// Queued when it is called; an answer `Away` after the connection was lost may hide a publish that was carried out.
    fn publish(&self, batch: Vec<Publish>) -> impl Future<Output = Vec<Result<Published, BrokerError>>> + Send + 'static {
        let count = batch.len();
        let mut parts: Vec<(Vec<usize>, Vec<Publish>)> = vec![Default::default(); self.shared.partitions.len()];
        for (place, publish) in batch.into_iter().enumerate() {
            let (places, items) = &mut parts[usize::from(self.shared.keys.partition(&publish.topic))];
            places.push(place);
            items.push(publish);
        }
        let mut results = vec![Err(ended()); count];
        let mut waits = Vec::new();
        for (partition, (places, items)) in self.shared.partitions.iter().zip(parts) {
            if items.is_empty() {
                continue;
            }
            if let Some(why) = self.shared.link_of(partition.index).refusing() {
                places.iter().for_each(|place| results[*place] = Err(BrokerError::Away(why.clone())));
                continue;
            }
            let (answer, wait) = oneshot::channel();
            partition.push(Job::Publish { items, answer });
            waits.push(async move { (places, wait.await.unwrap_or_default()) });
        }
        async move {
            for (places, answers) in join_all(waits).await {
                for (place, answer) in places.into_iter().zip(answers) {
                    results[place] = answer;
                }
            }
            results
        }
    }

    fn attach(&self, topics: Vec<Topic>) -> impl Future<Output = Result<Vec<Position>, BrokerError>> + Send + 'static {
        let streams: Vec<Arc<str>> = topics.iter().map(|topic| self.shared.keys.stream(topic).into()).collect();
        for (stream, topic) in streams.iter().zip(&topics) {
            self.shared.attachments.add(stream, topic);
        }
        let parts = self.shared.places(&topics).into_iter().enumerate().filter(|(_, places)| !places.is_empty());
        let subscribed = try_join_all(parts.map(|(partition, places)| {
            let streams = places.into_iter().map(|place| Arc::clone(&streams[place])).collect();
            self.shared.subscriptions_of(partition as u16).subscribe(streams)
        }));
        let shared = Arc::clone(&self.shared);
        async move {
            subscribed.await?;
            heads::heads(&shared, &topics, &streams).await
        }
    }

    fn detach(&self, topics: Vec<Topic>) -> impl Future<Output = ()> + Send + 'static {
        let streams: Vec<Arc<str>> = topics.iter().map(|topic| self.shared.keys.stream(topic).into()).collect();
        streams.iter().for_each(|stream| self.shared.attachments.remove(stream));
        for (partition, places) in self.shared.places(&topics).into_iter().enumerate().filter(|(_, places)| !places.is_empty()) {
            let streams = places.into_iter().map(|place| Arc::clone(&streams[place])).collect();
            self.shared.subscriptions_of(partition as u16).unsubscribe(streams);
        }
        std::future::ready(())
    }

    fn history(&self, query: HistoryQuery) -> impl Future<Output = Result<HistoryPage, BrokerError>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move { history::history(&shared, &query).await }
    }

    fn presence_update(&self, update: PresenceUpdate) -> impl Future<Output = Result<Option<Position>, BrokerError>> + Send + 'static {
        self.shared.note_member(&update);
        let (answer, wait) = oneshot::channel();
        let partition = self.shared.partition_of(&update.topic);
        let refusing = self.shared.link_of(partition.index).refusing();
        if refusing.is_none() {
            partition.push(Job::Presence { change: Change { update, only: None }, answer });
        }
        async move {
            match refusing {
                Some(why) => Err(BrokerError::Away(why)),
                None => wait.await.unwrap_or_else(|_| Err(ended())),
            }
        }
    }

    fn presence_members(&self, topic: Topic) -> impl Future<Output = Result<PresenceMembers, BrokerError>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move { presence::members(&shared, &topic).await }
    }

    fn away(&self) -> Vec<String> {
        self.shared.unready()
    }

    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        self.shared.metrics.collectors()
    }

    fn close(&self) -> impl Future<Output = ()> + Send + 'static {
        let (answer, wait) = oneshot::channel();
        // Whoever closes twice has closed.
        let asked = self.shared.closing.try_send(answer).is_ok();
        async move {
            if asked {
                let _ = tokio::time::timeout(CLOSE_WITHIN, wait).await;
            }
        }
    }
}
