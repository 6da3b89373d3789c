//! The metrics by number and name, and what each is. Numbers are stored and never reused.

use crate::error::ErrorCode;

/// How values of smaller periods make one of a larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    Sum,
    Max,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(into = "i16", try_from = "i16")]
#[repr(u8)]
pub enum Metric {
    MessagesIn = 1,
    MessagesOut = 2,
    BytesIn = 3,
    BytesOut = 4,
    PresenceOps = 5,
    HistoryReads = 6,
    WebhookDeliveries = 7,
    ApiRequests = 8,
    ConnectionMs = 9,
    ConnectionsOpened = 10,
    RejectedRate = 11,
    RejectedQuota = 12,
    PeakConnections = 13,
}

#[derive(Debug, Clone, Copy)]
pub struct MetricInfo {
    /// In JSON, CSV and on the command line.
    pub name: &'static str,
    pub title: &'static str,
    pub unit: &'static str,
    pub aggregate: Aggregate,
    /// Part of what a plan includes and a bill names.
    pub billable: bool,
    /// The counting rule in a sentence or two, for whoever looks at the number.
    pub rule: &'static str,
}

impl Metric {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::MessagesIn,
        Self::MessagesOut,
        Self::BytesIn,
        Self::BytesOut,
        Self::PresenceOps,
        Self::HistoryReads,
        Self::WebhookDeliveries,
        Self::ApiRequests,
        Self::ConnectionMs,
        Self::ConnectionsOpened,
        Self::RejectedRate,
        Self::RejectedQuota,
        Self::PeakConnections,
    ];

    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub(crate) const fn index(self) -> usize {
        self as usize - 1
    }

    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.number() == number)
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// What a refused publish or presence change counts as; `None` for most refusals, which count nothing.
    #[must_use]
    pub const fn of_refusal(code: ErrorCode) -> Option<Self> {
        match code {
            ErrorCode::RateLimited | ErrorCode::ClientEventRate => Some(Self::RejectedRate),
            ErrorCode::QuotaExceeded => Some(Self::RejectedQuota),
            _ => None,
        }
    }

    /// Those that are broken down by [`Dimension`].
    pub const BROKEN_DOWN: [Self; 3] = [Self::MessagesIn, Self::MessagesOut, Self::ConnectionsOpened];

    #[must_use]
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    #[must_use]
    pub const fn info(self) -> MetricInfo {
        match self {
            Self::MessagesIn => counted(
                "messages_in",
                "Messages in",
                "messages",
                true,
                "1 for every publish that was accepted, per channel and started 16 KiB of event name plus data, and 1 for every presence \
                 change. A repeated message id and a refused publish count nothing.",
            ),
            Self::MessagesOut => counted(
                "messages_out",
                "Messages out",
                "messages",
                true,
                "1 for every message that a connection received, per started 16 KiB of event name plus data, counted when its last byte left. \
                 Presence changes are 1 per connection and second in which it was told of some. A connection does not get its own \
                 publish back unless it asks, and then it counts.",
            ),
            Self::BytesIn => counted("bytes_in", "Bytes in", "bytes", false, "Event name plus data of the publishes in messages_in."),
            Self::BytesOut => counted("bytes_out", "Bytes out", "bytes", false, "Event name plus data of the messages in messages_out."),
            Self::PresenceOps => counted(
                "presence_ops",
                "Presence changes",
                "changes",
                false,
                "1 for every enter, update and leave of a member, whoever caused it. They are part of messages_in already.",
            ),
            Self::HistoryReads => counted(
                "history_reads",
                "History reads",
                "messages",
                true,
                "1 for every message returned by resuming, rewinding or reading the history, whatever its size. These are not messages out.",
            ),
            Self::WebhookDeliveries => counted(
                "webhook_deliveries",
                "Webhooks delivered",
                "webhooks",
                true,
                "1 for every webhook that your server accepted. Attempts that failed are free.",
            ),
            Self::ApiRequests => counted(
                "api_requests",
                "API requests",
                "requests",
                false,
                "1 for every authenticated request to the edge over HTTP that was not refused. For information: what a request publishes \
                 or reads is counted by itself.",
            ),
            Self::ConnectionMs => counted(
                "connection_ms",
                "Connection time",
                "milliseconds",
                false,
                "The time for which connections were open, summed over all of them to the millisecond; never rounded up. Divided by the \
                 time that passed it is the average number of connections.",
            ),
            Self::ConnectionsOpened => counted(
                "connections_opened",
                "Connections opened",
                "connections",
                false,
                "1 for every connection that was accepted, that is, authenticated.",
            ),
            Self::RejectedRate => counted(
                "rejected_rate",
                "Refused: too fast",
                "requests",
                false,
                "1 for every publish or presence change that was refused because a rate limit was reached. Never billed.",
            ),
            Self::RejectedQuota => counted(
                "rejected_quota",
                "Refused: quota used up",
                "requests",
                false,
                "1 for every publish that was refused because the plan's quota was used up. Never billed.",
            ),
            Self::PeakConnections => MetricInfo {
                name: "peak_connections",
                title: "Peak connections",
                unit: "connections",
                aggregate: Aggregate::Max,
                billable: false,
                rule: "The most connections that were open at once: the largest value over slots of 10 seconds of the sum over all nodes of \
                       each node's maximum within the slot.",
            },
        }
    }
}

const fn counted(name: &'static str, title: &'static str, unit: &'static str, billable: bool, rule: &'static str) -> MetricInfo {
    MetricInfo { name, title, unit, aggregate: Aggregate::Sum, billable, rule }
}

impl From<Metric> for i16 {
    fn from(metric: Metric) -> Self {
        metric.number()
    }
}

impl TryFrom<i16> for Metric {
    type Error = String;

    fn try_from(number: i16) -> Result<Self, String> {
        Self::from_number(number).ok_or_else(|| format!("{number} is no metric"))
    }
}

/// By what messages and connections are broken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(into = "i16", try_from = "i16")]
#[repr(u8)]
pub enum Dimension {
    Namespace = 1,
    Key = 2,
    Transport = 3,
    Protocol = 4,
}

impl Dimension {
    pub const ALL: [Self; 4] = [Self::Namespace, Self::Key, Self::Transport, Self::Protocol];

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.name() == name)
    }

    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Key => "key",
            Self::Transport => "transport",
            Self::Protocol => "protocol",
        }
    }
}

impl From<Dimension> for i16 {
    fn from(dimension: Dimension) -> Self {
        dimension.number()
    }
}

impl TryFrom<i16> for Dimension {
    type Error = String;

    fn try_from(number: i16) -> Result<Self, String> {
        Self::ALL.into_iter().find(|dimension| dimension.number() == number).ok_or_else(|| format!("{number} is no dimension"))
    }
}

/// How it came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Transport {
    WebSocket,
    Rest,
}

impl Transport {
    pub const ALL: [Self; 2] = [Self::WebSocket, Self::Rest];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Rest => "rest",
        }
    }
}

/// What it spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Protocol {
    Native,
    Pusher,
}

impl Protocol {
    pub const ALL: [Self; 2] = [Self::Native, Self::Pusher];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Pusher => "pusher",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_lead_back() {
        for (place, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric.index(), place);
            assert_eq!(Metric::from_number(metric.number()), Some(metric));
            assert_eq!(Metric::from_name(metric.name()), Some(metric));
        }
        assert_eq!(Metric::from_number(0), None);
        assert_eq!(Metric::from_number(14), None);
    }
}
