//! The table of limits: `docs/limits.md`, plan files and the API are made from it.

use super::Limits;
use crate::error::ErrorCode;

/// What a limit's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Connections,
    MessagesPerSecond,
    Bytes,
    Channels,
    Members,
    Milliseconds,
}

impl Unit {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Connections => "connections",
            Unit::MessagesPerSecond => "messages/s",
            Unit::Bytes => "bytes",
            Unit::Channels => "channels",
            Unit::Members => "members",
            Unit::Milliseconds => "ms",
        }
    }
}

/// One limit.
pub struct LimitInfo {
    /// As in plan files, in the API and in [`Limits`].
    pub name: &'static str,
    pub title: &'static str,
    pub unit: Unit,
    /// A sentence or two for who has reached it.
    pub when_reached: &'static str,
    /// The refusal, where there is one.
    pub error: Option<ErrorCode>,
    /// The lowest value that leaves an app usable.
    pub least: u64,
    get: fn(&Limits) -> Option<u64>,
    set: fn(&mut Limits, u64),
    clear: fn(&mut Limits) -> bool,
}

impl LimitInfo {
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static LimitInfo> {
        LIMITS.iter().find(|info| info.name == name)
    }

    /// `None` means no limit.
    #[must_use]
    pub fn get(&self, limits: &Limits) -> Option<u64> {
        (self.get)(limits)
    }

    /// A value beyond what the field holds sets its highest.
    pub fn set(&self, limits: &mut Limits, value: u64) {
        (self.set)(limits, value);
    }

    /// Takes the limit away; false where there always is one.
    pub fn clear(&self, limits: &mut Limits) -> bool {
        (self.clear)(limits)
    }
}

macro_rules! limit {
    (optional $field:ident, least $least:literal, $title:literal, $unit:ident, $error:expr, $text:literal) => {
        LimitInfo {
            name: stringify!($field),
            title: $title,
            unit: Unit::$unit,
            when_reached: $text,
            error: $error,
            least: $least,
            get: |limits| limits.$field.map(u64::from),
            set: |limits, value| limits.$field = Some(value.try_into().unwrap_or(u32::MAX)),
            clear: |limits| {
                limits.$field = None;
                true
            },
        }
    };
    ($kind:ident $field:ident, least $least:literal, $title:literal, $unit:ident, $error:expr, $text:literal) => {
        LimitInfo {
            name: stringify!($field),
            title: $title,
            unit: Unit::$unit,
            when_reached: $text,
            error: $error,
            least: $least,
            get: |limits| Some(limits.$field.into()),
            set: |limits, value| limits.$field = value.try_into().unwrap_or($kind::MAX),
            clear: |_| false,
        }
    };
}

/// Every limit, in the order in which they are shown.
pub const LIMITS: &[LimitInfo] = &[
    limit!(optional connections, least 0, "Open connections", Connections, Some(ErrorCode::ConnectionLimit),
        "A new connection is refused and told to come back later; open ones stay."),
    limit!(optional messages_per_second, least 0, "Messages accepted per second", MessagesPerSecond, Some(ErrorCode::RateLimited),
        "The publish is refused and told after how many milliseconds to repeat it. A refused message is never counted, and nothing is dropped in silence."),
    limit!(u32 message_bytes, least 1, "Bytes of one message", Bytes, Some(ErrorCode::MessageTooLarge),
        "The publish is refused. Send less, or a reference to the data. A rule may allow less than this."),
    limit!(u32 pusher_data_bytes, least 1, "Bytes of one event's data on the Pusher protocol", Bytes, Some(ErrorCode::MessageTooLarge),
        "The event is refused, as Pusher does."),
    limit!(u32 channels_per_connection, least 1, "Channels of one connection", Channels, Some(ErrorCode::ChannelsPerConnection),
        "The subscription is refused; the others and the connection stay."),
    limit!(u32 presence_members, least 1, "Users in one presence channel on the Pusher protocol", Members, Some(ErrorCode::PresenceMembers),
        "The next user is refused and told to come back later; those inside stay."),
    limit!(u32 presence_data_bytes, least 1, "Bytes of one member's data", Bytes, Some(ErrorCode::PresenceDataTooLarge),
        "Entering or updating is refused."),
    limit!(u32 client_events_per_second, least 0, "Client events of one connection per second on the Pusher protocol", MessagesPerSecond,
        Some(ErrorCode::ClientEventRate), "The event is dropped, and the client is told so; the connection stays."),
    limit!(optional client_publishes_per_second, least 0, "Publishes and presence changes of one native connection per second",
        MessagesPerSecond, Some(ErrorCode::RateLimited), "The request is refused and told when to repeat it; the connection stays."),
    limit!(u64 history_ttl_ms, least 120_000, "Longest history", Milliseconds, None,
        "Rules cannot ask for longer. After a change to a plan with less, older messages are no longer replayed."),
];
