//! Topics: what the broker orders. A channel has two, one for messages and one for presence changes, so that presence
//! traffic neither uses up a channel's history nor reaches subscribers who did not ask for it; an app has a control topic.

use crate::channel::ChannelName;
use crate::id::AppId;

/// One ordered sequence of publications. The app comes first in every key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic {
    pub app: AppId,
    pub lane: Lane,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    Messages(ChannelName),
    Presence(ChannelName),
    /// The app's control channel (DESIGN 5.3).
    Control,
}

impl Topic {
    #[must_use]
    pub fn messages(app: AppId, channel: ChannelName) -> Self {
        Self { app, lane: Lane::Messages(channel) }
    }

    #[must_use]
    pub fn presence(app: AppId, channel: ChannelName) -> Self {
        Self { app, lane: Lane::Presence(channel) }
    }

    #[must_use]
    pub fn control(app: AppId) -> Self {
        Self { app, lane: Lane::Control }
    }

    #[must_use]
    pub fn channel(&self) -> Option<&ChannelName> {
        match &self.lane {
            Lane::Messages(channel) | Lane::Presence(channel) => Some(channel),
            Lane::Control => None,
        }
    }
}

/// How long and how many publications of a topic are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Retention {
    pub count: u32,
    pub ttl_ms: u64,
}

/// When a publish counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Once it is stored. It is lost with a server that dies before it has passed it on; then everyone who missed it is told.
    #[default]
    Fast,
    /// Once a replica has it as well.
    Replicated,
}

impl Retention {
    /// What every channel keeps even with history off: 2 minutes, at most 100 publications (DESIGN 5.2).
    pub const FLOOR: Self = Self { count: 100, ttl_ms: 120_000 };
    pub const CONTROL: Self = Self { count: 10_000, ttl_ms: 600_000 };
    pub const PRESENCE: Self = Self { count: 1_000, ttl_ms: 120_000 };
}
