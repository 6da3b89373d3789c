//! Virtual time and everything that happens in it: three hubs, the broker, the clients, the ways between them, and the faults.
//!
//! All that is under way lies in one queue, ordered by time and then by the order in which it was sent; time jumps from one to the next. Every
//! choice is drawn from the run's [`Rng`], so a seed is a run.

mod end;
mod faults;
mod graces;
mod link;
mod nodes;
mod sockets;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use bytes::Bytes;
use peal_core::exchange::{Delivery, Publish};
use peal_core::{ChannelName, Data, Draft, Message, Now, PublicationKind, Topic};
use peal_hub::{Action, BrokerEvent, Handle, Hub, HubConfig};

use crate::app::{self, BASE_WALL_MS};
use crate::broker::{ModelBroker, RETENTION};
use crate::client::{Client, Ctx};
use crate::profile::Profile;
use crate::rng::Rng;
use crate::trace::Trace;

/// Two cores of one node, and one of another.
const PLACES: [(u16, u8); 3] = [(1, 0), (1, 1), (2, 0)];
/// The first era that is handed out.
const FIRST_ERA: u64 = 1_000;
/// More inputs than that within one millisecond are a loop.
const EVENTS_PER_MS_MAX: u32 = 20_000;

/// A hub and what the shell around it would know.
struct Node {
    hub: Hub,
    /// Counts its restarts: what is under way to or from an earlier one is dropped.
    life: u32,
    /// How wrong its wall clock is.
    skew_ms: i64,
    /// Its node lives.
    up: bool,
    /// It was told that it is attached to the app's commands: before, none is promised to it.
    hears_commands: bool,
    /// Its node stands still until then.
    frozen_until_ms: u64,
    /// The earliest tick that is scheduled.
    tick_ms: Option<u64>,
    /// Requests reach the broker in order.
    up_ms: u64,
    /// Deliveries of one topic arrive in order.
    down_ms: BTreeMap<Topic, u64>,
    /// The broker is away for it until then.
    away_until_ms: u64,
    /// When it last was not sent what it should have been.
    missed_ms: Option<u64>,
    /// Whose connections they are, from accepting to `closed`.
    routes: BTreeMap<Handle, Route>,
    flushing: BTreeSet<Handle>,
    graces: graces::Graces,
    /// A slice of fan-out is scheduled.
    working: bool,
}

#[derive(Clone, Copy)]
struct Route {
    client: usize,
    number: u32,
    /// The client has gone without a word; the socket takes bytes, or takes none.
    ghost: Option<Ghost>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ghost {
    Swallows,
    Stuck,
}

enum Event {
    Act(usize),
    Serve,
    Fault,
    ToBroker { hub: usize, life: u32, action: Action },
    ToHub { hub: usize, life: u32, event: BrokerEvent },
    Deliver { hub: usize, life: u32, delivery: Delivery },
    Tick { hub: usize, life: u32 },
    Work { hub: usize, life: u32 },
    Restart { hub: usize, life: u32 },
    Rise { hub: usize, life: u32 },
    DieAgain { hub: usize, life: u32 },
    Bury(usize),
    Flush { hub: usize, life: u32, handle: Handle },
    ToClient { client: usize, number: u32, bytes: Bytes },
    Eof { client: usize, number: u32 },
    FromClient { hub: usize, life: u32, handle: Handle, sent: Sent },
    Gone { hub: usize, life: u32, handle: Handle },
}

enum Sent {
    Text(String),
    Pong,
}

struct Due {
    at_ms: u64,
    order: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.order).cmp(&(other.at_ms, other.order))
    }
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Clients act, messages are published, faults happen.
    Busy,
    /// No faults any more, nothing is published: everything must come right by itself.
    Healing,
    /// Clients only leave.
    Leaving,
}

pub(crate) struct World {
    seed: u64,
    rng: Rng,
    profile: Profile,
    phase: Phase,
    now_ms: u64,
    queue: BinaryHeap<Reverse<Due>>,
    orders: u64,
    broker: ModelBroker,
    nodes: Vec<Node>,
    clients: Vec<Client>,
    channels: Vec<ChannelName>,
    texts: u64,
    /// Connections that were ordered to end: client and number.
    disconnects: Vec<(usize, u32)>,
    graves: Vec<nodes::Grave>,
    /// What the last primary lost is written down by then.
    settled_ms: u64,
    pub(crate) trace: Trace,
    /// What went wrong first.
    violation: Option<String>,
    /// Inputs handled within the present millisecond.
    busy_in_ms: u32,
}

impl World {
    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        let mut rng = Rng::new(seed);
        let profile = Profile::draw(&mut rng);
        let kinds = ["room.", "private-room.", "cache-room.", "presence-room."];
        let channels = (0..profile.channels).map(|n| {
            let name = format!("{}{n}", rng.pick(&kinds));
            ChannelName::parse(&name).expect("a valid name")
        });
        let channels: Vec<ChannelName> = channels.collect();
        let clients = (0..profile.clients)
            .map(|n| if rng.permille(650) { Client::native(n, channels.len()) } else { Client::pusher(n, channels.len()) })
            .collect();
        let mut world = Self {
            seed,
            broker: ModelBroker::new(FIRST_ERA, profile.kept_max, BASE_WALL_MS, profile.whole),
            phase: Phase::Busy,
            now_ms: 0,
            queue: BinaryHeap::new(),
            orders: 0,
            nodes: Vec::new(),
            clients,
            channels,
            texts: 0,
            disconnects: Vec::new(),
            graves: Vec::new(),
            settled_ms: 0,
            trace,
            violation: None,
            busy_in_ms: 0,
            rng,
            profile,
        };
        world.trace.note(0, || format!("seed {seed}: {:?}", world.profile));
        for hub in 0..PLACES.len() {
            let node = world.node(hub, 0);
            world.nodes.push(node);
        }
        for client in 0..world.clients.len() {
            let at = world.rng.below(1_000);
            world.schedule(at, Event::Act(client));
        }
        world.schedule(100, Event::Serve);
        world.schedule(world.profile.fault_every_ms, Event::Fault);
        world
    }

    fn node(&self, hub: usize, life: u32) -> Node {
        let (node, core) = PLACES[hub];
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..12].copy_from_slice(&life.to_le_bytes());
        seed[12] = hub as u8;
        Node {
            hub: Hub::new(HubConfig { node, core, seed, ..self.profile.hub.clone() }, app::directory()),
            life,
            skew_ms: 0,
            up: true,
            hears_commands: false,
            frozen_until_ms: 0,
            tick_ms: None,
            up_ms: self.now_ms,
            down_ms: BTreeMap::new(),
            away_until_ms: 0,
            missed_ms: None,
            routes: BTreeMap::new(),
            flushing: BTreeSet::new(),
            graces: graces::Graces::default(),
            working: false,
        }
    }

    fn schedule(&mut self, at_ms: u64, event: Event) {
        self.orders += 1;
        self.queue.push(Reverse(Due { at_ms: at_ms.max(self.now_ms), order: self.orders, event }));
    }

    /// The time as a hub sees it.
    fn now(&self, hub: usize) -> Now {
        Now { mono_ms: self.now_ms, wall_ms: (BASE_WALL_MS + self.now_ms).saturating_add_signed(self.nodes[hub].skew_ms) }
    }

    fn fail(&mut self, why: impl Into<String>) {
        let why = why.into();
        self.trace.note(self.now_ms, || format!("VIOLATION {why}"));
        self.violation.get_or_insert(why);
    }

    /// Lets everything happen that is due by then. Stops at the first violation.
    fn run_until(&mut self, until_ms: u64) {
        while self.violation.is_none()
            && let Some(Reverse(due)) = self.queue.pop_if_due(until_ms)
        {
            if due.at_ms > self.now_ms {
                self.now_ms = due.at_ms;
                self.busy_in_ms = 0;
            }
            self.busy_in_ms += 1;
            if self.busy_in_ms > EVENTS_PER_MS_MAX {
                return self.fail("the hubs go round in circles");
            }
            match self.held_up(&due.event) {
                // In the order in which they were sent.
                Some(at_ms) => self.queue.push(Reverse(Due { at_ms, ..due })),
                None => self.happen(due.event),
            }
        }
        self.now_ms = self.now_ms.max(until_ms);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Act(client) => self.act(client),
            Event::Serve => self.serve(),
            Event::Fault => self.fault(),
            Event::ToBroker { hub, life, action } if self.lives(hub, life) => self.broker_gets(hub, action),
            Event::ToHub { hub, life, event } if self.lives(hub, life) => self.hub_is_told(hub, event),
            Event::Deliver { hub, life, delivery } if self.lives(hub, life) => self.deliver(hub, delivery),
            Event::Tick { hub, life } if self.lives(hub, life) => self.tick(hub),
            Event::Work { hub, life } if self.lives(hub, life) => self.work(hub),
            Event::Restart { hub, life } if self.lives(hub, life) => self.restart(hub),
            Event::Rise { hub, life } if self.lives(hub, life) => self.rise(hub),
            Event::DieAgain { hub, life } if self.lives(hub, life) && self.phase == Phase::Busy => self.node_dies(PLACES[hub].0),
            Event::Bury(grave) => self.bury(grave),
            Event::Flush { hub, life, handle } if self.lives(hub, life) => self.flush(hub, handle),
            Event::ToClient { client, number, bytes } => self.client_gets(client, number, &bytes),
            Event::Eof { client, number } => self.eof(client, number),
            Event::FromClient { hub, life, handle, sent } if self.lives(hub, life) => self.hub_gets(hub, handle, &sent),
            Event::Gone { hub, life, handle } if self.lives(hub, life) => self.gone(hub, handle),
            // From or to a hub that has been restarted since.
            _ => {}
        }
    }

    fn lives(&self, hub: usize, life: u32) -> bool {
        self.nodes[hub].life == life
    }

    /// After every input to a hub: what it wants done, what it wants written, when it wants to be asked again.
    fn settle(&mut self, hub: usize) {
        let life = self.nodes[hub].life;
        while let Some(action) = self.nodes[hub].hub.next_action() {
            self.carry_up(hub, action);
        }
        while let Some(handle) = self.nodes[hub].hub.next_dirty() {
            let at = self.now_ms + self.rng.below(3);
            self.schedule_flush(hub, handle, at);
        }
        if self.nodes[hub].hub.has_work() && !std::mem::replace(&mut self.nodes[hub].working, true) {
            let pause = if self.phase == Phase::Busy && self.rng.permille(100) { self.rng.between(5, 300) } else { self.rng.below(3) };
            self.schedule(self.now_ms + pause, Event::Work { hub, life });
        }
        if let Some(at) = self.nodes[hub].hub.next_deadline()
            && self.nodes[hub].tick_ms.is_none_or(|armed| at < armed)
        {
            self.nodes[hub].tick_ms = Some(at);
            self.schedule(at, Event::Tick { hub, life });
        }
    }

    /// One slice of fan-out; others get in between.
    fn work(&mut self, hub: usize) {
        let now = self.now(hub);
        self.nodes[hub].working = false;
        self.nodes[hub].hub.work(now);
        self.settle(hub);
    }

    fn tick(&mut self, hub: usize) {
        let now = self.now(hub);
        self.nodes[hub].tick_ms = None;
        self.nodes[hub].hub.tick(now);
        if self.nodes[hub].hub.next_deadline().is_some_and(|next| next <= self.now_ms) {
            return self.fail(format!("hub {hub}: a tick left something due"));
        }
        self.settle(hub);
    }

    /// The customer's server publishes.
    fn serve(&mut self) {
        if self.phase != Phase::Busy {
            return;
        }
        let channel = self.rng.index(self.channels.len());
        // Bursts, and pauses between them.
        for _ in 0..*self.rng.pick(&[1, 1, 1, 5]) {
            self.publish_one(channel);
        }
        let pause = self.rng.between(1, 2 * self.profile.publish_every_ms);
        self.schedule(self.now_ms + pause, Event::Serve);
    }

    fn publish_one(&mut self, channel: usize) {
        self.texts += 1;
        let text = format!("m{}", self.texts);
        let data = if self.rng.permille(500) { Data::Text(text.as_str().into()) } else { Data::Json(format!("\"{text}\"").into()) };
        let draft = Draft {
            id: text.parse().expect("letters and digits"),
            idempotent: false,
            origin: None,
            client_id: None,
            ephemeral: false,
            client_event: false,
            kind: PublicationKind::Messages(vec![Message::new("said", data)]),
        };
        let topic = Topic::messages(app::app_id(), self.channels[channel].clone());
        let accepted = self
            .broker
            .publish(self.now_ms, Publish { topic: topic.clone(), draft, retention: RETENTION, durability: peal_core::Durability::Fast });
        if let Some(publication) = accepted.delivery {
            self.spread(&topic, &publication);
        }
    }

    fn act(&mut self, client: usize) {
        if self.phase == Phase::Leaving {
            return;
        }
        if self.clients[client].link.is_none() {
            self.connect(client);
        } else if self.now_ms >= self.clients[client].stalled_until_ms {
            self.with_client(client, |client, ctx| {
                client.act(ctx);
                Ok(())
            });
        }
        let pause = if self.phase == Phase::Healing { 1_000 } else { self.rng.between(1, 2 * self.profile.act_every_ms) };
        self.schedule(self.now_ms + pause, Event::Act(client));
    }

    /// Lets a client look and act, then sends what it wants to send.
    fn with_client(&mut self, client: usize, does: impl FnOnce(&mut Client, &mut Ctx<'_>) -> Result<(), String>) {
        let hub_missed_ms = self.clients[client].link.as_ref().and_then(|link| self.nodes[link.hub].missed_ms);
        let mut ctx = Ctx {
            now_ms: self.now_ms,
            broker: &self.broker,
            channels: &self.channels,
            profile: &self.profile,
            rng: &mut self.rng,
            texts: &mut self.texts,
            hub_missed_ms,
            healing: self.phase == Phase::Healing,
        };
        let done = does(&mut self.clients[client], &mut ctx);
        if let Err(why) = done {
            return self.fail(format!("client {client}: {why}"));
        }
        self.send_out(client);
    }
}

/// `BinaryHeap` has no such method.
trait PopIfDue {
    fn pop_if_due(&mut self, until_ms: u64) -> Option<Reverse<Due>>;
}

impl PopIfDue for BinaryHeap<Reverse<Due>> {
    fn pop_if_due(&mut self, until_ms: u64) -> Option<Reverse<Due>> {
        if self.peek()?.0.at_ms > until_ms { None } else { self.pop() }
    }
}
