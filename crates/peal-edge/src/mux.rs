//! The broker mux: one task that stands between the cores and the broker.
//!
//! Cores send it batches of actions; it keeps which core wants which topic, calls the broker, and hands each publication once to each
//! interested core. Calls are made in the order in which a core asked, and each is carried out by the broker without being waited for, so
//! a slow read delays nobody else. A core sees deliveries in the order in which the broker made them; an answer comes when it is there,
//! before or after deliveries that it speaks of, and the hub is prepared for both. Request handlers go past it where the broker need not be
//! waited for ([`direct`]); what they publish is delivered through here all the same.
//!
//! Queues: cores wait for room in the mux's inbox (and stop reading their sockets meanwhile); the mux waits for room in a core's
//! inbox. A core never waits for the mux while it drains its inbox, so the two cannot block each other. Calls under way are bounded by what
//! the hubs and request handlers that asked may have outstanding, and the broker refuses what it has no room for.

mod calls;
mod direct;
mod inbox;
mod probe;
mod reads;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use peal_broker::Broker;
use peal_core::exchange::{BATCH_MAX, BrokerError, HistoryPage, HistoryQuery, PresenceMembers, Publish, Published};
use peal_core::usage::{Charge, Collected, Counters, Transport};
use peal_core::{ChannelName, Message, PublicationKind, Topic};
use peal_hub::{Action, BrokerEvent};
use prometheus::IntCounter;
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::core::inbox::{CoreInbox, ToCore};
use crate::shares::Shares;
use crate::usage::Payer;
use calls::{Call, Done};
use direct::{Direct, DirectTo};
pub use inbox::MuxInbox;
use probe::Probe;
pub(crate) use probe::probe_topic;
use reads::{Read, Reads, Waiter};

/// Messages (each a batch) from all cores and request handlers; senders wait when it is full.
const INBOX: usize = 1024;
/// The mux looks at this many queued messages before it publishes what they ask for, so that publishes form batches.
const GATHER: usize = 64;

/// What the mux is asked.
pub(crate) enum ToMux {
    Actions { core: usize, actions: Vec<Action> },
    Publish { batch: Vec<Publish>, payer: Option<Payer>, answer: oneshot::Sender<Vec<Result<Published, BrokerError>>> },
    History { query: HistoryQuery, answer: oneshot::Sender<Result<HistoryPage, BrokerError>> },
    PresenceMembers { topic: Topic, answer: oneshot::Sender<Result<PresenceMembers, BrokerError>> },
    Usage(oneshot::Sender<Collected>),
}

/// The broker itself, once there is one.
type DirectWay = Arc<OnceLock<Box<dyn Direct>>>;

/// Sends to the mux. Cheap to clone.
#[derive(Clone)]
pub(crate) struct MuxHandle {
    requests: mpsc::Sender<ToMux>,
    direct: DirectWay,
}

/// What a [`MuxHandle`] sends, for the mux.
pub(crate) struct MuxRequests {
    requests: mpsc::Receiver<ToMux>,
    direct: DirectWay,
}

impl MuxHandle {
    pub(crate) fn new() -> (Self, MuxRequests) {
        let (sender, receiver) = mpsc::channel(INBOX);
        let direct = DirectWay::default();
        (Self { requests: sender, direct: Arc::clone(&direct) }, MuxRequests { requests: receiver, direct })
    }

    /// Why the broker cannot deliver everything at this moment, if so.
    pub(crate) fn away(&self) -> Vec<String> {
        self.direct.get().map_or_else(Vec::new, |broker| broker.away())
    }

    /// Requests that wait, and how many may.
    pub(crate) fn fill(&self) -> (usize, usize) {
        (self.requests.max_capacity() - self.requests.capacity(), self.requests.max_capacity())
    }

    /// Waits for room; false once the mux has stopped.
    pub(crate) async fn send(&self, message: ToMux) -> bool {
        self.requests.send(message).await.is_ok()
    }

    /// Of a core's thread. `payer` is charged for what is accepted.
    pub(crate) async fn publish(&self, batch: Vec<Publish>, payer: Option<Payer>) -> Vec<Result<Published, BrokerError>> {
        let answer = match self.direct.get() {
            Some(broker) => broker.publish(batch, payer.as_ref()),
            None => Err(batch),
        };
        let batch = match answer {
            Ok(results) => return results,
            Err(batch) => batch,
        };
        let count = batch.len();
        // Boxed, since a request is small that need not wait here.
        Box::pin(self.ask(|answer| ToMux::Publish { batch, payer, answer })).await.unwrap_or_else(|| vec![Err(stopped()); count])
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
    /// Topics gathered to be attached, with the core that asked; `None` for the probe.
    attaches: Vec<(Topic, Option<usize>)>,
    calls: FuturesUnordered<Call>,
    reads: Reads,
    /// Batches of request handlers, each with the results so far.
    rest: FxHashMap<u64, RestBatch>,
    rest_count: u64,
    probe: Probe,
    clock: Clock,
    counters: Counters,
    /// What the broker was asked, not what was answered by the same question of another.
    history_reads: IntCounter,
}

/// Who gets the answer to one publish.
enum Asker {
    Hub {
        core: usize,
        request: peal_hub::RequestId,
    },
    /// A REST batch, the place in it, and what the publish counts as if it is accepted.
    Rest {
        batch: u64,
        place: usize,
        ingress: Option<Box<Ingress>>,
    },
    Probe,
}

struct Ingress {
    charge: Charge,
    channel: ChannelName,
    bytes: usize,
}

impl Ingress {
    fn of(publish: &Publish, payer: &Payer) -> Option<Self> {
        size(publish).map(|(channel, bytes)| Self { charge: charge(publish, payer), channel, bytes })
    }
}

fn charge(publish: &Publish, payer: &Payer) -> Charge {
    Charge { app: publish.topic.app, key: payer.key.clone(), transport: Transport::Rest, protocol: payer.protocol }
}

/// Where a message counts and how large it is; `None` for what nobody pays for.
fn size(publish: &Publish) -> Option<(ChannelName, usize)> {
    let PublicationKind::Messages(messages) = &publish.draft.kind else { return None };
    Some((publish.topic.channel()?.clone(), messages.iter().map(Message::size).sum()))
}

/// What is stored counts, whether or not it was confirmed; its repeat is a duplicate.
fn is_accepted(result: &Result<Published, BrokerError>) -> bool {
    matches!(result, Ok(stored) | Err(BrokerError::Unconfirmed(stored)) if !stored.duplicate)
}

struct RestBatch {
    answer: oneshot::Sender<Vec<Result<Published, BrokerError>>>,
    results: Vec<Result<Published, BrokerError>>,
    missing: usize,
}

impl<B: Broker> Mux<B> {
    pub(crate) fn new(
        broker: Arc<B>,
        inbox: Arc<MuxInbox>,
        requests: MuxRequests,
        cores: Vec<CoreInbox>,
        clock: Clock,
        history_reads: IntCounter,
        shares: Shares,
    ) -> Self {
        let outgoing = cores.iter().map(|_| Vec::new()).collect();
        let MuxRequests { requests, direct } = requests;
        let way = DirectTo { broker: Arc::clone(&broker), inbox: Arc::clone(&inbox), clock };
        // Handles are made with the requests, so nobody has set it before.
        let _ = direct.set(Box::new(way));
        Self {
            broker,
            inbox,
            requests,
            cores,
            interest: HashMap::default(),
            outgoing,
            publishes: Vec::new(),
            attaches: Vec::new(),
            calls: FuturesUnordered::new(),
            reads: Reads::default(),
            rest: HashMap::default(),
            rest_count: 0,
            probe: Probe::new(shares),
            clock,
            counters: Counters::default(),
            history_reads,
        }
    }

    /// Runs until every handle is gone.
    pub(crate) async fn run(mut self) {
        let everyone = (0..self.cores.len()).fold(0, |mask, core| mask | 1 << core);
        self.interest.insert(probe_topic(), everyone);
        let mut probes = tokio::time::interval(probe::EVERY);
        let inbox = Arc::clone(&self.inbox);
        loop {
            let mut round = Vec::new();
            let mut done = None;
            // Cancellation-safe: `recv_many`, a tick, a Notify and the next finished call lose nothing when another branch wins.
            tokio::select! {
                count = self.requests.recv_many(&mut round, GATHER) => if count == 0 { return },
                () = inbox.arrived() => {}
                finished = self.calls.next(), if !self.calls.is_empty() => done = finished,
                _ = probes.tick() => self.publish_probe(),
            }
            // A panic is our bug; it costs this round's answers, never the node.
            if AssertUnwindSafe(self.round(round, done)).catch_unwind().await.is_err() {
                tracing::error!("a round of the mux panicked; the node goes on");
                self.publishes.clear();
                self.attaches.clear();
                self.rest.clear();
                self.reads = Reads::default();
            }
        }
    }

    async fn round(&mut self, round: Vec<ToMux>, done: Option<Done>) {
        if let Some(done) = done {
            self.finish(done);
        }
        for message in round {
            match message {
                ToMux::Actions { core, actions } => actions.into_iter().for_each(|action| self.action(core, action)),
                ToMux::Publish { batch, payer, answer } => self.rest_publish(batch, payer.as_ref(), answer),
                ToMux::Usage(answer) => {
                    self.call_gathered();
                    self.finish_ready();
                    let _ = answer.send(self.counters.collect(self.clock.now()));
                }
                ToMux::History { query, answer } => self.read(Read::History(query), Waiter::RestHistory(answer)),
                ToMux::PresenceMembers { topic, answer } => self.read(Read::Members(topic), Waiter::RestMembers(answer)),
            }
        }
        self.call_gathered();
        self.finish_ready();
        self.route();
        self.send_outgoing().await;
    }

    fn rest_publish(&mut self, batch: Vec<Publish>, payer: Option<&Payer>, answer: oneshot::Sender<Vec<Result<Published, BrokerError>>>) {
        if batch.is_empty() {
            let _ = answer.send(Vec::new());
            return;
        }
        self.before_publish();
        self.rest_count += 1;
        let (number, missing) = (self.rest_count, batch.len());
        self.rest.insert(number, RestBatch { answer, results: vec![Err(stopped()); missing], missing });
        self.publishes.extend(batch.into_iter().enumerate().map(|(place, publish)| {
            let ingress = payer.and_then(|payer| Ingress::of(&publish, payer)).map(Box::new);
            (publish, Asker::Rest { batch: number, place, ingress })
        }));
    }

    /// Calls are made in the order in which they are asked for.
    fn action(&mut self, core: usize, action: Action) {
        match action {
            Action::Publish { request, publish } => {
                self.before_publish();
                self.publishes.push((*publish, Asker::Hub { core, request }));
            }
            Action::Attach(topic) => {
                self.call_publishes();
                // What is already on its way to other cores lies at or before the head that is answered.
                self.route();
                *self.interest.entry(topic.clone()).or_default() |= 1 << core;
                self.attaches.push((topic, Some(core)));
            }
            Action::Detach(topic) => {
                self.call_gathered();
                self.detach(core, topic);
            }
            Action::History { request, query } => self.read(Read::History(query), Waiter::Hub { core, request }),
            Action::PresenceMembers { request, topic } => self.read(Read::Members(topic), Waiter::Hub { core, request }),
            Action::PresenceUpdate { request, update } => {
                self.call_gathered();
                let topic = update.topic.clone();
                let change = self.broker.presence_update(update);
                self.calls.push(calls::presence_update(core, request, topic, change));
            }
            Action::RefreshDirectory(_) => {}
        }
    }

    /// A publish after an attach must not be called before it.
    fn before_publish(&mut self) {
        if !self.attaches.is_empty() {
            self.call_attaches();
        }
    }

    fn detach(&mut self, core: usize, topic: Topic) {
        if let Some(mask) = self.interest.get_mut(&topic) {
            *mask &= !(1 << core);
            if *mask == 0 {
                self.interest.remove(&topic);
                let detach = self.broker.detach(vec![topic]);
                self.calls.push(calls::detach(detach));
            }
        }
    }

    /// The same question that is on its way already, and so lately that nothing happened to its topic since, is not asked twice.
    fn read(&mut self, read: Read, waiter: Waiter) {
        self.call_gathered();
        if let Some((number, read)) = self.reads.ask(read, waiter) {
            let call = match read {
                Read::History(query) => {
                    self.history_reads.inc();
                    calls::history(number, self.broker.history(query))
                }
                Read::Members(topic) => calls::members(number, self.broker.presence_members(topic)),
            };
            self.calls.push(call);
        }
    }

    /// At most one of the two has anything.
    fn call_gathered(&mut self) {
        self.call_publishes();
        self.call_attaches();
    }

    fn call_publishes(&mut self) {
        while !self.publishes.is_empty() {
            let count = self.publishes.len().min(BATCH_MAX);
            let (batch, askers): (Vec<_>, Vec<_>) = self.publishes.drain(..count).unzip();
            let told = batch.iter().zip(askers).map(|(publish, asker)| (publish.topic.clone(), asker)).collect();
            let publish = self.broker.publish(batch);
            self.calls.push(calls::publish(told, publish));
        }
    }

    fn call_attaches(&mut self) {
        if !self.attaches.is_empty() {
            let asked = std::mem::take(&mut self.attaches);
            let attach = self.broker.attach(asked.iter().map(|(topic, _)| topic.clone()).collect());
            self.calls.push(calls::attach(asked, attach));
        }
    }

    /// What a broker in this process answers, it has answered already.
    fn finish_ready(&mut self) {
        while let Some(Some(done)) = self.calls.next().now_or_never() {
            self.finish(done);
        }
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Published(results) => {
                for (topic, asker, result) in results {
                    self.reads.changed(&topic);
                    self.published(asker, result);
                }
            }
            Done::Attached(answers) => {
                for (topic, asker, result) in answers {
                    match asker {
                        Some(core) => self.outgoing[core].push(BrokerEvent::Attached { topic, result }),
                        None => self.probe.is_attached = result.is_ok(),
                    }
                }
            }
            Done::Detached => {}
            Done::PresenceUpdated { core, request, topic, result } => {
                self.reads.changed(&topic);
                self.outgoing[core].push(BrokerEvent::PresenceUpdated { request, result });
            }
            Done::Read(number, answer) => {
                let outgoing = &mut self.outgoing;
                self.reads.answer(number, answer, |core, event| outgoing[core].push(event));
            }
        }
    }

    fn published(&mut self, asker: Asker, result: Result<Published, BrokerError>) {
        match asker {
            Asker::Hub { core, request } => self.outgoing[core].push(BrokerEvent::Published { request, result }),
            Asker::Rest { batch, place, ingress } => {
                if let Some(ingress) = ingress.filter(|_| is_accepted(&result)) {
                    let Ingress { charge, channel, bytes } = *ingress;
                    self.counters.message_in(self.clock.now(), &charge, channel.namespace(), bytes);
                }
                self.rest_published(batch, place, result);
            }
            Asker::Probe => {
                if let Err(error) = result {
                    tracing::warn!(%error, "the probe could not be published");
                }
            }
        }
    }

    fn rest_published(&mut self, number: u64, place: usize, result: Result<Published, BrokerError>) {
        let Some(batch) = self.rest.get_mut(&number) else { return };
        batch.results[place] = result;
        batch.missing -= 1;
        if batch.missing == 0
            && let Some(batch) = self.rest.remove(&number)
        {
            // The publisher may have gone; what it published stays published.
            let _ = batch.answer.send(batch.results);
        }
    }

    /// Gives what the broker delivered to each interested core's outgoing events.
    fn route(&mut self) {
        let (deliveries, interrupted) = self.inbox.take();
        for delivery in deliveries {
            self.reads.changed(&delivery.topic);
            let mut mask = self.interest.get(&delivery.topic).copied().unwrap_or(0);
            if self.probe.hear(self.clock, &delivery) {
                continue;
            }
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
        if !self.probe.is_attached {
            self.attaches.push((probe_topic(), None));
            self.call_attaches();
        }
        self.publishes.push((self.probe.next(self.clock.now()), Asker::Probe));
    }
}
