//! How a run goes: the busy time, then everything must come right, then everybody leaves and nothing may remain.

use peal_core::Topic;

use super::{Phase, World};
use crate::app;
use crate::client::{Ctx, Entered};

/// Longer than every pause between two tries, and than the hub needs to find a half-open connection.
const HEAL_MS: u64 = 60_000;
const SETTLE_MS: u64 = 5_000;
/// Longer than every grace and deadline.
const LEAVE_MS: u64 = 180_000;

impl World {
    /// The whole run. Answers what was wrong.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        self.run_until(self.profile.busy_ms);
        self.heal();
        self.run_until(self.now_ms + HEAL_MS);
        self.expect_complete();
        for channel in 0..self.channels.len() {
            self.publish_one(channel);
        }
        self.run_until(self.now_ms + SETTLE_MS);
        self.expect_complete();
        self.leave();
        self.run_until(self.now_ms + LEAVE_MS);
        self.expect_nothing_left();
        match self.violation.take() {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    fn heal(&mut self) {
        self.trace.note(self.now_ms, || "the faults are over".into());
        self.phase = Phase::Healing;
        self.nodes.iter_mut().for_each(|node| node.away_until_ms = 0);
        self.all_rise();
        self.clients.iter_mut().for_each(|client| client.stalled_until_ms = 0);
    }

    fn expect_complete(&mut self) {
        if self.violation.is_some() {
            return;
        }
        for (client, number) in self.disconnects.clone() {
            if self.clients[client].link.as_ref().is_some_and(|link| link.number == number) {
                return self.fail(format!("client {client} was to be disconnected, and is still there"));
            }
        }
        for client in 0..self.clients.len() {
            let ctx = Ctx {
                now_ms: self.now_ms,
                broker: &self.broker,
                channels: &self.channels,
                profile: &self.profile,
                rng: &mut self.rng,
                texts: &mut self.texts,
                hub_missed_ms: None,
                healing: true,
            };
            if let Err(why) = self.clients[client].complete(&ctx) {
                return self.fail(format!("client {client} in the end: {why}"));
            }
        }
        self.expect_members();
    }

    /// The members that the broker has are those who entered and have not left.
    fn expect_members(&mut self) {
        for (at, name) in self.channels.clone().into_iter().enumerate() {
            let topic = Topic::presence(app::app_id(), name.clone());
            let present = self.broker.log(&topic).map(|log| log.members.names()).unwrap_or_default();
            let claims: Vec<(Entered, String)> = self.clients.iter().map(|client| client.member(at)).collect();
            for (entered, member) in &claims {
                if (*entered == Entered::Yes) != present.contains(member) && *entered != Entered::Unsure {
                    return self.fail(format!("{name}: {member} has entered: {entered:?}, but the members are {present:?}"));
                }
            }
            if let Some(ghost) = present.iter().find(|member| claims.iter().all(|(_, claim)| claim != *member)) {
                return self.fail(format!("{name}: {ghost} is still a member, but that connection is long gone"));
            }
        }
    }

    fn leave(&mut self) {
        self.trace.note(self.now_ms, || "everybody leaves".into());
        self.phase = Phase::Leaving;
        for client in 0..self.clients.len() {
            self.hang_up(client);
        }
    }

    /// A connection that is closed leaves no subscription, member or timer.
    fn expect_nothing_left(&mut self) {
        if self.violation.is_some() {
            return;
        }
        for hub in 0..self.nodes.len() {
            if let Some(handle) = self.nodes[hub].routes.keys().next() {
                return self.fail(format!("hub {hub} never let {handle:?} go"));
            }
            let left = self.nodes[hub].hub.counts();
            let sum = left.connections
                + left.subscriptions
                + left.topics
                + left.members
                + left.timers
                + left.requests
                + left.unsettled
                + left.queued_bytes;
            if sum > 0 {
                return self.fail(format!("hub {hub} is not empty: {left:?}"));
            }
        }
        if let Some((topic, _)) = self.broker.topics.iter().find(|(_, log)| !log.attached.is_empty()) {
            let why = format!("{topic:?} is still attached");
            return self.fail(why);
        }
        if let Some((topic, log)) = self.broker.topics.iter().find(|(_, log)| !log.members.list().is_empty()) {
            let why = format!("{topic:?} still has the members {:?}", log.members.users());
            self.fail(why);
        }
    }
}
