//! Limits of an app: what the plan sets and a rule may tighten.

use serde::{Deserialize, Serialize};

/// `None` means no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Open connections of the app over all nodes.
    pub connections: Option<u32>,
    /// Messages accepted per second over all nodes.
    pub messages_per_second: Option<u32>,
    /// Bytes of one message's data on the native and Ably wires.
    pub message_bytes: u32,
    /// Bytes of `data` in Pusher's REST calls and client events.
    pub pusher_data_bytes: u32,
    pub channels_per_connection: u32,
    /// Distinct users in one presence channel on the Pusher wire.
    pub presence_members: u32,
    /// Bytes of a member's data.
    pub presence_data_bytes: u32,
    /// Pusher client events per second and connection.
    pub client_events_per_second: u32,
    /// Native publishes and presence changes per second and connection.
    pub client_publishes_per_second: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            messages_per_second: None,
            message_bytes: 65_536,
            pusher_data_bytes: 10_240,
            channels_per_connection: 200,
            presence_members: 100,
            presence_data_bytes: 1_024,
            client_events_per_second: 10,
            client_publishes_per_second: Some(50),
        }
    }
}
