//! How many subscribe to a channel in the whole deployment, told to its Pusher subscribers (protocol notes 5): an opt-in feature of the app.
//!
//! Nothing is counted where nothing happens: a join or leave makes a channel *due*, and what is due is told when its time comes. So ten thousand joins
//! in a second are a handful of frames each, and where the switch is off not even a timer is set.
//!
//! The number is this core's subscriptions and what the *other cores* last said of theirs. Cores tell each other over the app's control topic
//! ([`announce`]), but only once one of them has found that it is not alone ([`seat`]). What a core said holds until it says something else or is gone;
//! while it cannot be heard, its last word is the best that is known.
//!
//! Invariant: `due` holds a channel exactly once if its [`Counted::due_ms`] is not 0, and both are gone with its last subscriber.

mod announce;
mod seat;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use peal_core::channel::Access;
use peal_core::{AppId, ChannelName, ConnectionId};
use peal_wire::pusher;

use crate::connection::Urgency;
use crate::hub::Hub;
use crate::timer::Owner;
use crate::topic::{Stage, TopicRef};
use crate::usage::Weight;

use announce::AppCounts;
use seat::{Company, Seat};

/// Changes are collected for this long before they are told, a core's first subscription for longer: other cores are asked meanwhile.
const COLLECT_MS: u64 = 100;
const FIRST_MS: u64 = 250;
/// A channel with more subscribers than this is told of at most every `CROWD_MS`.
const CROWD: u32 = 100;
const CROWD_MS: u64 = 5_000;
/// Subscribers that are told in one step.
const SLICE: usize = 1_024;

#[derive(Debug, Default)]
pub(crate) struct SubscriptionCounts {
    /// By topic.
    channels: BTreeMap<u32, Counted>,
    /// When to tell, and of which topic.
    due: BTreeSet<(u64, u32)>,
    /// Frames on their way to many subscribers.
    rounds: VecDeque<Round>,
    apps: BTreeMap<AppId, AppCounts>,
    /// Whose turn it is to tell other cores.
    next_app: Option<AppId>,
    announce_ms: Option<u64>,
    seat: Option<Seat>,
    timer: Option<u64>,
}

/// A channel with subscribers on this core.
#[derive(Debug, Default)]
struct Counted {
    /// The last number that was told; 0 if none was.
    told: u32,
    told_ms: u64,
    /// 0: nothing is to be told.
    due_ms: u64,
    /// Somebody joined who has not been told any number.
    joined: bool,
    /// What other cores have, but for those without any.
    others: Vec<(ConnectionId, u32)>,
}

impl Counted {
    fn others(&self) -> u32 {
        self.others.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Another core's number; whether it is another one than before.
    fn set(&mut self, core: ConnectionId, count: u32) -> bool {
        let place = self.others.iter().position(|(other, _)| *other == core);
        match (place, count) {
            (None, 0) => return false,
            (None, count) => self.others.push((core, count)),
            (Some(place), 0) => drop(self.others.swap_remove(place)),
            (Some(place), count) => return std::mem::replace(&mut self.others[place].1, count) != count,
        }
        true
    }
}

/// A number that is told slice by slice, from the end of the list: who leaves meanwhile can at worst let somebody be passed over, and makes the
/// channel due again.
#[derive(Debug)]
struct Round {
    topic: TopicRef,
    left: usize,
    frame: Bytes,
}

impl Hub {
    /// A subscription has been answered.
    pub(crate) fn count_joined(&mut self, index: u32) {
        let Some((app, channel)) = self.countable(index) else { return };
        let first = !self.counts.channels.contains_key(&index);
        self.counts.channels.entry(index).or_default().joined = true;
        let others = first && !matches!(self.company(), Company::Alone);
        self.count_due(index, if others { FIRST_MS } else { COLLECT_MS });
        self.count_announce(app, channel, first);
    }

    /// A subscription is gone.
    pub(crate) fn count_left(&mut self, index: u32) {
        if !self.counts.channels.contains_key(&index) {
            return;
        }
        let Some(entry) = self.topics.get(index) else { return };
        let (app, channel) = (entry.topic.app, entry.topic.channel().cloned());
        if entry.messages().is_none_or(|audience| audience.subscribers.is_empty()) {
            self.count_forget(index);
        } else {
            self.count_due(index, COLLECT_MS);
        }
        if let Some(channel) = channel {
            self.count_announce(app, channel, false);
        }
        if self.counts.channels.is_empty() {
            self.seat_due();
            self.counts_arm();
        }
    }

    /// The app and the name, if subscriptions are to be counted.
    fn countable(&self, index: u32) -> Option<(AppId, ChannelName)> {
        let topic = &self.topics.get(index)?.topic;
        if !self.apps.get(&topic.app)?.app.features.subscription_count {
            return None;
        }
        let channel = topic.channel()?;
        (channel.kind().access != Access::Presence && channel.user().is_none()).then(|| (topic.app, channel.clone()))
    }

    fn count_forget(&mut self, index: u32) {
        if let Some(counted) = self.counts.channels.remove(&index) {
            self.counts.due.remove(&(counted.due_ms, index));
        }
    }

    /// Sees to it that the channel's number is told, as soon as it may.
    fn count_due(&mut self, index: u32, collect_ms: u64) {
        let now_ms = self.now.mono_ms;
        let Some(audience) = self.topics.get(index).and_then(|topic| topic.messages()) else { return };
        let Some(counted) = self.counts.channels.get_mut(&index).filter(|counted| counted.due_ms == 0) else { return };
        let about = counted.told.max(counted.others().saturating_add(audience.subscribers.len() as u32));
        let crowded_ms = if counted.told > 0 && about > CROWD { counted.told_ms + CROWD_MS } else { 0 };
        counted.due_ms = crowded_ms.max(now_ms + collect_ms);
        self.counts.due.insert((counted.due_ms, index));
        self.counts_arm();
    }

    /// Sets the timer to whatever comes first.
    fn counts_arm(&mut self) {
        let counts = &self.counts;
        let round_ms = (!counts.rounds.is_empty()).then_some(self.now.mono_ms + 1);
        let seat_ms = counts.seat.as_ref().and_then(|seat| seat.until_ms);
        let next = counts.due.first().map(|(at, _)| *at).into_iter().chain(round_ms).chain(counts.announce_ms).chain(seat_ms).min();
        self.timers.arm(Owner::Counts, &mut self.counts.timer, next);
    }

    pub(crate) fn counts_due(&mut self) {
        self.counts.timer = None;
        let now_ms = self.now.mono_ms;
        let mut room = self.count_rounds(SLICE);
        while room > 0
            && let Some((_, index)) = self.counts.due.first().copied().filter(|(at, _)| *at <= now_ms)
        {
            self.counts.due.pop_first();
            room = room.saturating_sub(1);
            self.count_tell(index);
            room = self.count_rounds(room);
        }
        if self.counts.announce_ms.is_some_and(|at| at <= now_ms) {
            self.counts.announce_ms = None;
            self.counts_publish();
        }
        self.seat_due();
        self.counts_arm();
    }

    /// Begins a round with the present number, if it is news to anybody.
    fn count_tell(&mut self, index: u32) {
        let wanted = self.countable(index);
        let Some(counted) = self.counts.channels.get_mut(&index) else { return };
        counted.due_ms = 0;
        let Some((_, channel)) = wanted else { return self.count_forget(index) };
        let Some(audience) = self.topics.get(index).and_then(|topic| topic.messages()) else { return };
        let total = counted.others().saturating_add(audience.answered() as u32);
        let joined = std::mem::take(&mut counted.joined);
        if total == 0 || total == counted.told && !joined {
            return;
        }
        counted.told = total;
        counted.told_ms = self.now.mono_ms;
        let frame = pusher::encode_subscription_count(channel.as_str(), total.into());
        let topic = self.topics.reference(index);
        self.counts.rounds.retain(|round| round.topic != topic);
        self.counts.rounds.push_back(Round { topic, left: audience.subscribers.len(), frame });
    }

    /// Tells so many subscribers, and answers how many more could have been.
    fn count_rounds(&mut self, mut room: usize) -> usize {
        while room > 0
            && let Some(Round { topic, left, frame }) = self.counts.rounds.pop_front()
        {
            let Some(audience) = self.topics.resolve(topic).and_then(|index| self.topics.get(index)?.messages()) else { continue };
            let end = left.min(audience.subscribers.len());
            let begin = end.saturating_sub(room);
            let told = audience.subscribers[begin..end].iter().filter(|subscriber| subscriber.pusher && subscriber.stage != Stage::Joining);
            for slot in told.map(|subscriber| subscriber.slot).collect::<Vec<_>>() {
                self.push_weighed(slot, frame.clone(), Weight::Nothing, Urgency::Bulk);
            }
            room -= end - begin;
            if begin > 0 {
                self.counts.rounds.push_front(Round { topic, left: begin, frame });
            }
        }
        room
    }

    /// The app has switched counting on or off.
    pub(crate) fn count_switched(&mut self, app: AppId, on: bool) {
        for index in self.topics.indices() {
            let Some(entry) = self.topics.get(index).filter(|entry| entry.topic.app == app) else { continue };
            if !on {
                self.count_forget(index);
            } else if entry.messages().is_some_and(|audience| audience.answered() > 0) {
                self.count_joined(index);
            }
        }
        if !on {
            self.counts.apps.remove(&app);
            self.seat_due();
            self.counts_arm();
        }
    }

    /// Subscriptions on other nodes, as far as they are known.
    pub(crate) fn counted_elsewhere(&self, index: u32) -> u32 {
        let others = self.counts.channels.get(&index).map_or(&[][..], |counted| &counted.others);
        others.iter().filter(|(core, _)| core.place().node != self.config.node).map(|(_, count)| count).sum()
    }
}
