//! From the broker to the subscribers: answers go to whoever asked, publications through their topic's stream, and what the stream
//! releases to every live subscriber, encoded once per wire format and in slices.
//!
//! The order of one input matters: first everything the stream released is noted for those who were live *before*, then those who join
//! or catch up are looked at. So nobody gets a publication twice, once by catching up and once as live.

mod catch_up;
mod fan_out;
mod join;
mod repair;
mod subscribers;
mod turns;

use std::sync::Arc;

use bytes::Bytes;
use peal_core::exchange::Delivery;
use peal_core::{ChannelName, ErrorCode, Lane, Position, Refusal, Topic};
use peal_wire::{native, pusher};

use crate::action::RequestId;
use crate::event::{BrokerEvent, Handle};
use crate::hub::Hub;
use crate::stream::{Entry, LossReason, Step, connected};
use crate::topic::{Audience, Stage, TopicRef};
use crate::usage::Ingress;

pub(crate) use catch_up::{CatchUp, ReadKey};
pub(crate) use fan_out::Backlog;
pub(crate) use join::{Join, Replier, Subscribed, Want};
pub(crate) use turns::FanOut;
pub use turns::FanOutCounts;

/// Where a subscription stands that is not live.
#[derive(Debug)]
pub(crate) enum Progress {
    Joining(Box<Join>),
    CatchingUp(Box<CatchUp>),
}

/// What an answer of the broker is for. The connection may be gone by then.
#[derive(Debug)]
pub(crate) enum Pending {
    /// A stream reads what it missed.
    Repair(TopicRef),
    /// Connections read what came after a position.
    Shared(ReadKey, Vec<Handle>),
    /// A subscription reads what it begins with.
    Beginning(TopicRef, Handle),
    NativePublish {
        handle: Handle,
        reply: u64,
        topic: Topic,
        ingress: Option<Box<Ingress>>,
    },
    ClientEvent(Handle, Option<Box<Ingress>>),
    NativeHistory {
        handle: Handle,
        reply: u64,
    },
    /// A member's change.
    Member(u32),
    /// A presence view's members.
    View(TopicRef),
    NativeMembers {
        handle: Handle,
        reply: u64,
    },
    /// Subscription counts that other cores are told.
    Counts(peal_core::AppId, std::collections::BTreeMap<ChannelName, bool>),
}

/// The broker is away: try again.
pub(crate) fn unavailable() -> Refusal {
    Refusal::of(ErrorCode::Unavailable).retry_after(1_000)
}

impl Entry {
    pub(crate) fn frame(&self, channel: &ChannelName, is_pusher: bool) -> &Bytes {
        if is_pusher {
            self.pusher.get_or_init(|| pusher::encode_publication(channel, &self.publication))
        } else {
            self.native.get_or_init(|| native::encode_message(channel, &self.publication))
        }
    }
}

impl Hub {
    pub(crate) fn broker_event(&mut self, event: BrokerEvent) {
        match event {
            BrokerEvent::Attached { topic, result } => {
                self.attached(&topic, result);
                self.greet_those_who_wait(&topic);
            }
            BrokerEvent::Deliveries(batch) => batch.into_iter().for_each(|delivery| self.deliver(delivery)),
            BrokerEvent::Interrupted { topics } => self.interrupted(&topics),
            BrokerEvent::Published { request, result } => match self.requests.remove(&request) {
                Some(Pending::NativePublish { handle, reply, topic, ingress }) => {
                    self.count_published(ingress, &result);
                    self.native_published(handle, reply, &topic, result);
                }
                Some(Pending::ClientEvent(handle, ingress)) => {
                    self.count_published(ingress, &result);
                    self.client_event_published(handle, &result);
                }
                Some(Pending::Counts(app, news)) if result.is_err() => self.counts_lost(app, news),
                _ => {}
            },
            BrokerEvent::History { request, result } => match self.requests.remove(&request) {
                Some(Pending::Repair(topic)) => self.repair_page(topic, result.ok().map(connected).as_ref()),
                Some(Pending::Shared(key, waiters)) => self.shared_page(key, &waiters, result.ok().map(connected).as_ref()),
                Some(Pending::Beginning(topic, handle)) => self.beginning_page(topic, handle, result.ok().map(connected).as_ref()),
                Some(Pending::NativeHistory { handle, reply }) => self.native_history_page(handle, reply, result),
                _ => {}
            },
            BrokerEvent::PresenceUpdated { request, result } => {
                if let Some(Pending::Member(member)) = self.requests.remove(&request) {
                    self.member_answered(member, result);
                }
            }
            BrokerEvent::PresenceMembers { request, result } => match self.requests.remove(&request) {
                Some(Pending::View(topic)) => self.view_loaded(topic, result.ok()),
                Some(Pending::NativeMembers { handle, reply }) => self.native_members(handle, reply, result),
                _ => {}
            },
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        let Some(index) = self.topics.find(&delivery.topic) else { return };
        let Some(entry) = self.topics.get_mut(index) else { return };
        let mut steps = Vec::new();
        entry.stream.deliver(delivery.publication, self.now.mono_ms, &self.limits, &mut steps);
        self.take_steps(index, steps);
    }

    /// Carries out what a topic's stream wants, then looks at those who wait for it.
    pub(crate) fn take_steps(&mut self, index: u32, steps: Vec<Step>) {
        self.count_gaps(index, &steps);
        for step in steps {
            match step {
                Step::Release { entry, after } => self.release(index, entry, after),
                Step::Lost { reason, from, to } => self.lost(index, reason, from, to),
                Step::Read { after } => self.read_missing(index, after),
                Step::Pause => self.pause_topic(index),
                Step::Attach => {
                    if let Some(entry) = self.topics.get(index) {
                        self.act(crate::action::Action::Attach(entry.topic.clone()));
                    }
                }
            }
        }
        self.settle(index);
    }

    fn release(&mut self, index: u32, entry: Arc<Entry>, after: Position) {
        let Some(topic) = self.topics.get(index) else { return };
        match &topic.audience {
            Audience::Messages(_) => self.fan_out(index, entry, after),
            Audience::Presence(_) => self.presence_changed(index, &entry.publication),
            Audience::Control { .. } => {
                let app = topic.topic.app;
                self.control(app, &entry.publication);
            }
        }
    }

    /// What the stream lost is lost to everyone who was live. Who is catching up finds out by reading.
    fn lost(&mut self, index: u32, reason: LossReason, from: Position, to: Position) {
        match self.topics.get(index).map(|topic| &topic.audience) {
            Some(Audience::Messages(_)) => self.fan_out_loss(index, reason, from, to),
            Some(Audience::Presence(_)) => self.presence_lost(index),
            Some(Audience::Control { .. }) | None => {}
        }
    }

    /// Looks at everyone on a topic who is not live.
    pub(crate) fn settle(&mut self, index: u32) {
        let Some(topic) = self.topics.get(index) else { return };
        match &topic.audience {
            Audience::Messages(audience) if audience.unsettled > 0 => {
                let waiting = audience.subscribers.iter().filter(|subscriber| subscriber.stage != Stage::Live);
                for slot in waiting.map(|subscriber| subscriber.slot).collect::<Vec<_>>() {
                    self.advance(slot, index);
                }
            }
            Audience::Messages(_) | Audience::Control { .. } => {}
            Audience::Presence(_) => self.settle_view(index),
        }
    }

    /// One subscription takes the next steps towards live.
    pub(crate) fn advance(&mut self, slot: u32, index: u32) {
        match self.progress.get(&(slot, index)) {
            Some(Progress::Joining(_)) => self.join(slot, index),
            Some(Progress::CatchingUp(_)) => self.catch_up(slot, index),
            None => {}
        }
    }

    /// The connection's queue has room again.
    pub(crate) fn continue_all(&mut self, slot: u32) {
        let Some(connection) = self.connections.get(slot) else { return };
        for topic in connection.subs.iter().map(|sub| sub.topic).collect::<Vec<_>>() {
            self.advance(slot, topic);
        }
    }

    /// Reads what came after a position, for a topic that may be gone when the answer is there.
    pub(crate) fn read_after(&mut self, topic: Topic, after: Position, limit: u32, pending: Pending) -> RequestId {
        let request = self.request(pending);
        let query = peal_core::exchange::HistoryQuery {
            topic,
            after: Some(after),
            before: None,
            since_ms: None,
            direction: peal_core::exchange::Direction::Forwards,
            limit,
        };
        self.act(crate::action::Action::History { request, query });
        request
    }

    /// The channel of a topic of messages or presence.
    pub(crate) fn channel_of(&self, index: u32) -> Option<ChannelName> {
        match &self.topics.get(index)?.topic.lane {
            Lane::Messages(channel) | Lane::Presence(channel) => Some(channel.clone()),
            Lane::Control => None,
        }
    }
}
