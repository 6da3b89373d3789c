//! The broker mux: one thread that stands between the cores and the broker.
//!
//! Cores send it batches of actions; it keeps which core wants which topic, calls the broker, and hands each publication once to each
//! interested core. One thread means that the answers and deliveries a core sees are in the order in which the broker made
//! them, without a lock.
//!
//! Queues: cores wait for room in the mux's inbox (and stop reading their sockets meanwhile); the mux waits for room in a core's
//! inbox. A core never waits for the mux while it drains its inbox, so the two cannot block each other.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use peal_broker::{Broker, Inbox};
use peal_core::exchange::{BATCH_MAX, BrokerError, Delivery, HistoryPage, HistoryQuery, PresenceMembers, Publish, Published};
use peal_core::usage::{Charge, Collected, Counters, Transport};
use peal_core::{AppId, ChannelName, Draft, Message, PublicationKind, Retention, Topic};
use peal_hub::{Action, BrokerEvent};
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::clock::Clock;
use crate::core::inbox::{CoreInbox, ToCore};
use crate::usage::Payer;

/// Messages (each a batch) from all cores and request handlers; senders wait when it is full.
const INBOX: usize = 1024;
/// The mux looks at this many queued messages before it publishes what they ask for, so that publishes form batches.
const GATHER: usize = 64;
/// How often a probe goes through the broker.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// The app of the probe topic: the one id that is never given out.
pub(crate) fn probe_topic() -> Topic {
    Topic::control(AppId::new(AppId::MAX).expect("the largest app id is valid"))
}

/// What the mux is asked.
pub(crate) enum ToMux {
    Actions { core: usize, actions: Vec<Action> },
    Publish { batch: Vec<Publish>, payer: Option<Payer>, answer: oneshot::Sender<Vec<Result<Published, BrokerError>>> },
    History { query: HistoryQuery, answer: oneshot::Sender<Result<HistoryPage, BrokerError>> },
    PresenceMembers { topic: Topic, answer: oneshot::Sender<Result<PresenceMembers, BrokerError>> },
    Usage(oneshot::Sender<Collected>),
}

/// Sends to the mux. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct MuxHandle(mpsc::Sender<ToMux>);

impl MuxHandle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<ToMux>) {
        let (sender, receiver) = mpsc::channel(INBOX);
        (Self(sender), receiver)
    }

    /// Waits for room; false once the mux has stopped.
    pub(crate) async fn send(&self, message: ToMux) -> bool {
        self.0.send(message).await.is_ok()
    }

    /// `payer` is charged for what is accepted.
    pub(crate) async fn publish(&self, batch: Vec<Publish>, payer: Option<Payer>) -> Vec<Result<Published, BrokerError>> {
        let count = batch.len();
        self.ask(|answer| ToMux::Publish { batch, payer, answer }).await.unwrap_or_else(|| vec![Err(stopped()); count])
    }

    pub(crate) async fn history(&self, query: HistoryQuery) -> Result<HistoryPage, BrokerError> {
        self.ask(|answer| ToMux::History { query, answer }).await.unwrap_or_else(|| Err(stopped()))
    }

    pub(crate) async fn presence_members(&self, topic: Topic) -> Result<PresenceMembers, BrokerError> {
        self.ask(|answer| ToMux::PresenceMembers { topic, answer }).await.unwrap_or_else(|| Err(stopped()))
    }

    /// Takes what was published over HTTP since the last time; `None` once the mux has stopped.
    pub(crate) async fn usage(&self) -> Option<Collected> {
        self.ask(ToMux::Usage).await
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> ToMux) -> Option<T> {
        let (answer, wait) = oneshot::channel();
        if self.send(question(answer)).await { wait.await.ok() } else { None }
    }
}

fn stopped() -> BrokerError {
    BrokerError::Away("this node is stopping".into())
}

/// Collects what the broker delivers until the mux routes it. The lock is held only to push or take; it cannot grow beyond what one
/// round of publishes brings, since the mux routes before it publishes again.
#[derive(Debug, Default)]
pub struct MuxInbox {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    deliveries: Vec<Delivery>,
    interrupted: Vec<Vec<Topic>>,
}

impl MuxInbox {
    fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inbox for MuxInbox {
    fn deliver(&self, batch: Vec<Delivery>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).deliveries.extend(batch);
        self.wake.notify_one();
    }

    fn interrupted(&self, topics: Vec<Topic>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).interrupted.push(topics);
        self.wake.notify_one();
    }
}

pub(crate) struct Mux<B> {
    broker: Arc<B>,
    inbox: Arc<MuxInbox>,
    requests: mpsc::Receiver<ToMux>,
    cores: Vec<CoreInbox>,
    /// Bit n: core n wants the topic.
    interest: FxHashMap<Topic, u64>,
    /// Events gathered for each core, sent once per round.
    outgoing: Vec<Vec<BrokerEvent>>,
    /// Publishes gathered in this round, in order, with who is told.
    publishes: Vec<(Publish, Asker)>,
    /// Request handlers of this round, each with the results so far.
    rest: Vec<RestAnswer>,
    probe: u64,
    clock: Clock,
    counters: Counters,
}

/// Who gets the answer to one publish.
enum Asker {
    Hub {
        core: usize,
        request: peal_hub::RequestId,
    },
    /// The index of the REST batch in this round, and what its publish counts as if it is accepted.
    Rest(usize, Option<Box<Ingress>>),
    Probe,
}

struct Ingress {
    charge: Charge,
    channel: ChannelName,
    bytes: usize,
}

impl Ingress {
    fn of(publish: &Publish, payer: &Payer) -> Option<Box<Self>> {
        let PublicationKind::Messages(messages) = &publish.draft.kind else { return None };
        let charge = Charge { app: publish.topic.app, key: payer.key.clone(), transport: Transport::Rest, protocol: payer.protocol };
        Some(Box::new(Self { charge, channel: publish.topic.channel()?.clone(), bytes: messages.iter().map(Message::size).sum() }))
    }
}

type RestAnswer = (oneshot::Sender<Vec<Result<Published, BrokerError>>>, Vec<Result<Published, BrokerError>>);

impl<B: Broker> Mux<B> {
    pub(crate) fn new(broker: Arc<B>, inbox: Arc<MuxInbox>, requests: mpsc::Receiver<ToMux>, cores: Vec<CoreInbox>, clock: Clock) -> Self {
        let outgoing = cores.iter().map(|_| Vec::new()).collect();
        Self {
            broker,
            inbox,
            requests,
            cores,
            interest: HashMap::default(),
            outgoing,
            publishes: Vec::new(),
            rest: Vec::new(),
            probe: 0,
            clock,
            counters: Counters::default(),
        }
    }

    /// Runs until every handle is gone.
    pub(crate) async fn run(mut self) {
        let everyone = (0..self.cores.len()).fold(0, |mask, core| mask | 1 << core);
        self.interest.insert(probe_topic(), everyone);
        if let Err(error) = self.broker.attach(vec![probe_topic()]).await {
            tracing::warn!(%error, "the probe topic cannot be attached");
        }
        let mut probes = tokio::time::interval(PROBE_EVERY);
        let inbox = Arc::clone(&self.inbox);
        loop {
            let mut round = Vec::new();
            // Cancellation-safe: `recv_many`, a tick and a Notify lose nothing when another branch wins.
            tokio::select! {
                count = self.requests.recv_many(&mut round, GATHER) => if count == 0 { return },
                () = inbox.wake.notified() => {}
                _ = probes.tick() => self.publish_probe(),
            }
            // A panic in the broker is our bug; it costs this round's answers, never the node.
            if AssertUnwindSafe(self.round(round)).catch_unwind().await.is_err() {
                tracing::error!("a round of the mux panicked; the node goes on");
                self.publishes.clear();
                self.rest.clear();
            }
        }
    }

    async fn round(&mut self, round: Vec<ToMux>) {
        for message in round {
            match message {
                ToMux::Actions { core, actions } => {
                    for action in actions {
                        self.action(core, action).await;
                    }
                }
                ToMux::Publish { batch, payer, answer } => {
                    let index = self.rest.len();
                    self.rest.push((answer, Vec::with_capacity(batch.len())));
                    self.publishes.extend(batch.into_iter().map(|publish| {
                        let ingress = payer.as_ref().and_then(|payer| Ingress::of(&publish, payer));
                        (publish, Asker::Rest(index, ingress))
                    }));
                }
                ToMux::Usage(answer) => {
                    self.publish_gathered().await;
                    let _ = answer.send(self.counters.collect(self.clock.now()));
                }
                ToMux::History { query, answer } => {
                    self.publish_gathered().await;
                    let _ = answer.send(self.broker.history(query).await);
                }
                ToMux::PresenceMembers { topic, answer } => {
                    let _ = answer.send(self.broker.presence_members(topic).await);
                }
            }
        }
        self.publish_gathered().await;
        self.route();
        self.send_outgoing().await;
        for (answer, results) in self.rest.drain(..) {
            // The publisher may have gone; what it published stays published.
            let _ = answer.send(results);
        }
    }

    async fn action(&mut self, core: usize, action: Action) {
        match action {
            Action::Publish { request, publish } => {
                self.publishes.push((*publish, Asker::Hub { core, request }));
                return;
            }
            Action::RefreshDirectory(_) => return,
            Action::Attach(_)
            | Action::Detach(_)
            | Action::History { .. }
            | Action::PresenceUpdate { .. }
            | Action::PresenceMembers { .. } => {}
        }
        // What a core asked for in order happens in order.
        self.publish_gathered().await;
        let event = match action {
            Action::Attach(topic) => {
                // What is already on its way to other cores lies at or before the head that is answered.
                self.route();
                *self.interest.entry(topic.clone()).or_default() |= 1 << core;
                let result = self.broker.attach(vec![topic.clone()]).await.map(|heads| heads[0]);
                BrokerEvent::Attached { topic, result }
            }
            Action::Detach(topic) => {
                self.detach(core, topic).await;
                return;
            }
            Action::History { request, query } => BrokerEvent::History { request, result: self.broker.history(query).await },
            Action::PresenceUpdate { request, update } => {
                let result = self.broker.presence_update(update).await;
                BrokerEvent::PresenceUpdated { request, result }
            }
            Action::PresenceMembers { request, topic } => {
                BrokerEvent::PresenceMembers { request, result: self.broker.presence_members(topic).await }
            }
            Action::Publish { .. } | Action::RefreshDirectory(_) => return,
        };
        self.outgoing[core].push(event);
    }

    async fn detach(&mut self, core: usize, topic: Topic) {
        if let Some(mask) = self.interest.get_mut(&topic) {
            *mask &= !(1 << core);
            if *mask == 0 {
                self.interest.remove(&topic);
                self.broker.detach(vec![topic]).await;
            }
        }
    }

    async fn publish_gathered(&mut self) {
        while !self.publishes.is_empty() {
            let count = self.publishes.len().min(BATCH_MAX);
            let (batch, askers): (Vec<_>, Vec<_>) = self.publishes.drain(..count).unzip();
            for (result, asker) in self.broker.publish(batch).await.into_iter().zip(askers) {
                match asker {
                    Asker::Hub { core, request } => self.outgoing[core].push(BrokerEvent::Published { request, result }),
                    Asker::Rest(index, ingress) => {
                        if let (Some(ingress), Ok(Published { duplicate: false, .. })) = (ingress, &result) {
                            let Ingress { charge, channel, bytes } = *ingress;
                            self.counters.message_in(self.clock.now(), &charge, channel.namespace(), bytes);
                        }
                        self.rest[index].1.push(result);
                    }
                    Asker::Probe => {
                        if let Err(error) = result {
                            tracing::warn!(%error, "the probe could not be published");
                        }
                    }
                }
            }
            self.route();
        }
    }

    /// Gives what the broker delivered to each interested core's outgoing events.
    fn route(&mut self) {
        let Waiting { deliveries, interrupted } = self.inbox.take();
        for delivery in deliveries {
            let mut mask = self.interest.get(&delivery.topic).copied().unwrap_or(0);
            while mask != 0 {
                let core = mask.trailing_zeros() as usize;
                mask &= mask - 1;
                match self.outgoing[core].last_mut() {
                    Some(BrokerEvent::Deliveries(batch)) => batch.push(delivery.clone()),
                    _ => self.outgoing[core].push(BrokerEvent::Deliveries(vec![delivery.clone()])),
                }
            }
        }
        for topics in interrupted {
            for outgoing in &mut self.outgoing {
                outgoing.push(BrokerEvent::Interrupted { topics: topics.clone() });
            }
        }
    }

    async fn send_outgoing(&mut self) {
        for (core, events) in self.outgoing.iter_mut().enumerate() {
            if !events.is_empty() {
                self.cores[core].send(ToCore::Broker(std::mem::take(events))).await;
            }
        }
    }

    fn publish_probe(&mut self) {
        self.probe += 1;
        let id = format!("probe-{}", self.probe).parse().expect("a probe's id is a valid message id");
        let sent = self.clock.now().mono_ms.to_be_bytes();
        let draft = Draft {
            id,
            idempotent: false,
            origin: None,
            client_id: None,
            ephemeral: false,
            client_event: false,
            kind: PublicationKind::Control(bytes::Bytes::copy_from_slice(&sent)),
        };
        self.publishes.push((Publish { topic: probe_topic(), draft, retention: Retention { count: 1, ttl_ms: 60_000 } }, Asker::Probe));
    }
}
