//! Telling watchers what changed: Pusher clients at once and by user, native clients collected and by member (protocol 3).

use std::sync::Arc;

use peal_core::Member;
use peal_wire::{native, pusher};

use super::PresenceAudience;
use super::view::Effect;
use crate::connection::Urgency;
use crate::hub::Hub;
use crate::timer::Owner;

/// Members listed in one reply; the count says how many there are.
pub(crate) const LISTED_MAX: usize = 1_000;

/// How long changes are collected for native clients, so that a crowd does not tell everyone about everyone.
fn collect_ms(members: usize) -> u64 {
    match members {
        0..=50 => 250,
        51..=200 => 1_000,
        _ => 5_000,
    }
}

impl PresenceAudience {
    /// The members as native watchers have been told, so that the changes that are being collected apply to it exactly.
    fn told(&self) -> Vec<Arc<Member>> {
        let present = self.view.members().filter_map(|member| match self.changes.get(&member.connection) {
            Some(before) => before.clone(),
            None => Some(Arc::clone(member)),
        });
        let left = self.changes.iter().filter(|(connection, _)| self.view.member(**connection).is_none());
        present.chain(left.filter_map(|(_, before)| before.clone())).collect()
    }

    /// As [`Self::told`], at most so many as a reply lists, and how many there are.
    pub(crate) fn listed(&self) -> (Vec<Arc<Member>>, usize) {
        let mut members = self.told();
        let count = members.len();
        members.truncate(LISTED_MAX);
        (members, count)
    }
}

impl Hub {
    pub(super) fn tell(&mut self, watch: u32, effects: impl IntoIterator<Item = Effect>) {
        for effect in effects {
            self.tell_pusher(watch, &effect);
            self.tell_observers(watch, &effect);
            self.collect(watch, effect);
        }
    }

    fn tell_pusher(&mut self, watch: u32, effect: &Effect) {
        let watched = self.topics.get(watch).and_then(|topic| topic.presence()).is_some_and(|audience| !audience.watchers.is_empty());
        if !watched || effect.came.is_none() && effect.went.is_none() {
            return;
        }
        let Some(weight) = self.presence_weight(watch) else { return };
        let Some(audience) = self.topics.get(watch).and_then(|topic| topic.presence()) else { return };
        let channel = audience.channel.as_str();
        let mut frames = Vec::new();
        if let Some(user) = &effect.went {
            frames.push((Arc::clone(user), pusher::encode_member_removed(channel, user)));
        }
        if let Some(member) = &effect.came {
            frames.push((Arc::clone(&member.user), pusher::encode_member_added(channel, &member.user, member.data.as_deref())));
        }
        let told = audience.watchers.iter().filter(|watcher| watcher.live && !watcher.native);
        let told: Vec<_> = told.map(|watcher| (watcher.slot, watcher.user.clone())).collect();
        for (slot, own) in told {
            for (user, frame) in &frames {
                if own.as_ref() != Some(user) {
                    self.push_weighed(slot, frame.clone(), weight, Urgency::Bulk);
                }
            }
        }
    }

    fn collect(&mut self, watch: u32, effect: Effect) {
        let now_ms = self.now.mono_ms;
        let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) else { return };
        if audience.native_live == 0 {
            return;
        }
        audience.changes.entry(effect.connection).or_insert(effect.before);
        if audience.changes_timer.is_none() {
            let at = now_ms + collect_ms(audience.view.members_count());
            self.timers.arm(Owner::Changes(watch), &mut audience.changes_timer, Some(at));
        }
    }

    /// The collected changes go out; who entered and left meanwhile is not mentioned.
    pub(crate) fn changes_due(&mut self, watch: u32) {
        let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) else { return };
        audience.changes_timer = None;
        let changes = std::mem::take(&mut audience.changes);
        let (mut enter, mut update, mut leave) = (Vec::new(), Vec::new(), Vec::new());
        for (connection, before) in &changes {
            match (before, audience.view.member(*connection)) {
                (None, Some(after)) => enter.push(&**after),
                (Some(before), None) => leave.push(&**before),
                (Some(before), Some(after)) if before != after => update.push(&**after),
                _ => {}
            }
        }
        if enter.is_empty() && update.is_empty() && leave.is_empty() {
            return;
        }
        let frame = native::encode_presence(&audience.channel, enter, update, leave, audience.view.members_count());
        let told = audience.watchers.iter().filter(|watcher| watcher.live && watcher.native);
        let told: Vec<u32> = told.map(|watcher| watcher.slot).collect();
        let Some(weight) = self.presence_weight(watch) else { return };
        for slot in told {
            self.push_weighed(slot, frame.clone(), weight, Urgency::Bulk);
        }
    }
}
