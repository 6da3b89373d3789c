//! Whether a read after a position misses anything (REDIS section 4). Pure: what was read goes in, the verdict comes out.
//!
//! Three sources decide. The *stream* itself: within an era positions are dense, and an era's first entry names what survived before it.
//! The *evidence*: how far eras that are over had gone, as far as any node still knows, from the ledger and from where this node stood. And the
//! *fence*: which eras are too young for a topic's stream to have come and gone without a trace.
//!
//! ```text
//! stream 7-1 7-2, then 9-1 after 7-2, evidence: era 7 went to 5
//!   after 7-1: complete, but only up to 7-2       after 7-2 or 7-4: lost, what is kept begins after 7-5
//!   after 7-5: complete, whoever stands there saw everything
//! ```

use peal_core::Position;
use peal_core::exchange::Continuity;

use super::era::generation_of;

/// The partition's fence at the moment of reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fence {
    pub(super) generation: u64,
    pub(super) last_era: u64,
    /// A stream of an era above it cannot have expired yet.
    pub(super) young_after: u64,
}

impl Fence {
    /// The position of a topic without a stream.
    pub(super) fn next(self) -> Position {
        Position::new(self.last_era + 1, 0)
    }

    /// `F-0` was answered in this generation, and so lately that a stream begun since would still be there.
    fn proves_empty(self, after: Position) -> bool {
        after.seq == 0 && generation_of(after) == self.generation && (after.era > self.young_after || after.era == self.last_era + 1)
    }
}

/// The stream at the moment of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stream {
    /// The last position it ever held.
    pub(super) top: Position,
    /// Its oldest entry.
    pub(super) first: Option<Link>,
}

/// An entry and what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) position: Position,
    pub(super) before: Option<Position>,
}

/// How far eras that are over had gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Evidence(Vec<End>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    era: u64,
    /// What survived, if the ledger says so.
    tail: Option<u64>,
    seen: u64,
}

impl Evidence {
    /// This node stood here when the era ended.
    pub(super) fn stood(&mut self, at: Position) {
        self.add(End { era: at.era, tail: None, seen: at.seq });
    }

    /// The ledger says that an era had gone to `seen` and that `tail` of it survived.
    pub(super) fn lost(&mut self, era: u64, tail: u64, seen: u64) {
        self.add(End { era, tail: Some(tail), seen });
    }

    fn add(&mut self, end: End) {
        match self.0.iter_mut().find(|known| known.era == end.era) {
            Some(known) => {
                known.tail = end.tail.or(known.tail);
                known.seen = known.seen.max(end.seen);
            }
            None => self.0.push(end),
        }
    }

    fn end(&self, era: u64) -> Option<u64> {
        self.0.iter().find(|end| end.era == era).map(|end| end.seen)
    }

    /// The latest position known to be lost after `after` and in an era before `before`.
    fn lost_between(&self, after: Position, before: u64) -> Option<Position> {
        let lost = self.0.iter().filter(|end| end.era < before && end.era >= after.era).filter(|end| {
            let survived = if end.era == after.era { after.seq.max(end.tail.unwrap_or(0)) } else { end.tail.unwrap_or(end.seen) };
            end.seen > survived
        });
        lost.map(|end| Position::new(end.era, end.seen)).max()
    }

    /// Where readers of this stream should be told the end is: beyond its last entry, if more is known to be lost.
    pub(super) fn head(&self, top: Position) -> Position {
        match self.end(top.era) {
            Some(seen) if seen > top.seq => Position::new(top.era, seen),
            _ => top,
        }
    }
}

/// Whether a forward read after `after`, of which `next` is the first entry that it found, begins without a gap.
pub(super) fn judge(after: Position, fence: Fence, stream: Option<Stream>, next: Option<Link>, evidence: &Evidence) -> Continuity {
    let Some(stream) = stream else { return judge_missing(after, fence, evidence) };
    match next.or(stream.first.filter(|first| first.position > after)) {
        Some(next) => judge_next(after, fence, next, evidence),
        None => judge_end(after, fence, stream, evidence),
    }
}

/// There is no stream.
fn judge_missing(after: Position, fence: Fence, evidence: &Evidence) -> Continuity {
    if after.era > fence.next().era || after.era == fence.next().era && after.seq > 0 {
        return Continuity::Unknown;
    }
    if fence.proves_empty(after) {
        return Continuity::Complete;
    }
    let lost = Continuity::EraLost { kept_after: fence.next() };
    if evidence.lost_between(after, u64::MAX).is_some() {
        return lost;
    }
    if evidence.end(after.era).is_some() { Continuity::Complete } else { lost }
}

/// Nothing is kept after the position.
fn judge_end(after: Position, fence: Fence, stream: Stream, evidence: &Evidence) -> Continuity {
    let top = stream.top;
    if after >= top {
        let over = generation_of(after) < fence.generation;
        return match evidence.end(after.era) {
            Some(seen) if seen > after.seq && over => Continuity::EraLost { kept_after: Position::new(after.era, seen) },
            Some(_) if over => Continuity::Complete,
            _ if after == top || after.era > top.era && fence.proves_empty(after) => Continuity::Complete,
            _ => Continuity::Unknown,
        };
    }
    // All that came after the position has expired.
    if after.era == top.era { Continuity::Trimmed { kept_after: top } } else { Continuity::EraLost { kept_after: top } }
}

/// `next` is the oldest entry after the position.
fn judge_next(after: Position, fence: Fence, next: Link, evidence: &Evidence) -> Continuity {
    let lost = evidence.lost_between(after, next.position.era).map(|last| Continuity::EraLost { kept_after: last });
    let begins = next.position.seq == 1;
    match next.before {
        Some(before) if before == after => lost.unwrap_or(Continuity::Complete),
        Some(before) if before > after => {
            // Whatever is lost in between, what is trimmed goes at least as far.
            if before.era == after.era { Continuity::Trimmed { kept_after: before } } else { Continuity::EraLost { kept_after: before } }
        }
        // The position lies beyond what survived, or its whole era is gone.
        _ if begins => match lost {
            Some(lost) => lost,
            None if evidence.end(after.era).is_some() => Continuity::Complete,
            None if after.seq == 0 && generation_of(after) == generation_of(next.position) && is_young(after, fence, next) => {
                Continuity::Complete
            }
            None => Continuity::EraLost { kept_after: Position::new(next.position.era, 0) },
        },
        _ => Continuity::EraLost { kept_after: Position::new(next.position.era, next.position.seq - 1) },
    }
}

/// No other era of this topic can have come and gone between `F-0` and this one.
fn is_young(after: Position, fence: Fence, next: Link) -> bool {
    after.era == next.position.era || after.era > fence.young_after
}

/// Whether something is known to be lost between two neighbours of a page.
pub(super) fn broken(earlier: Position, later: Position, evidence: &Evidence) -> bool {
    earlier.era != later.era && evidence.lost_between(earlier, later.era).is_some()
}

#[cfg(test)]
mod tests;
