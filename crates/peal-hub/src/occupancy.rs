//! What can be counted of a hub: its channels for the REST API, and everything it holds for metrics and for tests that look for leaks.

use peal_core::{AppId, ChannelName, Lane, Topic};

use crate::hub::Hub;

/// One channel with subscriptions on this core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupancy {
    pub channel: ChannelName,
    /// Answered ones, of this core.
    pub subscriptions: u32,
    /// Those of other nodes, as far as they are known; only where the app counts subscriptions.
    pub elsewhere: u32,
    /// Distinct users of the whole deployment, where this core watches them.
    pub users: Option<u32>,
}

/// How much of everything there is. All zero once every connection is closed and every answer has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HubCounts {
    pub connections: usize,
    pub subscriptions: usize,
    pub topics: usize,
    /// Presence members of this hub's connections, those in their grace included.
    pub members: usize,
    pub timers: usize,
    /// Questions to the broker that are not answered.
    pub requests: usize,
    /// Subscriptions that are not live.
    pub unsettled: usize,
    pub queued_bytes: usize,
    /// Channels whose last publications have not reached every subscriber.
    pub fan_outs: usize,
    /// What that will cost, in bytes; a write counts as some.
    pub fan_out_debt: usize,
}

impl HubCounts {
    /// Every count under its name.
    pub fn gauges(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        [
            ("connections", self.connections),
            ("subscriptions", self.subscriptions),
            ("topics", self.topics),
            ("members", self.members),
            ("timers", self.timers),
            ("requests", self.requests),
            ("unsettled", self.unsettled),
            ("queued_bytes", self.queued_bytes),
            ("fan_outs", self.fan_outs),
            ("fan_out_debt_bytes", self.fan_out_debt),
        ]
        .into_iter()
        .map(|(name, count)| (name, count as u64))
    }
}

impl Hub {
    /// Channels of an app with subscriptions on this core, by name, at most `limit`.
    #[must_use]
    pub fn occupancy(&self, app: AppId, prefix: Option<&str>, limit: usize) -> Vec<Occupancy> {
        let mut occupied: Vec<Occupancy> = self.topics.iter().filter_map(|entry| self.occupied(&entry.topic, app, prefix)).collect();
        occupied.sort_unstable_by(|a, b| a.channel.cmp(&b.channel));
        occupied.truncate(limit);
        occupied
    }

    /// One channel, if it has subscriptions on this core.
    #[must_use]
    pub fn occupancy_of(&self, app: AppId, channel: &ChannelName) -> Option<Occupancy> {
        self.occupied(&Topic::messages(app, channel.clone()), app, None)
    }

    fn occupied(&self, topic: &Topic, app: AppId, prefix: Option<&str>) -> Option<Occupancy> {
        let Lane::Messages(channel) = &topic.lane else { return None };
        if topic.app != app || channel.user().is_some() || prefix.is_some_and(|prefix| !channel.as_str().starts_with(prefix)) {
            return None;
        }
        let index = self.topics.find(topic)?;
        let audience = self.topics.get(index)?.messages()?;
        let subscriptions = audience.answered() as u32;
        let presence = self.topics.find(&Topic::presence(app, channel.clone())).and_then(|index| self.topics.get(index)?.presence());
        let users = presence.filter(|presence| presence.is_synced()).map(|presence| presence.view.users_count() as u32);
        (subscriptions > 0).then(|| Occupancy { channel: channel.clone(), subscriptions, elsewhere: self.counted_elsewhere(index), users })
    }

    #[must_use]
    pub fn counts(&self) -> HubCounts {
        let (fan_outs, debt) = self.fan_out_backlog();
        HubCounts {
            connections: self.connections.len(),
            subscriptions: self.connections.iter().map(|(_, connection)| connection.subs.len()).sum(),
            topics: self.topics.len(),
            members: self.members.len(),
            timers: self.timers.len(),
            requests: self.requests.len(),
            unsettled: self.progress.len() + self.watch_replies.len(),
            queued_bytes: self.connections.iter().map(|(_, connection)| connection.queue.bytes()).sum(),
            fan_outs,
            fan_out_debt: debt as usize,
        }
    }
}
