//! The state machine itself: what it holds, and its entry points. What they do is in the modules beside this one, each an `impl Hub`
//! of its own: [`crate::session`] what clients say, [`crate::delivery`] what the broker says, [`crate::presence`] who is there,
//! [`crate::liveness`] what happens by itself.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use peal_core::usage::Counters;
use peal_core::{AppId, ConnectionId, Directory, Now, Topic};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustc_hash::FxHashMap;
use slab::Slab;

use crate::action::{Action, RequestId};
use crate::apps::AppEntry;
use crate::config::HubConfig;
use crate::connection::{Connections, Urgency, WriteClock};
use crate::delivery::{FanOut, Pending, Progress, ReadKey};
use crate::event::{BrokerEvent, Handle, Incoming};
use crate::presence::LocalMember;
use crate::queue::OutQueue;
use crate::stream::StreamLimits;
use crate::timer::Timers;
use crate::topic::Topics;
use crate::totals::{Ending, HubTotals};
use crate::usage::Weight;

/// Bytes that a connection may send before it has authenticated.
pub(crate) const PREAUTH_BYTES: usize = 4 * 1024;
/// What a protocol puts around a message's data: channel, event, ids, signatures.
const ENVELOPE_BYTES: usize = 16 * 1024;

/// One core's connections, channels and everything between them. See the crate's page for how to drive it.
#[derive(Debug)]
pub struct Hub {
    pub(crate) config: HubConfig,
    pub(crate) limits: StreamLimits,
    pub(crate) directory: Arc<Directory>,
    pub(crate) now: Now,
    pub(crate) connections: Connections,
    /// Apps with connections here.
    pub(crate) apps: BTreeMap<AppId, AppEntry>,
    pub(crate) topics: Topics,
    /// Subscriptions that are not live, by slot and topic.
    pub(crate) progress: FxHashMap<(u32, u32), Progress>,
    /// Presence members of this hub's connections, and of past ones until they have left.
    pub(crate) members: Slab<LocalMember>,
    pub(crate) member_index: FxHashMap<(ConnectionId, Topic), u32>,
    /// Native requests that wait for a view, of subscriptions that are live already; by slot and topic of messages.
    pub(crate) watch_replies: FxHashMap<(u32, u32), Vec<u64>>,
    pub(crate) fan_out: FanOut,
    pub(crate) requests: FxHashMap<RequestId, Pending>,
    next_request: u64,
    /// Reads of the history that several connections wait for.
    pub(crate) reads: FxHashMap<ReadKey, RequestId>,
    pub(crate) timers: Timers,
    pub(crate) sweep_timer: Option<u64>,
    pub(crate) counts: crate::counts::SubscriptionCounts,
    /// Of connections whose app's control topic is not attached yet.
    pub(crate) greetings: FxHashMap<AppId, Vec<(Handle, Bytes)>>,
    /// The node is being replaced; whoever comes is sent elsewhere.
    pub(crate) draining: bool,
    actions: VecDeque<Action>,
    pub(crate) counters: Counters,
    pub(crate) totals: HubTotals,
    pub(crate) rng: StdRng,
}

impl Hub {
    #[must_use]
    pub fn new(config: HubConfig, directory: Arc<Directory>) -> Self {
        Self {
            limits: config.stream_limits(),
            rng: StdRng::from_seed(config.seed),
            config,
            directory,
            now: Now::default(),
            connections: Connections::default(),
            apps: BTreeMap::new(),
            topics: Topics::default(),
            progress: FxHashMap::default(),
            members: Slab::new(),
            member_index: FxHashMap::default(),
            watch_replies: FxHashMap::default(),
            fan_out: FanOut::default(),
            requests: FxHashMap::default(),
            next_request: 0,
            reads: FxHashMap::default(),
            timers: Timers::default(),
            sweep_timer: None,
            counts: crate::counts::SubscriptionCounts::default(),
            greetings: FxHashMap::default(),
            draining: false,
            actions: VecDeque::new(),
            counters: Counters::default(),
            totals: HubTotals::default(),
        }
    }

    /// Something arrived from the client. Ignored once the connection is over.
    pub fn receive(&mut self, now: Now, handle: Handle, incoming: Incoming<'_>) {
        self.now = now;
        if let Some(slot) = self.connections.slot(handle) {
            self.incoming(slot, incoming);
        }
    }

    /// The transport is gone. If the hub did not let the connection go before, it counts as lost: presence keeps it for its grace.
    pub fn closed(&mut self, now: Now, handle: Handle) {
        self.now = now;
        if let Some(slot) = self.connections.slot(handle) {
            self.let_go(slot, crate::session::Farewell::Lost, Ending::Lost);
            if let Some(gone) = self.connections.remove(slot) {
                gone.tab.release(&mut self.counters);
            }
        }
    }

    /// The broker answered or delivered.
    pub fn broker(&mut self, now: Now, event: BrokerEvent) {
        self.now = now;
        self.broker_event(event);
    }

    /// Does what has become due; call it at the latest at [`Self::next_deadline`].
    pub fn tick(&mut self, now: Now) {
        self.now = now;
        while let Some(owner) = self.timers.pop(now.mono_ms) {
            self.due(owner);
        }
    }

    /// When [`Self::tick`] has something to do, in monotonic milliseconds.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.next()
    }

    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// A connection whose queue has something to write, or that began to close.
    pub fn next_dirty(&mut self) -> Option<Handle> {
        let Self { connections, apps, .. } = self;
        connections.next_dirty(|app| apps.get(&app).map_or(1, AppEntry::weight))
    }

    /// Whether there is anything to write.
    #[must_use]
    pub fn has_dirty(&self) -> bool {
        self.connections.dirty_count(Urgency::Prompt) + self.connections.dirty_count(Urgency::Bulk) > 0
    }

    /// Bytes of one message that the codec may accept from this connection at this moment: little before it has authenticated, afterwards a
    /// message of the app's limit and what the protocol puts around it.
    #[must_use]
    pub fn message_bytes_max(&self, handle: Handle) -> usize {
        let connection = self.connections.slot(handle).and_then(|slot| self.connections.get(slot));
        let app = connection.and_then(|connection| connection.app).and_then(|app| self.directory.app(app));
        app.map_or(PREAUTH_BYTES, |app| app.limits.message_bytes.max(app.limits.pusher_data_bytes) as usize + ENVELOPE_BYTES)
    }

    /// What is to be written; `None` once the connection is gone from the hub.
    pub fn queue(&mut self, handle: Handle) -> Option<&mut OutQueue> {
        let slot = self.connections.slot(handle)?;
        self.connections.get_mut(slot).map(|connection| &mut connection.queue)
    }

    /// The socket took this many bytes from the front of the queue. Advances the queue.
    pub fn wrote(&mut self, now: Now, handle: Handle, bytes: usize) {
        self.now = now;
        let Some(slot) = self.connections.slot(handle) else { return };
        let soft = self.config.queue_soft_bytes;
        let Self { connections, counters, .. } = self;
        let Some(connection) = connections.get_mut(slot) else { return };
        let tab = &mut connection.tab;
        connection.queue.advance(bytes, |weight| tab.sent(counters, now, weight));
        connection.progress_ms = now.mono_ms;
        if connection.unsettled > 0 && connection.queue.bytes() <= soft / 2 {
            self.continue_all(slot);
        }
    }

    #[must_use]
    pub fn connection_id(&self, handle: Handle) -> Option<ConnectionId> {
        let slot = self.connections.slot(handle)?;
        self.connections.get(slot).map(|connection| connection.id)
    }

    #[must_use]
    pub fn handle_of(&self, id: ConnectionId) -> Option<Handle> {
        let connection = self.connections.get(id.place().slot).filter(|connection| connection.id == id)?;
        Some(Handle { slot: id.place().slot, generation: connection.generation })
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Remembers what an answer will be for.
    pub(crate) fn request(&mut self, pending: Pending) -> RequestId {
        self.next_request += 1;
        let request = RequestId(self.next_request);
        self.requests.insert(request, pending);
        request
    }

    /// Queues a frame for a connection. One whose queue is full beyond all measure is closed instead.
    pub(crate) fn push(&mut self, slot: u32, frame: Bytes) {
        self.push_weighed(slot, frame, Weight::Nothing, Urgency::Prompt);
    }

    /// As [`Self::push`], for what counts when it has left.
    pub(crate) fn push_weighed(&mut self, slot: u32, frame: Bytes, weight: Weight, urgency: Urgency) {
        let hard = self.config.queue_hard_bytes;
        if self.connections.get(slot).is_some_and(|connection| connection.queue.bytes() > hard && connection.queue.closing().is_none()) {
            return self.cut_slow(slot);
        }
        let clock = self.write_clock();
        self.connections.push(slot, frame, weight, urgency, clock, &mut self.timers);
    }

    pub(crate) fn write_clock(&self) -> WriteClock {
        WriteClock { now_ms: self.now.mono_ms, write_deadline_ms: self.config.write_deadline_ms }
    }
}
