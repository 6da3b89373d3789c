//! The members of one channel at one position, and what a change does to them. Pure: the same changes give the same view everywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use peal_core::{ConnectionId, Member, Position, PresenceOp, Publication, PublicationKind};
use rustc_hash::FxHashMap;

/// What happened to one member, and whether its user came or went with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) connection: ConnectionId,
    pub(crate) before: Option<Arc<Member>>,
    pub(crate) came: Option<Arc<Member>>,
    pub(crate) went: Option<Arc<str>>,
}

/// A user with all their connections. What is shown is what the first of them brought.
#[derive(Debug)]
struct User {
    shown: Arc<Member>,
    connections: usize,
}

/// Earlier than anything that is kept.
pub(super) const BEFORE_ALL: Position = Position::new(0, 0);

#[derive(Debug)]
pub(crate) struct View {
    at: Position,
    /// By order of entering.
    members: BTreeMap<u64, Arc<Member>>,
    order: FxHashMap<ConnectionId, u64>,
    users: BTreeMap<u64, User>,
    user_order: FxHashMap<Arc<str>, u64>,
    entered: u64,
}

impl View {
    pub(super) fn new() -> Self {
        Self {
            at: BEFORE_ALL,
            members: BTreeMap::new(),
            order: FxHashMap::default(),
            users: BTreeMap::new(),
            user_order: FxHashMap::default(),
            entered: 0,
        }
    }

    /// Changes up to here are in it.
    pub(crate) fn at(&self) -> Position {
        self.at
    }

    /// Members, in order of entering.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.members.values()
    }

    pub(crate) fn member(&self, connection: ConnectionId) -> Option<&Arc<Member>> {
        self.members.get(self.order.get(&connection)?)
    }

    pub(crate) fn members_count(&self) -> usize {
        self.members.len()
    }

    /// Distinct users and what is shown of them, in order of entering.
    pub(crate) fn users(&self) -> impl Iterator<Item = (&str, Option<&str>)> + Clone {
        self.users.values().map(|user| (&*user.shown.user, user.shown.data.as_deref()))
    }

    pub(crate) fn users_count(&self) -> usize {
        self.users.len()
    }

    /// Applies a change, unless the view shows it already.
    pub(crate) fn change(&mut self, publication: &Publication) -> Option<Effect> {
        let (Some(position), PublicationKind::Presence(change)) = (publication.position, &publication.kind) else { return None };
        if position <= self.at {
            return None;
        }
        self.at = position;
        match change.op {
            PresenceOp::Enter | PresenceOp::Update => Some(self.enter(Arc::new(change.member.clone()))),
            PresenceOp::Leave => self.leave(change.member.connection),
        }
    }

    /// Replaces everything by the members at a position; the differences come back as effects.
    pub(crate) fn replace(&mut self, members: Vec<Arc<Member>>, at: Position) -> Vec<Effect> {
        let mut effects = Vec::new();
        let stays: FxHashMap<ConnectionId, ()> = members.iter().map(|member| (member.connection, ())).collect();
        let gone = self.members.values().map(|member| member.connection).filter(|connection| !stays.contains_key(connection));
        for connection in gone.collect::<Vec<_>>() {
            effects.extend(self.leave(connection));
        }
        for member in members {
            if self.member(member.connection) != Some(&member) {
                effects.push(self.enter(member));
            }
        }
        self.at = at;
        effects
    }

    fn enter(&mut self, member: Arc<Member>) -> Effect {
        let connection = member.connection;
        let mut before = None;
        if let Some(place) = self.order.get(&connection).copied()
            && let Some(present) = self.members.get_mut(&place)
        {
            if present.user == member.user {
                let before = Some(std::mem::replace(present, Arc::clone(&member)));
                if let Some(user) = self.user_order.get(&member.user).and_then(|place| self.users.get_mut(place))
                    && user.shown.connection == connection
                {
                    user.shown = member;
                }
                return Effect { connection, before, came: None, went: None };
            }
            // The connection is someone else than before.
            before = self.leave(connection);
        }
        self.entered += 1;
        self.order.insert(connection, self.entered);
        self.members.insert(self.entered, Arc::clone(&member));
        let came = self.user_enter(&member);
        let (before, went) = before.map_or((None, None), |effect| (effect.before, effect.went));
        Effect { connection, before, came, went }
    }

    fn user_enter(&mut self, member: &Arc<Member>) -> Option<Arc<Member>> {
        if let Some(user) = self.user_order.get(&member.user).and_then(|place| self.users.get_mut(place)) {
            user.connections += 1;
            return None;
        }
        self.user_order.insert(Arc::clone(&member.user), self.entered);
        self.users.insert(self.entered, User { shown: Arc::clone(member), connections: 1 });
        Some(Arc::clone(member))
    }

    fn leave(&mut self, connection: ConnectionId) -> Option<Effect> {
        let member = self.members.remove(&self.order.remove(&connection)?)?;
        let place = *self.user_order.get(&member.user)?;
        let user = self.users.get_mut(&place)?;
        user.connections -= 1;
        let went = (user.connections == 0).then(|| Arc::clone(&member.user));
        if went.is_some() {
            self.users.remove(&place);
            self.user_order.remove(&member.user);
        }
        Some(Effect { connection, before: Some(member), came: None, went })
    }
}

#[cfg(test)]
mod tests;
