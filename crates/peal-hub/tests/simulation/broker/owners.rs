//! Which hub has which members, as the nodes of a fleet know it of themselves: from the moment at which it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use peal_core::exchange::PresenceUpdate;
use peal_core::{ConnectionId, Lane, Member, PresenceOp, Topic};

use super::ModelBroker;

type Owned = BTreeSet<(Topic, Arc<str>, ConnectionId)>;

/// By hub.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<usize, Owned>);

fn key(topic: &Topic, member: &Member) -> (Topic, Arc<str>, ConnectionId) {
    (topic.clone(), Arc::clone(&member.user), member.connection)
}

impl ModelBroker {
    pub(crate) fn own(&mut self, hub: usize, update: &PresenceUpdate) {
        let (owned, key) = (self.owners.0.entry(hub).or_default(), key(&update.topic, &update.member));
        if update.op == PresenceOp::Leave {
            owned.remove(&key)
        } else {
            owned.insert(key)
        };
    }

    /// The hub is dead.
    pub(crate) fn disown(&mut self, hub: usize) {
        self.owners.0.remove(&hub);
    }

    /// The members that entered on this core.
    pub(crate) fn members_of(&self, node: u16, core: u8) -> Vec<(Topic, Member)> {
        self.members_that(|(_, _, connection)| connection.place().node == node && connection.place().core == core)
    }

    /// Members that no living hub takes for its own.
    pub(crate) fn ownerless(&self) -> Vec<(Topic, Member)> {
        self.members_that(|key| self.owners.0.values().all(|owned| !owned.contains(key)))
    }

    pub(crate) fn is_owned(&self, topic: &Topic, member: &Member) -> bool {
        self.owners.0.values().any(|owned| owned.contains(&key(topic, member)))
    }

    fn members_that(&self, are_so: impl Fn(&(Topic, Arc<str>, ConnectionId)) -> bool) -> Vec<(Topic, Member)> {
        let lanes = self.topics.iter().filter(|(topic, _)| matches!(topic.lane, Lane::Presence(_)));
        let all = lanes.flat_map(|(topic, log)| log.members.list().into_iter().map(move |member| (topic, member)));
        all.filter(|(topic, member)| are_so(&key(topic, member))).map(|(topic, member)| (topic.clone(), Member::clone(&member))).collect()
    }
}
