//! The counting rule as published: event by event, with the place in the code that counts it, so that each is counted once.

use super::metric::Metric;

#[derive(Debug, Clone, Copy)]
pub struct Rule {
    pub event: &'static str,
    pub counts_as: &'static str,
    /// Empty: it counts nothing.
    pub metrics: &'static [Metric],
    /// The one place that counts it.
    pub counted_by: &'static str,
}

const HUB: &str = "the hub of the connection's core";
const MUX: &str = "the broker mux of the node";
const REST: &str = "the core that answered the request";
const NOBODY: &str = "nobody";

/// Every event that somebody may ask about.
pub const RULES: &[Rule] = &[
    Rule {
        event: "A publish over HTTP is accepted",
        counts_as: "1 in per channel and per started 16 KiB of event name plus data, each event of a batch by itself",
        metrics: &[Metric::MessagesIn, Metric::BytesIn],
        counted_by: MUX,
    },
    Rule {
        event: "A publish or client event of a connection is accepted",
        counts_as: "1 in per started 16 KiB of event name plus data",
        metrics: &[Metric::MessagesIn, Metric::BytesIn],
        counted_by: HUB,
    },
    Rule {
        event: "A publish repeats a message id within two minutes",
        counts_as: "nothing: it was counted the first time",
        metrics: &[],
        counted_by: NOBODY,
    },
    Rule {
        event: "A message reaches a subscriber's connection",
        counts_as: "1 out per started 16 KiB of event name plus data, when its last byte was taken by the kernel. What is dropped because the \
                    connection closed before counts nothing",
        metrics: &[Metric::MessagesOut, Metric::BytesOut],
        counted_by: HUB,
    },
    Rule {
        event: "A connection gets its own publish back",
        counts_as: "1 out as any other message. It does so only when it asks (`echo: true`); otherwise it is not sent and not counted",
        metrics: &[Metric::MessagesOut, Metric::BytesOut],
        counted_by: HUB,
    },
    Rule {
        event: "A slow connection is sent later what it could not take at once",
        counts_as: "1 out as if it had been sent at once",
        metrics: &[Metric::MessagesOut, Metric::BytesOut],
        counted_by: HUB,
    },
    Rule {
        event: "A cached event is sent on subscribing to a cache channel",
        counts_as: "1 out",
        metrics: &[Metric::MessagesOut, Metric::BytesOut],
        counted_by: HUB,
    },
    Rule {
        event: "A presence member enters, changes its data, or leaves",
        counts_as: "1 in, also for the leave of a connection that is lost. An enter that changes nothing counts nothing",
        metrics: &[Metric::MessagesIn, Metric::PresenceOps],
        counted_by: HUB,
    },
    Rule {
        event: "A connection is told of presence changes",
        counts_as: "1 out per connection and second in which it was told of at least one, however many changes and channels, on every protocol",
        metrics: &[Metric::MessagesOut],
        counted_by: HUB,
    },
    Rule {
        event: "A connection resumes or rewinds",
        counts_as: "1 history read per message returned, whatever its size, and no message out",
        metrics: &[Metric::HistoryReads],
        counted_by: HUB,
    },
    Rule {
        event: "A connection reads the history",
        counts_as: "1 history read per message returned",
        metrics: &[Metric::HistoryReads],
        counted_by: HUB,
    },
    Rule {
        event: "The history is read over HTTP",
        counts_as: "1 history read per message returned",
        metrics: &[Metric::HistoryReads],
        counted_by: REST,
    },
    Rule {
        event: "A connection is open",
        counts_as: "its time to the millisecond, from authentication to the end; and 1 in the slots of 10 seconds in which it was open",
        metrics: &[Metric::ConnectionMs, Metric::ConnectionsOpened, Metric::PeakConnections],
        counted_by: HUB,
    },
    Rule {
        event: "A request over HTTP is answered",
        counts_as: "1 API request, for information",
        metrics: &[Metric::ApiRequests],
        counted_by: REST,
    },
    Rule {
        event: "A publish or presence change of a connection is refused by a rate",
        counts_as: "1 refusal, for information",
        metrics: &[Metric::RejectedRate],
        counted_by: HUB,
    },
    Rule {
        event: "A publish over HTTP is refused by a rate",
        counts_as: "1 refusal per request, however many messages it holds, for information",
        metrics: &[Metric::RejectedRate],
        counted_by: REST,
    },
    Rule {
        event: "A publish or client event of a connection is refused because the month's quota is used up",
        counts_as: "1 refusal, for information",
        metrics: &[Metric::RejectedQuota],
        counted_by: HUB,
    },
    Rule {
        event: "A publish over HTTP is refused because the month's quota is used up",
        counts_as: "1 refusal per request, however many messages it holds, for information",
        metrics: &[Metric::RejectedQuota],
        counted_by: REST,
    },
    Rule {
        event: "Ping, pong, connect, subscribe, unsubscribe, sign-in, tokens, lists of members, subscription counts, questions about channels, \
                watchlists, discontinuities, any refusal",
        counts_as: "nothing",
        metrics: &[],
        counted_by: NOBODY,
    },
    Rule {
        event: "Anything that the dashboard's own inspector does or is sent (tokens of class `console`)",
        counts_as: "nothing, and its connections are not counted. What it publishes counts as out where your own connections receive it",
        metrics: &[],
        counted_by: NOBODY,
    },
];
