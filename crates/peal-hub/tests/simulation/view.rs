//! The judge: what one client has been told about one channel, held against the truth of the model broker.
//!
//! A view stands at a cursor: the client has received, or was told that it will not receive, everything up to there. Each thing that the
//! client is told moves the cursor, and is a violation if the truth holds something in between that was neither delivered nor announced.

use peal_core::{ConnectionId, Data, Message, Position, Publication};

use crate::broker::{Entry, Fate, Log};

#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Everything up to here is accounted for. `None` before the first message of a wire format without positions.
    pub(crate) cursor: Option<Position>,
    /// With no cursor yet: what comes after this must arrive.
    floor: Option<Position>,
    /// The first message may be the cached one, which may lie before what is live.
    cached: bool,
    promise: Option<Promise>,
    /// Replayed messages that are still to come, and when the reply that announced them came.
    replay_left: u64,
    replied_ms: u64,
    /// Indices of ephemeral messages are only ever greater.
    ephemeral_next: usize,
}

/// `recovered: true` was answered.
#[derive(Debug, Clone, Copy)]
struct Promise {
    /// When the client asked: what was gone before must not have been promised.
    asked_ms: u64,
}

/// A native reply to a subscribe.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) asked: Option<Position>,
    pub(crate) asked_ms: u64,
    pub(crate) now_ms: u64,
    pub(crate) position: Position,
    pub(crate) recovered: bool,
    pub(crate) replay: u64,
    pub(crate) rewind: bool,
}

/// Who the messages are for: a connection does not get its own publishes back.
pub(crate) struct For<'a> {
    pub(crate) log: &'a Log,
    pub(crate) connection: Option<ConnectionId>,
}

impl For<'_> {
    fn wants(&self, entry: &Entry) -> bool {
        entry.publication.origin.is_none() || entry.publication.origin != self.connection
    }

    /// What lies between, both ends excluded, and is wanted.
    fn between(&self, after: Position, before: Position) -> impl Iterator<Item = &Entry> {
        self.log.after(after).iter().take_while(move |entry| entry.position < before).filter(|entry| self.wants(entry))
    }

    fn wanted_after(&self, after: Position) -> impl Iterator<Item = &Entry> {
        self.log.after(after).iter().filter(|entry| self.wants(entry))
    }
}

impl View {
    /// A native subscribe was answered: continuity starts at the reply's position.
    pub(crate) fn replied(&mut self, to: &For<'_>, reply: &Reply) -> Result<(), String> {
        if reply.recovered && reply.asked.is_none() {
            return Err("recovered without a position to recover from".into());
        }
        if let Some(asked) = reply.asked
            && reply.recovered
            && let Some(skipped) = to.between(asked, reply.position.next()).next()
        {
            return Err(format!("recovered from {asked}, but continuity starts at {} and skips {}", reply.position, skipped.position));
        }
        let possible = to.wanted_after(reply.position).count() as u64;
        if reply.replay > possible {
            return Err(format!("replay: {} after {}, but only {possible} were ever published", reply.replay, reply.position));
        }
        if reply.replay > 0 && reply.asked.is_none() && !reply.rewind {
            return Err("a replay that nobody asked for".into());
        }
        *self = Self {
            cursor: Some(reply.position),
            promise: reply.recovered.then_some(Promise { asked_ms: reply.asked_ms }),
            replay_left: reply.replay,
            replied_ms: reply.now_ms,
            ..Self::default()
        };
        Ok(())
    }

    /// Subscribed on a wire without positions: what is published from here on must arrive.
    pub(crate) fn subscribed(&mut self, to: &For<'_>, cached: bool) {
        *self = Self { floor: Some(last(to.log)), cached, ..Self::default() };
    }

    pub(crate) fn message(&mut self, to: &For<'_>, position: Position, id: &str, text: &str) -> Result<(), String> {
        let Ok(at) = to.log.entries.binary_search_by_key(&position, |entry| entry.position) else {
            return Err(format!("message {position} was never published"));
        };
        let entry = &to.log.entries[at];
        if entry.publication.id.as_str() != id || !holds(&entry.publication, text) {
            return Err(format!("message {position} is {id} {text:?}, published was {:?}", entry.publication));
        }
        self.arrived(to, entry)
    }

    /// On a wire without positions the text tells which message it is. After a failover the same text may stand at two positions.
    pub(crate) fn message_by_text(&mut self, to: &For<'_>, text: &str) -> Result<(), String> {
        let found: Vec<&Entry> = to.log.entries.iter().filter(|entry| holds(&entry.publication, text)).collect();
        let Some(last) = found.last() else { return Err(format!("{text} was never published")) };
        let after = |position: Position| found.iter().find(|entry| entry.position > position);
        let meant = match (self.cursor, self.floor) {
            (Some(cursor), _) => after(cursor).ok_or_else(|| format!("{text} came twice or out of order, after {cursor}"))?,
            (None, Some(floor)) => after(floor).unwrap_or(last),
            (None, None) => last,
        };
        self.arrived(to, meant)
    }

    fn arrived(&mut self, to: &For<'_>, entry: &Entry) -> Result<(), String> {
        let position = entry.position;
        if !to.wants(entry) {
            return Err(format!("{position} came back to the connection that published it"));
        }
        if self.cursor.is_some_and(|cursor| position <= cursor) {
            return Err(format!("{position} came twice or out of order, after {}", self.cursor.expect("just compared")));
        }
        let from = if self.cached { self.cursor.max(self.floor) } else { self.cursor.or(self.floor) };
        self.cached &= self.cursor.is_none();
        if let Some(missing) = from.and_then(|from| to.between(from, position).next()) {
            return Err(format!("silent gap: {} is missing before {position}, after {:?}", missing.position, self.cursor));
        }
        if self.replay_left > 0 {
            self.replay_left -= 1;
            if entry.at_ms > self.replied_ms {
                return Err(format!("{position} counts as replayed, but was published after the reply"));
            }
        }
        self.cursor = Some(position);
        Ok(())
    }

    pub(crate) fn ephemeral(&mut self, to: &For<'_>, text: &str) -> Result<(), String> {
        // Mostly one of the last.
        let Some(at) = to.log.ephemeral.iter().rposition(|(_, publication)| holds(publication, text)) else {
            return Err(format!("ephemeral {text} was never published"));
        };
        if to.log.ephemeral[at].1.origin.is_some() && to.log.ephemeral[at].1.origin == to.connection {
            return Err(format!("ephemeral {text} came back to the connection that published it"));
        }
        if at < self.ephemeral_next {
            return Err(format!("ephemeral {text} came twice or out of order"));
        }
        self.ephemeral_next = at + 1;
        Ok(())
    }

    /// `excused`: the client read slowly meanwhile, so what the promise counted on may have been lost since.
    pub(crate) fn discontinuity(&mut self, to: &For<'_>, from: Position, until: Position, excused: bool) -> Result<(), String> {
        let cursor = self.cursor.ok_or("discontinuity before anything")?;
        if until <= from {
            return Err(format!("discontinuity from {from} to {until} is empty"));
        }
        if let Some(missing) = to.between(cursor, from.next()).next() {
            return Err(format!("silent gap: {} is missing before the discontinuity from {from}, after {cursor}", missing.position));
        }
        if from < cursor {
            return Err(format!("discontinuity from {from}, but everything up to {cursor} has arrived"));
        }
        if let Some(promise) = self.promise.filter(|_| !excused)
            && let Some(entry) = to.between(cursor, until.next()).find(|entry| was_known_gone(to.log, entry, promise.asked_ms))
        {
            return Err(format!("recovered: true, although {} was gone before the client asked", entry.position));
        }
        self.replay_left = 0;
        self.cursor = Some(cursor.max(until));
        Ok(())
    }

    /// What is said to be gone is gone: a range that is announced too wide costs messages that could have been had.
    ///
    /// `exact`: the broker names each loss by itself, so that all of the range must be gone. Otherwise its end must be.
    pub(crate) fn range_is_gone(to: &For<'_>, (from, until): (Position, Position), reason: &str, exact: bool) -> Result<(), String> {
        if !matches!(reason, "retention" | "era") {
            return Ok(());
        }
        let range: Vec<&Entry> = to.log.after(from).iter().take_while(|entry| entry.position <= until).collect();
        let suspects = if exact { &range[..] } else { &range[range.len().saturating_sub(1)..] };
        match suspects.iter().find(|entry| entry.fate == Fate::Kept) {
            Some(kept) => Err(format!("{from} to {until} is said to be gone, but {} is kept", kept.position)),
            None => Ok(()),
        }
    }

    /// Whether everything that can arrive has arrived, at a time when nothing is under way. What was lost behind the last that
    /// survives cannot be known before the next publish.
    pub(crate) fn complete(&self, to: &For<'_>) -> Result<(), String> {
        let Some(from) = self.cursor.or(self.floor) else { return Ok(()) };
        let survives = to.log.entries.iter().rposition(|entry| !matches!(entry.fate, Fate::Lost(_)));
        let known = survives.map(|at| to.log.entries[at].position.next());
        if let Some(missing) = known.and_then(|known| to.between(from, known).next()) {
            return Err(format!("{} never arrived, after {from}", missing.position));
        }
        if self.replay_left > 0 {
            return Err(format!("{} announced replays never arrived", self.replay_left));
        }
        Ok(())
    }

    /// In a run without faults: how many the replay had to be at least and at most. `settled_ms`: what is older has surely arrived.
    pub(crate) fn replay_exact(to: &For<'_>, reply: &Reply, settled_ms: u64) -> Result<(), String> {
        let least = to.wanted_after(reply.position).filter(|entry| entry.at_ms + settled_ms < reply.asked_ms).count() as u64;
        if reply.replay < least {
            return Err(format!("replay: {}, but {least} were published long before", reply.replay));
        }
        Ok(())
    }
}

/// Whether a hub could know at this time that the broker has the entry no more. A tail that was lost is known when the next era begins.
fn was_known_gone(log: &Log, entry: &Entry, at_ms: u64) -> bool {
    let era_began = || log.after(entry.position).iter().any(|later| later.position.era > entry.position.era && later.at_ms < at_ms);
    match entry.fate {
        Fate::Kept => false,
        Fate::Trimmed(gone_ms) => gone_ms < at_ms,
        Fate::Lost(gone_ms) => gone_ms < at_ms && era_began(),
    }
}

fn last(log: &Log) -> Position {
    log.entries.last().map_or(Position::new(0, 0), |entry| entry.position)
}

/// Payloads are JSON strings or texts; both are compared as their content. Each publication here is one message.
fn holds(publication: &Publication, text: &str) -> bool {
    match publication.messages() {
        [Message { data: Data::Text(data), .. }] => **data == *text,
        [Message { data: Data::Json(data), .. }] => data.trim_matches('"') == text,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use peal_core::exchange::Publish;
    use peal_core::{AppId, ChannelName, Draft, PublicationKind, Topic};

    use super::*;
    use crate::broker::{ModelBroker, RETENTION};

    fn topic() -> Topic {
        Topic::messages(AppId::new(1).expect("an app id"), ChannelName::parse("a").expect("a name"))
    }

    /// `m1` to `m5` at 1-1 to 1-5, one a millisecond.
    fn five() -> ModelBroker {
        let mut broker = ModelBroker::new(1, 100, 0, false);
        for n in 1..=5 {
            let text = format!("m{n}");
            let draft = Draft {
                id: text.parse().expect("an id"),
                idempotent: false,
                origin: None,
                client_id: None,
                ephemeral: false,
                client_event: false,
                kind: PublicationKind::Messages(vec![Message::new("said", Data::Text(text.as_str().into()))]),
            };
            broker.publish(n, Publish { topic: topic(), draft, retention: RETENTION, durability: peal_core::Durability::Fast });
        }
        broker
    }

    fn at(seq: u64) -> Position {
        Position::new(1, seq)
    }

    fn told(broker: &ModelBroker, reply: Option<Reply>, then: impl Fn(&mut View, &For<'_>) -> Result<(), String>) -> Result<View, String> {
        let to = For { log: broker.log(&topic()).expect("published"), connection: None };
        let mut view = View::default();
        if let Some(reply) = reply {
            view.replied(&to, &reply)?;
        }
        then(&mut view, &to).map(|()| view)
    }

    fn recovered_from(seq: u64, replay: u64) -> Option<Reply> {
        Some(Reply { asked: Some(at(seq)), asked_ms: 100, now_ms: 101, position: at(seq), recovered: true, replay, rewind: false })
    }

    fn message(view: &mut View, to: &For<'_>, n: u64) -> Result<(), String> {
        view.message(to, at(n), &format!("m{n}"), &format!("m{n}"))
    }

    #[test]
    fn all_in_order_is_complete() {
        let view = told(&five(), recovered_from(3, 2), |view, to| {
            message(view, to, 4).and_then(|()| message(view, to, 5)).and_then(|()| view.complete(to))
        });
        assert_eq!(view.map(|view| view.cursor), Ok(Some(at(5))));
    }

    #[test]
    fn gaps_duplicates_and_what_never_came_are_found() {
        let broker = five();
        assert!(told(&broker, recovered_from(3, 2), |view, to| message(view, to, 5)).is_err(), "a gap");
        assert!(told(&broker, recovered_from(3, 2), |view, to| message(view, to, 3)).is_err(), "had before");
        assert!(told(&broker, recovered_from(3, 2), |view, to| message(view, to, 4).and_then(|()| message(view, to, 4))).is_err(), "twice");
        assert!(told(&broker, recovered_from(3, 0), |view, to| view.complete(to)).is_err(), "never came");
        assert!(told(&broker, recovered_from(3, 2), |view, to| view.message(to, at(4), "m9", "m9")).is_err(), "another text");
        assert!(told(&broker, recovered_from(3, 3), |_, _| Ok(())).is_err(), "more replays than there are messages");
    }

    #[test]
    fn an_announced_gap_is_none_unless_it_was_promised_away() {
        let mut broker = five();
        let skip = |view: &mut View, to: &For<'_>| view.discontinuity(to, at(3), at(4), false).and_then(|()| message(view, to, 5));
        assert!(told(&broker, recovered_from(3, 2), skip).is_ok());
        assert!(told(&broker, recovered_from(2, 3), skip).is_err(), "the range does not begin where the client stands");
        broker.trim(50, &topic(), 1);
        assert!(told(&broker, recovered_from(3, 2), skip).is_err(), "gone before it was promised");
    }

    #[test]
    fn what_is_said_to_be_gone_must_be_gone() {
        let mut broker = five();
        broker.trim(50, &topic(), 2);
        let gone = |from, until, reason, exact| {
            let to = For { log: broker.log(&topic()).expect("published"), connection: None };
            View::range_is_gone(&to, (at(from), at(until)), reason, exact).is_ok()
        };
        assert!(gone(1, 3, "retention", true));
        assert!(!gone(1, 4, "retention", true) && !gone(1, 4, "era", false), "4 is kept");
        assert!(gone(1, 4, "overload", true), "whoever has no time to look says so");
    }

    #[test]
    fn without_positions_the_first_message_tells_where_it_begins() {
        let broker = five();
        let subscribed = |view: &mut View, to: &For<'_>, texts: &[&str]| {
            view.subscribed(to, false);
            texts.iter().try_for_each(|text| view.message_by_text(to, text))
        };
        assert!(told(&broker, None, |view, to| subscribed(view, to, &["m4", "m5"])).is_ok());
        assert!(told(&broker, None, |view, to| subscribed(view, to, &["m3", "m5"])).is_err());
        assert!(told(&broker, None, |view, to| subscribed(view, to, &["m5", "m4"])).is_err());
    }
}
