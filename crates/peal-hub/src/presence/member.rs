//! Members of this core's own connections. Each has its changes carried out by the broker one after the other, so that a leave can
//! never overtake an enter, and stays here until the broker has confirmed that it is gone: no ghosts, whatever fails in between.

mod answer;

use std::collections::VecDeque;
use std::sync::Arc;

use peal_core::exchange::PresenceUpdate;
use peal_core::usage::Charge;
use peal_core::{ConnectionId, ErrorCode, Lane, Member, Position, PresenceOp, Refusal, Topic};

use crate::action::Action;
use crate::delivery::{Pending, Progress};
use crate::event::Handle;
use crate::hub::Hub;
use crate::session::Farewell;
use crate::timer::Owner;

/// Changes of one member that may wait for the broker.
const CHANGES_MAX: usize = 16;

/// No connection.
const NOBODY: Handle = Handle { slot: crate::connection::NONE, generation: 0 };

/// What an entering member says.
#[derive(Debug)]
pub(crate) struct Entering {
    pub(crate) user: Arc<str>,
    pub(crate) data: Option<Arc<str>>,
    pub(crate) users_max: Option<u32>,
    /// The native request to answer.
    pub(crate) reply: Option<u64>,
}

#[derive(Debug)]
struct Change {
    op: PresenceOp,
    member: Member,
    users_max: Option<u32>,
    /// Native requests to answer.
    replies: Vec<u64>,
    /// It is a member, whom the broker has lost: tried until it succeeds, since nobody would be told otherwise.
    again: bool,
}

#[derive(Debug)]
pub(crate) struct LocalMember {
    topic: Topic,
    owner: Handle,
    connection: ConnectionId,
    pusher: bool,
    /// Who it is once all changes are carried out; `None` if it will be gone.
    present: Option<Member>,
    /// The first is with the broker if `in_flight`.
    changes: VecDeque<Change>,
    in_flight: bool,
    /// Where its last entering stands in the presence lane.
    entered: Option<Position>,
    /// The end of its grace, or of a pause after a failure.
    timer: Option<u64>,
    in_grace: bool,
    pause_ms: u64,
    /// Whom its changes are charged to.
    charge: Option<Charge>,
}

impl LocalMember {
    pub(crate) fn entered(&self) -> Option<Position> {
        self.entered
    }
}

impl Hub {
    /// A connection enters, or changes what it shows. A subscription that is joining waits for it.
    pub(crate) fn member_enter(&mut self, slot: u32, topic: &Topic, join: Option<u32>, entering: Entering) -> Result<(), Refusal> {
        let Some(connection) = self.connections.get(slot) else { return Ok(()) };
        let (connection_id, is_pusher) = (connection.id, connection.pusher);
        let Some(owner) = self.connections.handle(slot) else { return Ok(()) };
        let Entering { user, data, users_max, reply } = entering;
        let member = Member { user, connection: connection_id, data };
        let change =
            Change { op: PresenceOp::Enter, member: member.clone(), users_max, replies: reply.into_iter().collect(), again: false };
        let key = match self.member_find(connection_id, topic) {
            Some(key) => key,
            None => {
                // Being online is free.
                let charge = self.charge(slot).filter(|_| topic.channel().is_some_and(|channel| channel.online_user().is_none()));
                self.member_add(topic, owner, connection_id, is_pusher, charge)
            }
        };
        let Some(local) = self.members.get_mut(key as usize) else { return Ok(()) };
        if local.changes.len() >= CHANGES_MAX {
            return Err(Refusal::of(ErrorCode::RateLimited).retry_after(1_000));
        }
        let was_present = local.present.replace(member).is_some();
        if !was_present {
            local.entered = None;
        }
        local.queue(change);
        if !was_present && let Some(members) = self.members_of(slot) {
            members.push(key);
        }
        if let Some(Progress::Joining(waiting)) = join.and_then(|index| self.progress.get_mut(&(slot, index))) {
            waiting.member = Some(key);
        }
        self.member_drive(key);
        Ok(())
    }

    fn member_add(&mut self, topic: &Topic, owner: Handle, connection: ConnectionId, pusher: bool, charge: Option<Charge>) -> u32 {
        let key = self.members.insert(LocalMember {
            topic: topic.clone(),
            owner,
            connection,
            pusher,
            present: None,
            changes: VecDeque::new(),
            in_flight: false,
            entered: None,
            timer: None,
            in_grace: false,
            pause_ms: 0,
            charge,
        }) as u32;
        self.member_index.insert((connection, topic.clone()), key);
        self.own_member(topic, true);
        key
    }

    /// The core itself enters, under an id that no connection has. It is tried until it succeeds.
    pub(crate) fn member_enter_core(&mut self, topic: &Topic, id: ConnectionId) {
        let key = self.member_find(id, topic).unwrap_or_else(|| self.member_add(topic, NOBODY, id, true, None));
        let member = Member { user: id.to_string().into(), connection: id, data: None };
        let Some(local) = self.members.get_mut(key as usize) else { return };
        local.present = Some(member.clone());
        local.queue(Change { op: PresenceOp::Enter, member, users_max: None, replies: Vec::new(), again: false });
        self.member_drive(key);
    }

    pub(crate) fn member_leave_core(&mut self, topic: &Topic, id: ConnectionId) {
        if let Some(key) = self.member_find(id, topic) {
            self.member_depart(key, None);
        }
    }

    /// Whether a connection is a member, or will be.
    pub(crate) fn is_member(&self, slot: u32, topic: &Topic) -> bool {
        self.member_user(slot, topic).is_some()
    }

    /// A connection leaves at once. Leaving where it is not succeeds.
    pub(crate) fn member_leave(&mut self, slot: u32, topic: &Topic, reply: Option<u64>) {
        let found = self.connections.get(slot).and_then(|connection| self.member_find(connection.id, topic));
        let held = found.filter(|key| self.members.get(*key as usize).is_some_and(|member| member.present.is_some()));
        let Some(key) = held else {
            if let Some(reply) = reply {
                self.push(slot, peal_wire::native::encode_ok(reply));
            }
            return;
        };
        if let Some(members) = self.members_of(slot) {
            members.retain(|member| *member != key);
        }
        self.member_depart(key, reply);
    }

    /// A connection is gone, and its members with it: at once, or after their grace.
    pub(crate) fn members_end(&mut self, members: &[u32], farewell: Farewell) {
        for key in members {
            let Some(local) = self.members.get(*key as usize) else { continue };
            let grace_ms = if farewell == Farewell::Clean { 0 } else { self.grace_ms(local) };
            let Some(local) = self.members.get_mut(*key as usize) else { continue };
            if grace_ms == 0 || !local.changes.is_empty() {
                self.member_depart(*key, None);
            } else {
                let at = self.now.mono_ms + grace_ms;
                local.in_grace = true;
                self.timers.arm(Owner::Member(*key), &mut local.timer, Some(at));
            }
        }
    }

    fn grace_ms(&self, local: &LocalMember) -> u64 {
        let by_rule = match (&local.topic.lane, self.apps.get(&local.topic.app)) {
            (Lane::Presence(channel), Some(entry)) => entry.app.rules.resolve(channel).presence_grace_ms,
            _ => None,
        };
        let by_protocol = if local.pusher { 0 } else { self.config.native_presence_grace_ms };
        by_rule.map_or(by_protocol, u64::from)
    }

    fn member_depart(&mut self, key: u32, reply: Option<u64>) {
        let Some(local) = self.members.get_mut(key as usize) else { return };
        if let Some(member) = local.present.take() {
            let change = Change { op: PresenceOp::Leave, member, users_max: None, replies: reply.into_iter().collect(), again: false };
            local.queue(change);
        }
        self.member_drive(key);
    }

    /// Gives the broker the next change, or forgets a member that is gone.
    fn member_drive(&mut self, key: u32) {
        let Some(local) = self.members.get_mut(key as usize) else { return };
        if local.in_flight {
            return;
        }
        self.timers.arm(Owner::Member(key), &mut local.timer, None);
        let Some(change) = local.changes.front() else {
            if local.present.is_none() {
                let gone = self.members.remove(key as usize);
                self.own_member(&gone.topic, false);
                self.member_index.remove(&(gone.connection, gone.topic));
            }
            return;
        };
        local.in_flight = true;
        let update =
            PresenceUpdate { topic: local.topic.clone(), op: change.op, member: change.member.clone(), users_max: change.users_max };
        let request = self.request(Pending::Member(key));
        self.act(Action::PresenceUpdate { request, update });
    }

    /// A grace or a pause is over.
    pub(crate) fn member_due(&mut self, key: u32) {
        let Some(local) = self.members.get_mut(key as usize) else { return };
        local.timer = None;
        if std::mem::take(&mut local.in_grace) {
            self.member_depart(key, None);
        } else {
            self.member_drive(key);
        }
    }

    /// After a view was loaded anew: members of this core that the broker has lost enter again.
    pub(super) fn enter_again(&mut self, watch: u32) {
        let Some(topic) = self.topics.get(watch) else { return };
        let Some(audience) = topic.presence() else { return };
        let lost = self.members.iter().filter(|(_, local)| {
            let settled = local.changes.is_empty() && local.present.is_some() && !local.in_grace;
            settled && local.topic == topic.topic && audience.view.member(local.connection).is_none()
        });
        let behind = |local: &LocalMember| local.entered.is_some_and(|entered| entered > audience.view.at());
        for key in lost.filter(|(_, local)| !behind(local)).map(|(key, _)| key as u32).collect::<Vec<_>>() {
            let Some(local) = self.members.get_mut(key as usize) else { continue };
            if let Some(member) = local.present.clone() {
                // Who joins with it waits until it is there again.
                local.entered = None;
                local.queue(Change { op: PresenceOp::Enter, member, users_max: None, replies: Vec::new(), again: true });
            }
            self.member_drive(key);
        }
    }

    /// The user that a connection is in a channel.
    pub(crate) fn member_user(&self, slot: u32, topic: &Topic) -> Option<Arc<str>> {
        let key = self.member_find(self.connections.get(slot)?.id, topic)?;
        self.members.get(key as usize)?.present.as_ref().map(|member| Arc::clone(&member.user))
    }

    pub(crate) fn member_topic(&self, key: u32) -> Option<Topic> {
        self.members.get(key as usize).map(|member| member.topic.clone())
    }

    fn member_find(&self, connection: ConnectionId, topic: &Topic) -> Option<u32> {
        self.member_index.get(&(connection, topic.clone())).copied()
    }
}

impl LocalMember {
    /// Appends a change. One that only shows something else takes the place of a waiting one of the same user.
    fn queue(&mut self, change: Change) {
        let waiting = if self.in_flight { 1 } else { 0 };
        if change.op == PresenceOp::Enter
            && self.changes.len() > waiting
            && let Some(last) = self.changes.back_mut()
            && last.op == PresenceOp::Enter
            && last.member.user == change.member.user
        {
            last.member = change.member;
            last.replies.extend(change.replies);
            return;
        }
        self.changes.push_back(change);
    }
}
