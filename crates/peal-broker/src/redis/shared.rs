//! What the broker's tasks share.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use peal_core::exchange::{BrokerError, PresenceUpdate};
use peal_core::{PresenceOp, Topic};
use tokio::sync::{mpsc, oneshot};

use super::attachments::Attachments;
use super::batch::member_field;
use super::confirm::Confirmations;
use super::keys::{HOME, Keys};
use super::link::Link;
use super::metrics::Metrics;
use super::options::RedisOptions;
use super::partition::{Job, Partition};
use super::subscriptions::Subscriptions;
use super::sweeper::Sweeper;
use crate::Inbox;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: RedisOptions,
    pub(super) keys: Keys,
    /// This incarnation of this node: new with every start.
    pub(super) tag: String,
    pub(super) inbox: Arc<dyn Inbox>,
    /// By partition: the connections to the primary that has it.
    links: Vec<Arc<Link>>,
    pub(super) attachments: Attachments,
    /// By partition.
    subscriptions: Vec<Subscriptions>,
    pub(super) partitions: Vec<Arc<Partition>>,
    pub(super) sweeper: Sweeper,
    /// Where new generations are announced; one message per generation and partition.
    pub(super) generations: mpsc::UnboundedSender<(u16, u64)>,
    pub(super) confirmations: Confirmations,
    pub(super) metrics: Metrics,
    /// Asks the task of the lease to give it back and to end, and to say so.
    pub(super) closing: mpsc::Sender<oneshot::Sender<()>>,
    /// Members that this node has, or has asked for: what it holds in Redis beyond them is a leftover.
    own_members: Mutex<HashMap<Topic, HashSet<String>>>,
}

/// The ways to ask the broker's tasks.
pub(super) struct Asked {
    /// By partition.
    pub(super) links: Vec<Arc<Link>>,
    pub(super) subscriptions: Vec<Subscriptions>,
    pub(super) confirmations: Confirmations,
    pub(super) generations: mpsc::UnboundedSender<(u16, u64)>,
    pub(super) closing: mpsc::Sender<oneshot::Sender<()>>,
}

impl Shared {
    pub(super) fn new(options: RedisOptions, tag: String, inbox: Arc<dyn Inbox>, asked: Asked) -> Self {
        let Asked { links, subscriptions, confirmations, generations, closing } = asked;
        Self {
            keys: Keys::new(&options.prefix, options.partitions),
            partitions: (0..options.partitions).map(|index| Arc::new(Partition::new(index))).collect(),
            options,
            tag,
            inbox,
            links,
            attachments: Attachments::default(),
            subscriptions,
            sweeper: Sweeper::default(),
            generations,
            confirmations,
            metrics: Metrics::new(),
            closing,
            own_members: Mutex::default(),
        }
    }

    pub(super) fn partition_of(&self, topic: &Topic) -> &Arc<Partition> {
        &self.partitions[usize::from(self.keys.partition(topic))]
    }

    /// The connections to the primary that has the partition.
    pub(super) fn link_of(&self, partition: u16) -> &Link {
        &self.links[usize::from(partition)]
    }

    /// The connections to the primary that has what belongs to no partition.
    pub(super) fn home(&self) -> &Link {
        self.link_of(HOME)
    }

    pub(super) fn subscriptions_of(&self, partition: u16) -> &Subscriptions {
        &self.subscriptions[usize::from(partition)]
    }

    /// By partition, the places in the list of the topics that it has.
    pub(super) fn places<'t>(&self, topics: impl IntoIterator<Item = &'t Topic>) -> Vec<Vec<usize>> {
        let mut places = vec![Vec::new(); self.partitions.len()];
        for (place, topic) in topics.into_iter().enumerate() {
            places[usize::from(self.keys.partition(topic))].push(place);
        }
        places
    }

    pub(super) fn heard_generation(&self, partition: u16, generation: u64) {
        if self.partitions[usize::from(partition)].raise_generation(generation) {
            // The task that hears it ends with the broker.
            let _ = self.generations.send((partition, generation));
        }
    }

    /// Why not everything can be delivered at this moment.
    pub(super) fn unready(&self) -> Vec<String> {
        let mut unready = Vec::new();
        for partition in &self.partitions {
            let not_delivering = || partition.probe().unready().map(|why| format!("partition {} of Redis: {why}", partition.index));
            let why = self.link_of(partition.index).why_down().or_else(not_delivering);
            // A primary that is away is named once, however many partitions it has.
            unready.extend(why.filter(|why| !unready.contains(why)));
        }
        unready
    }

    /// Makes sure that a partition's generation is that of the server which answers at this moment.
    pub(super) async fn touch(&self, partition: u16) -> Result<(), BrokerError> {
        let (answer, wait) = oneshot::channel();
        self.partitions[usize::from(partition)].push(Job::Touch(answer));
        wait.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Remembers a member from the moment at which it is asked for.
    pub(super) fn note_member(&self, update: &PresenceUpdate) {
        let mut own = self.own_members.lock().unwrap_or_else(PoisonError::into_inner);
        let field = member_field(update);
        if update.op == PresenceOp::Leave {
            if let Some(members) = own.get_mut(&update.topic) {
                members.remove(&field);
                if members.is_empty() {
                    own.remove(&update.topic);
                }
            }
        } else {
            own.entry(update.topic.clone()).or_default().insert(field);
        }
    }

    pub(super) fn has_member(&self, topic: &Topic, field: &str) -> bool {
        let own = self.own_members.lock().unwrap_or_else(PoisonError::into_inner);
        own.get(topic).is_some_and(|members| members.contains(field))
    }
}

pub(super) fn ended() -> BrokerError {
    BrokerError::Away("the broker has ended".into())
}
