//! The hub's limits and times, with the defaults that `docs/architecture.md` explains.

use crate::stream::{RingLimits, StreamLimits};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubConfig {
    /// Where this hub is; both become part of every connection id.
    pub node: u16,
    pub core: u8,
    /// Seeds connection and message ids. Must be secret and unguessable in production: a connection id is what others may exclude or
    /// disconnect by.
    pub seed: [u8; 32],
    /// Bytes queued for a connection beyond which messages wait in the ring instead.
    pub queue_soft_bytes: usize,
    /// Bytes queued for a connection beyond which it is closed: only what must not be dropped gets this far.
    pub queue_hard_bytes: usize,
    /// A connection that takes no byte for this long while something is queued is closed.
    pub write_deadline_ms: u64,
    /// How long a close frame may take to be written before the socket is cut.
    pub close_deadline_ms: u64,
    /// A connection must authenticate within this time.
    pub auth_timeout_ms: u64,
    /// A Pusher connection must be vouched for within this time, where the app asks that of everyone.
    pub pusher_authorise_timeout_ms: u64,
    /// Silence after which a Pusher client is pinged; it is told so.
    pub pusher_activity_timeout_s: u32,
    pub pusher_pong_timeout_ms: u64,
    /// Silence after which a native client is pinged; it is told so.
    pub native_ping_ms: u64,
    pub native_pong_timeout_ms: u64,
    /// A token's expiry is announced this long before.
    pub expiring_notice_ms: u64,
    /// Publications kept per topic for those who catch up.
    pub ring_count: usize,
    pub ring_age_ms: u64,
    pub ring_bytes: usize,
    /// Publications held per topic while a gap is repaired.
    pub held_count: usize,
    pub held_bytes: usize,
    /// Publications in one read of the history for a connection that catches up.
    pub page_count: u32,
    /// First pause before a failed question to the broker is asked again; it doubles up to `retry_max_ms`.
    pub retry_min_ms: u64,
    pub retry_max_ms: u64,
    /// A publication that the broker acknowledged to this hub must arrive within this time, or the topic's head is checked.
    pub arrival_timeout_ms: u64,
    /// Subscribers that one slice of a fan-out reaches at most.
    pub slice_subscribers: usize,
    /// Fan-outs to at most this many subscribers have a share of their own.
    pub small_fan_out: usize,
    /// Publications that one pass over a channel's subscribers takes along at most.
    pub pass_publications: usize,
    /// Publications that may wait for a pass over their channel's subscribers. Beyond either, the subscribers fall behind: they get what
    /// follows from the ring or the history.
    pub waiting_publications: usize,
    pub waiting_bytes: usize,
    /// Grace before a lost native connection leaves presence, unless a rule says otherwise.
    pub native_presence_grace_ms: u64,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            node: 0,
            core: 0,
            seed: [0; 32],
            queue_soft_bytes: 256 * 1024,
            queue_hard_bytes: 1024 * 1024,
            write_deadline_ms: 30_000,
            close_deadline_ms: 5_000,
            auth_timeout_ms: 10_000,
            pusher_authorise_timeout_ms: 30_000,
            pusher_activity_timeout_s: 120,
            pusher_pong_timeout_ms: 30_000,
            native_ping_ms: 25_000,
            native_pong_timeout_ms: 10_000,
            expiring_notice_ms: 30_000,
            ring_count: 100,
            ring_age_ms: 120_000,
            ring_bytes: 512 * 1024,
            held_count: 1_024,
            held_bytes: 1024 * 1024,
            page_count: 100,
            retry_min_ms: 100,
            retry_max_ms: 5_000,
            arrival_timeout_ms: 500,
            slice_subscribers: 256,
            small_fan_out: 32,
            pass_publications: 64,
            waiting_publications: 8_192,
            waiting_bytes: 16 * 1024 * 1024,
            native_presence_grace_ms: 5_000,
        }
    }
}

impl HubConfig {
    pub(crate) fn stream_limits(&self) -> StreamLimits {
        StreamLimits {
            ring: RingLimits { count: self.ring_count, age_ms: self.ring_age_ms, bytes: self.ring_bytes },
            held_max: self.held_count,
            held_bytes_max: self.held_bytes,
        }
    }
}
