//! What the broker's tasks share.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use peal_core::exchange::{BrokerError, PresenceUpdate};
use peal_core::{PresenceOp, Topic};
use tokio::sync::{mpsc, oneshot};

use super::attachments::Attachments;
use super::batch::member_field;
use super::keys::Keys;
use super::link::Link;
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
    pub(super) link: Link,
    pub(super) attachments: Attachments,
    pub(super) subscriptions: Subscriptions,
    pub(super) partitions: Vec<Arc<Partition>>,
    pub(super) sweeper: Sweeper,
    /// Where new generations are announced; one message per generation and partition.
    pub(super) generations: mpsc::UnboundedSender<(u16, u64)>,
    /// The last of its own messages that came back.
    pub(super) echoed: AtomicU64,
    /// Members that this node has, or has asked for: what it holds in Redis beyond them is a leftover.
    own_members: Mutex<HashMap<Topic, HashSet<String>>>,
}

impl Shared {
    pub(super) fn new(
        options: RedisOptions,
        tag: String,
        inbox: Arc<dyn Inbox>,
        link: Link,
        subscriptions: Subscriptions,
        generations: mpsc::UnboundedSender<(u16, u64)>,
    ) -> Self {
        Self {
            keys: Keys::new(&options.prefix, options.partitions),
            partitions: (0..options.partitions).map(|index| Arc::new(Partition::new(index))).collect(),
            options,
            tag,
            inbox,
            link,
            attachments: Attachments::default(),
            subscriptions,
            sweeper: Sweeper::default(),
            generations,
            echoed: AtomicU64::new(0),
            own_members: Mutex::default(),
        }
    }

    pub(super) fn partition_of(&self, topic: &Topic) -> &Arc<Partition> {
        &self.partitions[usize::from(self.keys.partition(topic))]
    }

    pub(super) fn heard_generation(&self, partition: u16, generation: u64) {
        if self.partitions[usize::from(partition)].raise_generation(generation) {
            // The task that hears it ends with the broker.
            let _ = self.generations.send((partition, generation));
        }
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
