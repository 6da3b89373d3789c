//! What the broker says about a member's change, and what follows from it.

use peal_core::exchange::BrokerError;
use peal_core::{ErrorCode, Position, PresenceOp, Refusal};
use peal_wire::native;

use super::super::view::BEFORE_ALL;
use crate::delivery::{Progress, unavailable};
use crate::hub::Hub;
use crate::timer::Owner;

impl Hub {
    pub(crate) fn member_answered(&mut self, key: u32, result: Result<Option<Position>, BrokerError>) {
        let Some(local) = self.members.get_mut(key as usize) else { return };
        local.in_flight = false;
        let owner = self.connections.slot(local.owner);
        match result {
            Ok(position) => self.member_confirmed(key, owner, position),
            Err(BrokerError::PresenceFull { users_max }) => self.member_refused(key, owner, users_max),
            Err(BrokerError::Away(_) | BrokerError::Unconfirmed(_)) => self.member_failed(key, owner),
        }
    }

    fn member_confirmed(&mut self, key: u32, owner: Option<u32>, position: Option<Position>) {
        let Some(local) = self.members.get_mut(key as usize) else { return };
        local.pause_ms = 0;
        let Some(change) = local.changes.pop_front() else { return };
        if change.op == PresenceOp::Enter {
            // Nothing changed: whatever view there is shows it.
            local.entered = Some(position.unwrap_or(BEFORE_ALL));
        }
        let topic = local.topic.clone();
        let charge = local.charge.clone();
        if let Some(position) = position {
            if let Some(charge) = charge {
                self.count_presence_change(&charge, topic.channel());
            }
            self.expect(&topic, position);
        }
        if let Some(slot) = owner {
            for reply in change.replies {
                self.push(
                    slot,
                    match change.op {
                        PresenceOp::Leave => native::encode_ok(reply),
                        PresenceOp::Enter | PresenceOp::Update => native::encode_entered(reply, change.member.data.as_deref()),
                    },
                );
            }
        }
        self.member_drive(key);
        if let Some(watch) = self.topics.find(&topic) {
            self.settle_view(watch);
        }
    }

    fn member_refused(&mut self, key: u32, owner: Option<u32>, users_max: u32) {
        let Some(local) = self.members.get_mut(key as usize) else { return };
        let Some(change) = local.changes.pop_front() else { return };
        let refusal = Refusal::of(ErrorCode::PresenceMembers).with_limit(u64::from(users_max), u64::from(users_max) + 1);
        if local.changes.is_empty() {
            local.present = None;
        }
        if let Some(slot) = owner {
            if let Some(members) = self.members_of(slot) {
                members.retain(|member| *member != key);
            }
            self.refuse_member(slot, key, change.replies, &refusal);
        }
        self.member_drive(key);
    }

    /// Whether the broker carried it out is unknown. A join, a leave and a member whom the broker has lost are tried until they succeed; a native
    /// client that asked is told, and what may have entered leaves.
    fn member_failed(&mut self, key: u32, owner: Option<u32>) {
        let (min_ms, max_ms) = (self.config.retry_min_ms, self.config.retry_max_ms);
        let Some(local) = self.members.get_mut(key as usize) else { return };
        local.pause_ms = (local.pause_ms * 2).clamp(min_ms, max_ms);
        let at = self.now.mono_ms + local.pause_ms;
        self.timers.arm(Owner::Member(key), &mut local.timer, Some(at));
        let Some(change) = local.changes.front_mut() else { return };
        let replies = std::mem::take(&mut change.replies);
        let mut forget = false;
        if change.op == PresenceOp::Enter && !local.pusher && !change.again {
            if local.entered.is_some() {
                local.changes.pop_front();
            } else {
                change.op = PresenceOp::Leave;
                forget = local.changes.len() == 1 && local.present.take().is_some();
            }
        }
        if let Some(slot) = owner {
            if forget && let Some(members) = self.members_of(slot) {
                members.retain(|member| *member != key);
            }
            for reply in replies {
                self.refuse_request(slot, reply, &unavailable());
            }
        }
    }

    fn refuse_member(&mut self, slot: u32, key: u32, replies: Vec<u64>, refusal: &Refusal) {
        for reply in replies {
            self.refuse_request(slot, reply, refusal);
        }
        let subs = self.connections.get(slot).map_or(&[][..], |connection| &connection.subs);
        let waits = |index: &u32| matches!(self.progress.get(&(slot, *index)), Some(Progress::Joining(join)) if join.member == Some(key));
        if let Some(index) = subs.iter().map(|sub| sub.topic).find(waits) {
            self.refuse_join(slot, index, refusal);
        }
    }
}
