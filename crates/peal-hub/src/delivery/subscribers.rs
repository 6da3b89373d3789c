//! The two sides of a subscription, the connection's list and the channel's, kept in step: each entry knows where the other is, so that one
//! leaves in constant time.

use super::{Join, Progress};
use crate::connection::{NONE, Sub};
use crate::hub::Hub;
use crate::topic::{Stage, Subscriber};

impl Hub {
    /// Adds a subscriber in stage joining and answers where it stands.
    pub(crate) fn subscriber_add(&mut self, slot: u32, index: u32, join: Join) {
        let Some(audience) = self.topics.get_mut(index).and_then(|topic| topic.messages_mut()) else { return };
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let at = audience.subscribers.len() as u32;
        if audience.subscribers.is_empty() {
            // Most channels have one.
            audience.subscribers.reserve_exact(1);
        }
        audience.subscribers.push(Subscriber { slot, stage: Stage::Joining, pusher: connection.pusher, since: 0 });
        audience.unsettled += 1;
        connection.unsettled += 1;
        connection.subs.push(Sub { topic: index, at, watch: NONE, watch_at: NONE });
        self.progress.insert((slot, index), Progress::Joining(Box::new(join)));
    }

    /// Takes a subscriber out of a topic's list; the connection's own list is the caller's. Answers what was in progress.
    pub(crate) fn subscriber_remove(&mut self, slot: u32, index: u32, at: u32) -> Option<Progress> {
        let progress = self.progress.remove(&(slot, index));
        let Some(audience) = self.topics.get_mut(index).and_then(|topic| topic.messages_mut()) else { return progress };
        if at as usize >= audience.subscribers.len() {
            return progress;
        }
        if audience.subscribers[at as usize].stage != Stage::Live {
            audience.unsettled -= 1;
            if let Some(connection) = self.connections.get_mut(slot) {
                connection.unsettled -= 1;
            }
        }
        let hole = audience.fill_from_reached(at as usize);
        audience.subscribers.swap_remove(hole);
        for moved in [at as usize, hole] {
            if let Some(moved_slot) = audience.subscribers.get(moved).map(|subscriber| subscriber.slot)
                && let Some(sub) = self.connections.get_mut(moved_slot).and_then(|connection| connection.sub_mut(index))
            {
                sub.at = moved as u32;
            }
        }
        if audience.subscribers.is_empty() {
            audience.subscribers = Vec::new();
            self.drop_backlog(index);
        }
        self.count_left(index);
        self.release_topic(index);
        progress
    }

    /// Moves a subscription to a later stage.
    pub(crate) fn set_stage(&mut self, slot: u32, index: u32, stage: Stage) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let Some(at) = connection.sub(index).map(|sub| sub.at) else { return };
        let Some(audience) = self.topics.get_mut(index).and_then(|topic| topic.messages_mut()) else { return };
        let Some(subscriber) = audience.subscribers.get_mut(at as usize) else { return };
        let settles = subscriber.stage != Stage::Live && stage == Stage::Live;
        subscriber.stage = stage;
        if stage == Stage::Live {
            subscriber.since = audience.released;
        }
        if settles {
            audience.unsettled -= 1;
            connection.unsettled -= 1;
        }
    }

    /// A live subscription was too slow: the caller says where it goes on.
    pub(super) fn unsettle(&mut self, slot: u32, index: u32) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let Some(at) = connection.sub(index).map(|sub| sub.at) else { return };
        let Some(audience) = self.topics.get_mut(index).and_then(|topic| topic.messages_mut()) else { return };
        if let Some(subscriber) = audience.subscribers.get_mut(at as usize).filter(|subscriber| subscriber.stage == Stage::Live) {
            subscriber.stage = Stage::CatchingUp;
            audience.unsettled += 1;
            connection.unsettled += 1;
        }
    }

    pub(crate) fn stage(&self, slot: u32, index: u32) -> Option<Stage> {
        let at = self.connections.get(slot)?.sub(index)?.at;
        self.topics.get(index)?.messages()?.subscribers.get(at as usize).map(|subscriber| subscriber.stage)
    }
}
