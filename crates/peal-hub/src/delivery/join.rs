//! Joining: from an accepted subscribe to its answer.
//!
//! The answer waits for everything it states: the channel is attached, the history that a resume or rewind begins with is read, and
//! on a presence channel the view holds the joiner itself. Each time something of that arrives the whole question is looked at again,
//! so nothing depends on the order of arrival. At the moment of the answer the subscription becomes one that catches up from where the
//! answer says continuity starts, which in most cases is where live is.

use std::collections::VecDeque;
use std::sync::Arc;

use peal_core::exchange::{Continuity, Direction, HistoryPage, HistoryQuery};
use peal_core::{ConnectionId, Member, Position, Topic};
use peal_wire::native;

use super::{CatchUp, Pending, Progress, unavailable};
use crate::event::Handle;
use crate::hub::Hub;
use crate::session::Session;
use crate::stream::{Certainty, Entry, LossReason, Stream, before_page};
use crate::topic::{Stage, TopicRef};

/// Publications that may be read before an answer, to count what a resume across eras replays.
const COUNTED_MAX: usize = 5_000;
/// How old a cached event may be (Pusher protocol 5).
const CACHE_MS: u64 = 30 * 60 * 1_000;

/// What a subscription begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// What is published from now on.
    Live,
    /// What came after this position.
    Resume(Position),
    /// The last so many.
    RewindCount(u32),
    /// What was published since this Unix millisecond.
    RewindSince(u64),
    /// A cache channel's last event.
    Cached,
}

/// Whom the answer goes to.
#[derive(Debug)]
pub(crate) enum Replier {
    Pusher,
    /// Ids of the request, and of repeats that came while it was under way.
    Native(Vec<u64>),
}

#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) want: Want,
    pub(crate) replier: Replier,
    /// The member that enters with this subscription, and where its entering stands once known.
    pub(crate) member: Option<u32>,
    reading: bool,
    read: Option<Read>,
}

/// What reading the history has brought.
#[derive(Debug)]
enum Read {
    Page(Start),
    /// Nothing to begin with: what is live at the moment of the answer, and why.
    Live(LossReason),
}

/// Where a subscription starts, and what it starts with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) position: Position,
    pub(crate) reason: Option<LossReason>,
    pub(crate) entries: VecDeque<Arc<Entry>>,
    /// What is read goes up to here.
    end: Position,
    /// Reading on brought nothing.
    finished: bool,
    /// It is where live is, without more.
    is_live: bool,
    from_ring: bool,
}

impl Start {
    fn ring(position: Position, entries: VecDeque<Arc<Entry>>, end: Position) -> Self {
        Self { position, reason: None, entries, end, finished: true, is_live: false, from_ring: true }
    }

    fn live(self) -> Self {
        Self { is_live: true, ..self }
    }

    fn at(position: Position) -> Self {
        Self::ring(position, VecDeque::new(), position).live()
    }
}

impl Join {
    pub(crate) fn new(want: Want, replier: Replier) -> Self {
        Self { want, replier, member: None, reading: false, read: None }
    }
}

/// The answer to a native subscribe, but for the members.
pub(crate) type Subscribed = native::Subscribed<'static, Arc<Member>>;

/// How a join goes on.
enum Next {
    Answer(Start, usize),
    /// Read what came after a position.
    ReadAfter(Position),
    /// Read what a rewind or a cache channel begins with.
    ReadBeginning(HistoryQuery),
    Wait,
}

impl Hub {
    pub(crate) fn join(&mut self, slot: u32, index: u32) {
        let next = self.next_of_join(slot, index);
        let reads = matches!(next, Some(Next::ReadAfter(_) | Next::ReadBeginning(_)));
        if let Some(Progress::Joining(join)) = self.progress.get_mut(&(slot, index)) {
            join.reading |= reads;
        }
        match next {
            None | Some(Next::Wait) => {}
            Some(Next::ReadAfter(after)) => self.read_shared(slot, index, after),
            Some(Next::ReadBeginning(query)) => {
                let Some(handle) = self.connections.handle(slot) else { return };
                let request = self.request(Pending::Beginning(self.topics.reference(index), handle));
                self.act(crate::action::Action::History { request, query });
            }
            Some(Next::Answer(start, replay)) => self.answer_join(slot, index, start, replay),
        }
    }

    fn next_of_join(&mut self, slot: u32, index: u32) -> Option<Next> {
        let connection = self.connections.get(slot)?;
        let id = connection.id;
        let own = match &connection.session {
            Session::Native(session) => session.published,
            _ => false,
        };
        let topic = self.topics.get(index)?;
        let Some(last) = topic.stream.last() else { return Some(Next::Wait) };
        let Some(Progress::Joining(join)) = self.progress.get_mut(&(slot, index)) else { return None };
        if join.reading {
            return Some(Next::Wait);
        }
        let start = match join.read.take() {
            Some(Read::Page(start)) => Some(start),
            Some(Read::Live(reason)) => Some(Start { reason: Some(reason), ..Start::at(last) }),
            None => match (join.want, topic.stream.certainty()) {
                // Nobody is told that nothing was lost while that is being found out.
                (Want::Resume(_), Certainty::Asking) => return Some(Next::Wait),
                (Want::Resume(_), Certainty::Doubtful) => Some(Start { reason: Some(LossReason::Overload), ..Start::at(last) }),
                (want, _) => from_ring(want, &topic.stream, last),
            },
        };
        let Some(start) = start else {
            return Some(match join.want {
                Want::Resume(after) => Next::ReadAfter(after),
                want => beginning(want, &topic.topic, self.config.page_count, self.now.wall_ms).map_or(Next::Wait, Next::ReadBeginning),
            });
        };
        let more = match between(&topic.stream, start.end, last, id) {
            Between::Known(more) => more,
            Between::AtMost(more) if !own || start.finished || start.entries.len() >= COUNTED_MAX => more,
            // What comes between is found by catching up, which announces what it cannot get.
            Between::Unknown if start.finished || start.entries.len() >= COUNTED_MAX => 0,
            Between::AtMost(_) | Between::Unknown => {
                let end = start.end;
                join.read = Some(Read::Page(start));
                return Some(Next::ReadAfter(end));
            }
        };
        self.answer_when_present(slot, index, start, id, more)
    }

    fn answer_when_present(&mut self, slot: u32, index: u32, start: Start, id: ConnectionId, more: usize) -> Option<Next> {
        let ready = self.join_presence_ready(slot, index);
        let Some(Progress::Joining(join)) = self.progress.get_mut(&(slot, index)) else { return None };
        if !ready {
            // Only what was read is kept; the ring is looked at again.
            join.read = match start.reason {
                Some(reason) if start.is_live => Some(Read::Live(reason)),
                _ if start.is_live || start.from_ring => None,
                _ => Some(Read::Page(start)),
            };
            return Some(Next::Wait);
        }
        let replay = start.entries.iter().filter(|entry| entry.publication.origin != Some(id)).count() + more;
        Some(Next::Answer(start, replay))
    }

    /// The page that a rewind or a cache channel begins with.
    pub(crate) fn beginning_page(&mut self, topic: TopicRef, handle: Handle, page: Option<&HistoryPage>) {
        let Some(index) = self.topics.resolve(topic) else { return };
        let Some(slot) = self.connections.slot(handle) else { return };
        let entries = page.map_or_else(Vec::new, |page| self.entries(page));
        let Some(Progress::Joining(join)) = self.progress.get(&(slot, index)) else { return };
        if !matches!(join.want, Want::Resume(_)) && join.read.is_none() {
            self.take_join_page(slot, index, page, &entries);
        }
    }

    /// A page of what came after a position.
    pub(super) fn join_page(&mut self, slot: u32, index: u32, after: Position, page: Option<&HistoryPage>, entries: &[Arc<Entry>]) {
        let Some(Progress::Joining(join)) = self.progress.get(&(slot, index)) else { return };
        let asked = match (&join.read, join.want) {
            (Some(Read::Page(start)), _) => Some(start.end),
            (None, Want::Resume(position)) => Some(position),
            _ => None,
        };
        if asked == Some(after) {
            self.take_join_page(slot, index, page, entries);
        }
    }

    fn take_join_page(&mut self, slot: u32, index: u32, page: Option<&HistoryPage>, entries: &[Arc<Entry>]) {
        let Some(Progress::Joining(join)) = self.progress.get_mut(&(slot, index)) else { return };
        if !std::mem::take(&mut join.reading) {
            return;
        }
        join.read = Some(match (join.read.take(), page) {
            (_, None) => Read::Live(LossReason::Overload),
            (Some(Read::Page(start)), Some(page)) if page.continuity == Continuity::Complete => Read::Page(extend(start, page, entries)),
            // The first page, or something was lost in between: what was read before the loss is no part of the answer.
            (read, Some(page)) => first_page(join.want, page, entries, read.is_some()),
        });
        self.join(slot, index);
    }

    /// The broker could not attach: native clients are told and may try again, Pusher clients wait, because their library would not.
    pub(crate) fn refuse_joins(&mut self, index: u32) {
        let Some(audience) = self.topics.get(index).and_then(|topic| topic.messages()) else { return };
        if self.topics.get(index).is_some_and(|topic| topic.stream.last().is_some()) {
            return;
        }
        let joining = audience.subscribers.iter().filter(|subscriber| subscriber.stage == Stage::Joining && !subscriber.pusher);
        for slot in joining.map(|subscriber| subscriber.slot).collect::<Vec<_>>() {
            self.refuse_join(slot, index, &unavailable());
        }
    }

    fn answer_join(&mut self, slot: u32, index: u32, start: Start, replay: usize) {
        let Some(Progress::Joining(join)) = self.progress.remove(&(slot, index)) else { return };
        self.set_stage(slot, index, Stage::CatchingUp);
        match join.replier {
            Replier::Pusher => {
                let cache_missed = join.want == Want::Cached && start.entries.is_empty();
                self.pusher_subscribed(slot, index, cache_missed);
            }
            Replier::Native(requests) => {
                let subscribed = Subscribed {
                    position: start.position,
                    recovered: matches!(join.want, Want::Resume(_)) && start.reason.is_none(),
                    replay: replay as u32,
                    // Only who resumes was promised anything.
                    reason: start.reason.filter(|_| matches!(join.want, Want::Resume(_))),
                    presence: None,
                };
                self.native_subscribed(slot, index, &requests, subscribed);
            }
        }
        if self.stage(slot, index).is_none() {
            return;
        }
        let cursor = if start.entries.is_empty() { start.end } else { start.position };
        let asked_again = matches!(join.want, Want::Resume(_) | Want::RewindCount(_) | Want::RewindSince(_));
        let live = self.topics.get(index).and_then(|topic| topic.stream.last());
        let replay_to = if asked_again { live.max(Some(start.end)) } else { None };
        let catch_up = CatchUp::new(cursor, start.entries, replay_to);
        self.progress.insert((slot, index), Progress::CatchingUp(Box::new(catch_up)));
        self.catch_up(slot, index);
    }
}

/// A start that needs no reading.
fn from_ring(want: Want, stream: &Stream, last: Position) -> Option<Start> {
    match want {
        Want::Live => Some(Start::at(last)),
        Want::Resume(position) if position == last => Some(Start::at(last)),
        Want::Resume(position) => {
            let entries: VecDeque<_> = stream.ring().after(position)?.cloned().collect();
            Some(Start::ring(position, entries, last))
        }
        Want::RewindCount(count) => {
            let entries: VecDeque<_> = stream.ring().last(count as usize)?.cloned().collect();
            let position = before(entries.front())?;
            Some(Start::ring(position, entries, last))
        }
        Want::Cached => {
            let entries: VecDeque<_> = stream.ring().last(1)?.cloned().collect();
            Some(Start::ring(before(entries.front())?, entries, last))
        }
        Want::RewindSince(_) => None,
    }
}

/// What is read for those who do not come with a position.
fn beginning(want: Want, topic: &Topic, page_count: u32, wall_ms: u64) -> Option<HistoryQuery> {
    let (direction, since_ms, limit) = match want {
        Want::RewindSince(since_ms) => (Direction::Forwards, Some(since_ms), page_count),
        Want::RewindCount(count) => (Direction::Backwards, None, count),
        Want::Cached => (Direction::Backwards, Some(wall_ms.saturating_sub(CACHE_MS)), 1),
        Want::Live | Want::Resume(_) => return None,
    };
    Some(HistoryQuery { topic: topic.clone(), after: None, before: None, since_ms, direction, limit })
}

/// `follows`: it is not the very first, but what came before it does not connect.
fn first_page(want: Want, page: &HistoryPage, entries: &[Arc<Entry>], follows: bool) -> Read {
    let mut entries = entries.to_vec();
    if matches!(want, Want::RewindCount(_) | Want::Cached) && !follows {
        entries.reverse();
        entries.drain(..unconnected(&entries));
    }
    let (position, reason) = match page.continuity {
        Continuity::Complete => (None, None),
        Continuity::Trimmed { kept_after } => (Some(kept_after), Some(LossReason::Retention)),
        Continuity::EraLost { kept_after } => (Some(kept_after), Some(LossReason::Era)),
        Continuity::Unknown => (Some(before_page(page)), Some(LossReason::Position)),
    };
    if let Some(reason) = reason.filter(|_| entries.is_empty()) {
        return Read::Live(reason);
    }
    let position = position.unwrap_or_else(|| match want {
        Want::Resume(after) => after,
        _ => before(entries.first()).unwrap_or(page.head),
    });
    let entries: VecDeque<_> = entries.into_iter().filter(|entry| entry.publication.position.is_some_and(|at| at > position)).collect();
    let whole = !page.more || matches!(want, Want::RewindCount(_) | Want::Cached);
    let end = entries.back().and_then(|entry| entry.publication.position).unwrap_or(position);
    let end = if whole && page.continuity == Continuity::Complete { end.max(page.head) } else { end };
    Read::Page(Start { position, reason, entries, end, finished: false, is_live: false, from_ring: false })
}

/// How many at the beginning do not connect to what follows them, because an era ended in between and something was lost with it.
fn unconnected(entries: &[Arc<Entry>]) -> usize {
    let connects = |pair: &[Arc<Entry>]| {
        let (before, after) = (&pair[0].publication, &pair[1].publication);
        let (Some(last), Some(next)) = (before.position, after.position) else { return false };
        next.follows(last) || next.seq == 1 && after.era_start.is_some_and(|start| start.tail == Some(last))
    };
    entries.windows(2).rposition(|pair| !connects(pair)).map_or(0, |place| place + 1)
}

fn extend(mut start: Start, page: &HistoryPage, entries: &[Arc<Entry>]) -> Start {
    let before = start.end;
    start.entries.extend(entries.iter().filter(|entry| entry.publication.position.is_some_and(|at| at > before)).cloned());
    start.end = start.entries.back().and_then(|entry| entry.publication.position).map_or(before, |last| last.max(before));
    if !page.more {
        start.end = start.end.max(page.head);
    }
    start.finished = start.end == before;
    start
}

/// How many publications lie between two positions, but for the connection's own.
enum Between {
    Known(usize),
    /// So many, if none of them is the connection's own.
    AtMost(usize),
    /// Only reading can tell.
    Unknown,
}

fn between(stream: &Stream, end: Position, last: Position, id: ConnectionId) -> Between {
    if end >= last {
        return Between::Known(0);
    }
    if let Some(entries) = stream.ring().after(end) {
        return Between::Known(entries.filter(|entry| entry.publication.origin != Some(id)).count());
    }
    if end.era == last.era { Between::AtMost((last.seq - end.seq) as usize) } else { Between::Unknown }
}

fn before(first: Option<&Arc<Entry>>) -> Option<Position> {
    let first = first?.publication.position?;
    Some(Position::new(first.era, first.seq.saturating_sub(1)))
}
