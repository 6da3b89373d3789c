//! What is kept of one topic: a dense run of one era, ending at the head.
//!
//! Invariant: the kept entries are exactly the positions `kept_after() + 1 ..= head()`, so an index is a subtraction and a gap
//! cannot hide. A history that has lost all its entries still knows its head, which is what lets a quiet channel go on in the
//! same era.

use std::collections::VecDeque;
use std::sync::Arc;

use peal_core::exchange::{Continuity, Direction, HistoryQuery};
use peal_core::{Now, Position, Publication, Retention};

/// What an entry costs beside its payload: the structs, the share of the maps and queues that name it.
const ENTRY_OVERHEAD_BYTES: usize = 400;

#[derive(Debug)]
struct Entry {
    publication: Arc<Publication>,
    /// When it was kept, on the monotonic clock: a jump of the wall clock must neither empty nor freeze a history.
    kept_at_ms: u64,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct History {
    head: Position,
    entries: VecDeque<Entry>,
    pub(super) retention: Retention,
    last_ts: u64,
    /// The expiry queue holds this topic.
    pub(super) scheduled: bool,
    /// The queue of quiet topics holds this topic.
    pub(super) queued_quiet: bool,
    /// When the last entry went, on the monotonic clock.
    pub(super) quiet_since_ms: u64,
}

impl History {
    pub(super) fn new(era: u64, retention: Retention) -> Self {
        Self {
            head: Position::new(era, 0),
            entries: VecDeque::new(),
            retention,
            last_ts: 0,
            scheduled: false,
            queued_quiet: false,
            quiet_since_ms: 0,
        }
    }

    pub(super) fn head(&self) -> Position {
        self.head
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is kept begins after this position; the head if nothing is kept.
    pub(super) fn kept_after(&self) -> Position {
        Position::new(self.head.era, self.head.seq - self.entries.len() as u64)
    }

    pub(super) fn holds(&self, position: Position) -> bool {
        position.era == self.head.era && position > self.kept_after() && position <= self.head
    }

    /// Unix milliseconds for the next publication: the wall clock, but never earlier than the one before.
    pub(super) fn stamp(&mut self, now: Now) -> u64 {
        self.last_ts = self.last_ts.max(now.wall_ms);
        self.last_ts
    }

    /// Keeps the publication that follows the head. Answers the bytes it takes.
    pub(super) fn push(&mut self, now: Now, publication: Arc<Publication>) -> usize {
        debug_assert_eq!(publication.position, Some(self.head.next()));
        let bytes = ENTRY_OVERHEAD_BYTES + publication.size();
        self.head = self.head.next();
        self.entries.push_back(Entry { publication, kept_at_ms: now.mono_ms, bytes });
        bytes
    }

    /// Removes what the retention does not cover any more. Answers the bytes freed.
    pub(super) fn trim(&mut self, now: Now) -> usize {
        let mut freed = 0;
        while self.entries.len() > self.retention.count as usize || self.expires_at_ms().is_some_and(|at| at <= now.mono_ms) {
            freed += self.pop();
        }
        freed
    }

    /// Removes the oldest entry. Answers the bytes freed.
    pub(super) fn pop(&mut self) -> usize {
        let freed = self.entries.pop_front().map_or(0, |entry| entry.bytes);
        if self.entries.is_empty() {
            self.entries.shrink_to_fit();
        }
        freed
    }

    /// When the oldest entry expires, on the monotonic clock.
    pub(super) fn expires_at_ms(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.kept_at_ms.saturating_add(self.retention.ttl_ms))
    }

    /// Whether a read after `after` misses nothing. `ended_era_max` is the highest era that any topic has lost: an era above it is
    /// alive, so if it is not this topic's it never was.
    pub(super) fn continuity(&self, after: Position, ended_era_max: u64) -> Continuity {
        let kept_after = self.kept_after();
        let from = if after.era == self.head.era {
            after
        } else if after.era < self.head.era && after.seq == 0 && after.era > ended_era_max {
            // `F-0`, answered before this era's first publication.
            Position::new(self.head.era, 0)
        } else if after.era <= ended_era_max {
            return Continuity::EraLost { kept_after };
        } else {
            return Continuity::Unknown;
        };
        if from > self.head {
            Continuity::Unknown
        } else if from >= kept_after {
            Continuity::Complete
        } else {
            Continuity::Trimmed { kept_after }
        }
    }

    /// The kept publications within the bounds of `query`, in its direction and up to its limit, and whether more lie beyond.
    /// `after` stands for the query's own, which does not bound a read that has lost its place.
    pub(super) fn read(&self, query: &HistoryQuery, after: Option<Position>) -> (Vec<Arc<Publication>>, bool) {
        let first = self.kept_after().next();
        let index_of = |position: Position| match position.era.cmp(&self.head.era) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => (position.seq.saturating_sub(first.seq) as usize).min(self.entries.len()),
            std::cmp::Ordering::Greater => self.entries.len(),
        };
        let by_position = after.map_or(0, |after| index_of(after.next()));
        let by_time = query.since_ms.map_or(0, |since| self.entries.partition_point(|entry| entry.publication.ts < since));
        let start = by_position.max(by_time);
        let end = query.before.map_or(self.entries.len(), index_of).max(start);
        let limit = query.limit as usize;
        let range = match query.direction {
            Direction::Forwards => start..end.min(start.saturating_add(limit)),
            Direction::Backwards => end.saturating_sub(limit).max(start)..end,
        };
        let more = range.len() < end - start;
        let mut publications: Vec<_> = self.entries.range(range).map(|entry| Arc::clone(&entry.publication)).collect();
        if query.direction == Direction::Backwards {
            publications.reverse();
        }
        (publications, more)
    }
}
