//! The members of one channel in the model.

use std::collections::BTreeSet;
use std::sync::Arc;

use peal_core::exchange::BrokerError;
use peal_core::{Member, PresenceChange, PresenceOp};

#[derive(Debug, Default)]
pub(crate) struct Members(Vec<Arc<Member>>);

impl Members {
    pub(crate) fn list(&self) -> Vec<Arc<Member>> {
        self.0.clone()
    }

    pub(crate) fn users(&self) -> BTreeSet<&str> {
        self.0.iter().map(|member| &*member.user).collect()
    }

    /// As native clients name them.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.0.iter().map(|member| format!("{}/{}", member.user, member.connection)).collect()
    }

    /// # Errors
    /// `PresenceFull`.
    pub(super) fn apply(&mut self, op: PresenceOp, member: Member, users_max: Option<u32>) -> Result<Option<PresenceChange>, BrokerError> {
        let place = self.0.iter().position(|held| held.user == member.user && held.connection == member.connection);
        match (op, place) {
            (PresenceOp::Leave, None) => Ok(None),
            (PresenceOp::Leave, Some(at)) => {
                let member = self.0.remove(at);
                let last = !self.users().contains(&*member.user);
                Ok(Some(PresenceChange { op, member: Member::clone(&member), first: false, last }))
            }
            (PresenceOp::Enter | PresenceOp::Update, Some(at)) => {
                self.0[at] = Arc::new(member.clone());
                Ok(Some(PresenceChange { op: PresenceOp::Update, member, first: false, last: false }))
            }
            (PresenceOp::Enter | PresenceOp::Update, None) => {
                let first = !self.users().contains(&*member.user);
                if let Some(users_max) = users_max
                    && first
                    && self.users().len() >= users_max as usize
                {
                    return Err(BrokerError::PresenceFull { users_max });
                }
                self.0.push(Arc::new(member.clone()));
                Ok(Some(PresenceChange { op: PresenceOp::Enter, member, first, last: false }))
            }
        }
    }
}
