//! Presence: who is in a channel. A member is (user, connection); the view per user is derived from it (DESIGN 5.4).

use std::sync::Arc;

use crate::id::ConnectionId;

/// One connection of one user in one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Client id (native) or user id (Pusher).
    pub user: Arc<str>,
    pub connection: ConnectionId,
    /// JSON text shown to others; `None` if nothing was given.
    pub data: Option<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceOp {
    Enter,
    Update,
    Leave,
}

/// A change that the broker carried out. `first` and `last` are about the *user*: the first connection in, the last one out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceChange {
    pub op: PresenceOp,
    pub member: Member,
    pub first: bool,
    pub last: bool,
}
