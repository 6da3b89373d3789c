//! The last publications of a topic, shared by everyone who catches up from them, so that a reconnecting crowd costs no read of the
//! history and one encoding per wire format. Bounded by count, age and bytes.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use peal_core::{Position, Publication};

/// What a publication costs beside its payload: ids, positions, frame headers.
const OVERHEAD_BYTES: usize = 256;

/// Bytes that holding this publication is counted as.
pub(super) fn cost(publication: &Publication) -> usize {
    publication.size() + OVERHEAD_BYTES
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct RingLimits {
    pub(crate) count: usize,
    pub(crate) age_ms: u64,
    /// Payload bytes; encodings may double it.
    pub(crate) bytes: usize,
}

/// A publication and its encodings, each made once for whoever needs it first.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) publication: Arc<Publication>,
    pub(crate) native: OnceLock<Bytes>,
    pub(crate) pusher: OnceLock<Bytes>,
    released_ms: u64,
}

impl Entry {
    pub(crate) fn new(publication: Arc<Publication>, released_ms: u64) -> Self {
        Self { publication, native: OnceLock::new(), pusher: OnceLock::new(), released_ms }
    }
}

/// Without a hole: everything that came after `floor` up to the last entry is here.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    floor: Option<Position>,
    entries: VecDeque<(Position, Arc<Entry>)>,
    bytes: usize,
}

impl Ring {
    /// Empty, and complete from this position on.
    pub(super) fn begin(&mut self, floor: Position) {
        *self = Self { floor: Some(floor), ..Self::default() };
    }

    pub(super) fn push(&mut self, entry: Arc<Entry>, position: Position, now_ms: u64, limits: &RingLimits) {
        self.bytes += cost(&entry.publication);
        self.entries.push_back((position, entry));
        self.expire(now_ms, limits);
    }

    /// Puts in front what was read of the history: `entries` is everything that came after `after`, without a hole. As much is taken as is
    /// young enough and fits, and nothing unless it reaches the floor.
    pub(super) fn fill(&mut self, after: Position, entries: &[(Position, Arc<Entry>)], now_ms: u64, limits: &RingLimits) {
        let Some(floor) = self.floor else { return };
        let Some(reaches) = entries.iter().rposition(|(position, _)| *position == floor) else { return };
        for at in (0..=reaches).rev() {
            let (position, entry) = &entries[at];
            let bytes = self.bytes + cost(&entry.publication);
            let old = now_ms.saturating_sub(entry.released_ms) > limits.age_ms;
            if old || self.entries.len() >= limits.count || bytes > limits.bytes {
                return;
            }
            self.bytes = bytes;
            self.entries.push_front((*position, Arc::clone(entry)));
            self.floor = Some(at.checked_sub(1).map_or(after, |before| entries[before].0));
        }
    }

    pub(super) fn expire(&mut self, now_ms: u64, limits: &RingLimits) {
        while let Some((position, entry)) = self.entries.front() {
            let old = now_ms.saturating_sub(entry.released_ms) > limits.age_ms;
            if !old && self.entries.len() <= limits.count && self.bytes <= limits.bytes {
                break;
            }
            self.floor = Some(*position);
            self.bytes -= cost(&entry.publication);
            self.entries.pop_front();
        }
        if self.entries.is_empty() && self.entries.capacity() > 8 {
            self.entries = VecDeque::new();
        }
    }

    /// The position after which everything is here.
    pub(crate) fn floor(&self) -> Option<Position> {
        self.floor
    }

    /// What came after this position, oldest first; `None` if the ring cannot prove that it has all of it.
    pub(crate) fn after(&self, position: Position) -> Option<impl ExactSizeIterator<Item = &Arc<Entry>>> {
        let from = self.index_after(position)?;
        Some(self.entries.range(from..).map(|(_, entry)| entry))
    }

    /// The last `count`, oldest first; `None` if fewer are here.
    pub(crate) fn last(&self, count: usize) -> Option<impl Iterator<Item = &Arc<Entry>>> {
        let from = self.entries.len().checked_sub(count)?;
        Some(self.entries.range(from..).map(|(_, entry)| entry))
    }

    /// Everything after this position that is here, whether or not something is missing before it.
    pub(crate) fn beyond(&self, position: Position) -> impl Iterator<Item = &Arc<Entry>> {
        let from = self.entries.partition_point(|(at, _)| *at <= position);
        self.entries.range(from..).map(|(_, entry)| entry)
    }

    fn index_after(&self, position: Position) -> Option<usize> {
        let floor = self.floor?;
        if position == floor {
            return Some(0);
        }
        if let Ok(at) = self.entries.binary_search_by_key(&position, |(position, _)| *position) {
            return Some(at + 1);
        }
        // A topic that was empty at the floor was still empty at every later promise of an era, up to its first publication.
        let first = self.entries.front()?.0;
        (floor.seq == 0 && position.seq == 0 && position > floor && position < first).then_some(0)
    }
}
