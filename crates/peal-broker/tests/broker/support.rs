//! Topics, drafts, an inbox that can be awaited, a clock that stands still.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use peal_broker::Inbox;
use peal_broker::memory::Clock;
use peal_core::exchange::{Delivery, Direction, HistoryQuery, PresenceUpdate, Publish};
use peal_core::id::Place;
use peal_core::{
    AppId, ChannelName, ConnectionId, Data, Draft, Durability, Member, Message, MessageId, Now, Position, PresenceOp, PublicationKind,
    Retention, Topic,
};

/// A topic that no other test and no other run uses, so that brokers with a memory can be shared.
pub(crate) fn fresh_topic() -> Topic {
    Topic::messages(app(), channel(&format!("t.{}", uuid::Uuid::new_v4())))
}

/// One of another app.
pub(crate) fn fresh_topic_of(app: i64) -> Topic {
    Topic { app: AppId::new(app).expect("in range"), ..fresh_topic() }
}

pub(crate) fn fresh_presence() -> Topic {
    Topic::presence(app(), channel(&format!("presence-t.{}", uuid::Uuid::new_v4())))
}

fn app() -> AppId {
    AppId::new(123_456_789).expect("in range")
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).expect("a valid name")
}

pub(crate) fn id(text: &str) -> MessageId {
    text.parse().expect("a valid id")
}

pub(crate) fn publish(topic: &Topic, text: &str) -> Publish {
    let message = Message::new("said", Data::Text(text.into()));
    let draft = Draft {
        id: id(text),
        idempotent: false,
        origin: None,
        client_id: None,
        ephemeral: false,
        client_event: false,
        kind: PublicationKind::Messages(vec![message]),
    };
    Publish { topic: topic.clone(), draft, retention: Retention::FLOOR, durability: Durability::Fast }
}

pub(crate) fn idempotent(topic: &Topic, text: &str) -> Publish {
    let mut publish = publish(topic, text);
    publish.draft.idempotent = true;
    publish
}

pub(crate) fn ephemeral(topic: &Topic, text: &str) -> Publish {
    let mut publish = publish(topic, text);
    publish.draft.ephemeral = true;
    publish
}

pub(crate) fn everything_after(topic: &Topic, after: Option<Position>) -> HistoryQuery {
    HistoryQuery { topic: topic.clone(), after, before: None, since_ms: None, direction: Direction::Forwards, limit: 1_000 }
}

pub(crate) fn connection(slot: u32) -> ConnectionId {
    ConnectionId::new(Place { node: 1, core: 0, slot, generation: 1 }, u64::from(slot))
}

pub(crate) fn presence(topic: &Topic, op: PresenceOp, user: &str, slot: u32, data: &str) -> PresenceUpdate {
    let member = Member { user: user.into(), connection: connection(slot), data: Some(data.into()) };
    PresenceUpdate { topic: topic.clone(), op, member, users_max: None }
}

/// Unbounded, since a test publishes only so much.
#[derive(Debug, Default)]
pub(crate) struct Received {
    deliveries: Mutex<VecDeque<Delivery>>,
    arrived: tokio::sync::Notify,
    interruptions: Mutex<VecDeque<Vec<Topic>>>,
    interrupted: tokio::sync::Notify,
}

impl Received {
    /// The next delivery. The deadline only turns a missing one into a failure.
    pub(crate) async fn next(&self) -> Delivery {
        let arrival = async {
            loop {
                let arrived = self.arrived.notified();
                if let Some(delivery) = self.deliveries.lock().expect("no test panics while holding it").pop_front() {
                    return delivery;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), arrival).await.expect("a delivery arrives")
    }

    pub(crate) async fn next_id(&self) -> String {
        self.next().await.publication.id.to_string()
    }

    /// Waits until the broker has said that something may have been lost, and forgets it.
    pub(crate) async fn interruption(&self) {
        self.interruption_of().await;
        self.interruptions.lock().expect("no test panics while holding it").clear();
    }

    /// The topics of the next one; none means all.
    pub(crate) async fn interruption_of(&self) -> Vec<Topic> {
        let interruption = async {
            loop {
                let interrupted = self.interrupted.notified();
                if let Some(topics) = self.interruptions.lock().expect("no test panics while holding it").pop_front() {
                    return topics;
                }
                interrupted.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), interruption).await.expect("the broker says that it was interrupted")
    }

    pub(crate) fn take(&self) -> Vec<Delivery> {
        self.deliveries.lock().expect("no test panics while holding it").drain(..).collect()
    }
}

impl Inbox for Received {
    fn deliver(&self, batch: Vec<Delivery>) {
        self.deliveries.lock().expect("no test panics while holding it").extend(batch);
        self.arrived.notify_one();
    }

    fn interrupted(&self, topics: Vec<Topic>) {
        self.interruptions.lock().expect("no test panics while holding it").push_back(topics);
        self.interrupted.notify_one();
    }
}

/// A clock in milliseconds since a fixed day.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoppedClock(Arc<AtomicU64>);

pub(crate) const WALL_MS: u64 = 1_790_000_000_000;

impl StoppedClock {
    pub(crate) fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) fn reader(&self) -> Clock {
        let elapsed = Arc::clone(&self.0);
        Arc::new(move || {
            let mono_ms = elapsed.load(Ordering::Relaxed);
            Now { mono_ms, wall_ms: WALL_MS + mono_ms }
        })
    }
}
