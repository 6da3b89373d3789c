//! Who is in one channel: members by (user, connection), in order of entering, and how many connections each user has.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use peal_core::exchange::BrokerError;
use peal_core::{ConnectionId, Member, PresenceChange, PresenceOp};

type Key = (Arc<str>, ConnectionId);

/// Invariant: `places`, `in_order` and the counts in `users` describe the same set.
#[derive(Debug, Default)]
pub(super) struct Members {
    in_order: BTreeMap<u64, Arc<Member>>,
    places: HashMap<Key, u64>,
    users: HashMap<Arc<str>, u32>,
    next_place: u64,
}

impl Members {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn list(&self) -> Vec<Arc<Member>> {
        self.in_order.values().cloned().collect()
    }

    /// Carries out one operation; `None` if it changes nothing. An enter of a present member is an update, an update of an
    /// absent one is an enter, a leave shows the data that the member had.
    ///
    /// # Errors
    /// `PresenceFull`, with nothing changed.
    pub(super) fn apply(&mut self, op: PresenceOp, member: Member, users_max: Option<u32>) -> Result<Option<PresenceChange>, BrokerError> {
        let key = (Arc::clone(&member.user), member.connection);
        match (op, self.places.get(&key).copied()) {
            (PresenceOp::Leave, None) => Ok(None),
            (PresenceOp::Leave, Some(place)) => Ok(Some(self.remove(&key, place, member))),
            (PresenceOp::Enter | PresenceOp::Update, Some(place)) => {
                self.in_order.insert(place, Arc::new(member.clone()));
                Ok(Some(PresenceChange { op: PresenceOp::Update, member, first: false, last: false }))
            }
            (PresenceOp::Enter | PresenceOp::Update, None) => {
                let first = !self.users.contains_key(&member.user);
                if let Some(users_max) = users_max
                    && first
                    && self.users.len() >= users_max as usize
                {
                    return Err(BrokerError::PresenceFull { users_max });
                }
                self.insert(key, member.clone());
                Ok(Some(PresenceChange { op: PresenceOp::Enter, member, first, last: false }))
            }
        }
    }

    fn insert(&mut self, key: Key, member: Member) {
        *self.users.entry(Arc::clone(&key.0)).or_default() += 1;
        self.places.insert(key, self.next_place);
        self.in_order.insert(self.next_place, Arc::new(member));
        self.next_place += 1;
    }

    fn remove(&mut self, key: &Key, place: u64, asked: Member) -> PresenceChange {
        self.places.remove(key);
        let member = self.in_order.remove(&place).map_or(asked, |held| Member::clone(&held));
        let remaining = self.users.get(&key.0).map_or(0, |count| count - 1);
        let last = remaining == 0;
        if last {
            self.users.remove(&key.0);
        } else {
            self.users.insert(Arc::clone(&key.0), remaining);
        }
        PresenceChange { op: PresenceOp::Leave, member, first: false, last }
    }
}
