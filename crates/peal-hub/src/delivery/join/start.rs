//! Where a subscription starts: from the ring if that can prove it, else from what was read of the history. Pure: what a page means for
//! each kind of beginning, and how many publications lie between what was read and live.

use std::collections::VecDeque;
use std::sync::Arc;

use peal_core::exchange::{Continuity, Direction, HistoryPage, HistoryQuery};
use peal_core::{ConnectionId, Position, Topic};

use crate::stream::{Entry, LossReason, Stream, before_page};

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

/// What reading the history has brought.
#[derive(Debug)]
pub(super) enum Read {
    Page(Start),
    /// Nothing to begin with: what is live at the moment of the answer, and why.
    Live(LossReason),
}

/// Where a subscription starts, and what it starts with.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) position: Position,
    pub(super) reason: Option<LossReason>,
    pub(super) entries: VecDeque<Arc<Entry>>,
    /// What is read goes up to here.
    pub(super) end: Position,
    /// Reading on brought nothing.
    pub(super) finished: bool,
    /// It is where live is, without more.
    pub(super) is_live: bool,
    pub(super) from_ring: bool,
}

impl Start {
    fn ring(position: Position, entries: VecDeque<Arc<Entry>>, end: Position) -> Self {
        Self { position, reason: None, entries, end, finished: true, is_live: false, from_ring: true }
    }

    fn live(self) -> Self {
        Self { is_live: true, ..self }
    }

    pub(super) fn at(position: Position) -> Self {
        Self::ring(position, VecDeque::new(), position).live()
    }
}

/// A start that needs no reading.
pub(super) fn from_ring(want: Want, stream: &Stream, last: Position) -> Option<Start> {
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
pub(super) fn beginning(want: Want, topic: &Topic, page_count: u32, wall_ms: u64) -> Option<HistoryQuery> {
    let (direction, since_ms, limit) = match want {
        Want::RewindSince(since_ms) => (Direction::Forwards, Some(since_ms), page_count),
        Want::RewindCount(count) => (Direction::Backwards, None, count),
        Want::Cached => (Direction::Backwards, Some(wall_ms.saturating_sub(CACHE_MS)), 1),
        Want::Live | Want::Resume(_) => return None,
    };
    Some(HistoryQuery { topic: topic.clone(), after: None, before: None, since_ms, direction, limit })
}

/// `follows`: it is not the very first, but what came before it does not connect.
pub(super) fn first_page(want: Want, page: &HistoryPage, entries: &[Arc<Entry>], follows: bool) -> Read {
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

pub(super) fn extend(mut start: Start, page: &HistoryPage, entries: &[Arc<Entry>]) -> Start {
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
pub(super) enum Between {
    Known(usize),
    /// So many, if none of them is the connection's own.
    AtMost(usize),
    /// Only reading can tell.
    Unknown,
}

pub(super) fn between(stream: &Stream, end: Position, last: Position, id: ConnectionId) -> Between {
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
