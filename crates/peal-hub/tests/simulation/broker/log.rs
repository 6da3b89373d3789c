//! One topic of the model: everything ever kept, each entry with its fate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use peal_core::exchange::{Continuity, Direction, HistoryPage, HistoryQuery};
use peal_core::publication::EraStart;
use peal_core::{MessageId, Position, Publication};

use super::members::Members;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Kept,
    /// Removed by retention at this time.
    Trimmed(u64),
    /// Removed by a failover at this time, with the rest of its era's tail.
    Lost(u64),
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) position: Position,
    pub(crate) publication: Arc<Publication>,
    pub(crate) at_ms: u64,
    pub(crate) fate: Fate,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    /// In order of position, nothing ever removed.
    pub(crate) entries: Vec<Entry>,
    /// Before this index nothing is kept.
    pub(super) first_kept: usize,
    pub(crate) ephemeral: Vec<(u64, Arc<Publication>)>,
    pub(crate) attached: BTreeSet<usize>,
    pub(crate) ids: BTreeMap<MessageId, (Option<Position>, u64)>,
    pub(crate) members: Members,
    /// A failover happened since the last publish; whether it lost something that some hub or publisher knows of.
    broken: Option<bool>,
}

impl Log {
    /// The last that survives; a topic without any stands before the next era.
    pub(crate) fn head(&self, next_era: u64) -> Position {
        self.surviving_tail().unwrap_or(Position::new(next_era, 0))
    }

    fn surviving_tail(&self) -> Option<Position> {
        self.entries.iter().rev().find(|entry| !matches!(entry.fate, Fate::Lost(_))).map(|entry| entry.position)
    }

    /// Where the next kept publication goes. A new era names its surviving tail only if nothing known was lost: then whoever stands
    /// at the tail has missed nothing. Otherwise it names none, and everyone has to read, which tells each what it missed.
    ///
    /// `exact`: what was lost is known to the last message, so the surviving tail is always named.
    pub(super) fn next_position(&mut self, next_era: &mut u64, exact: bool) -> (Position, Option<EraStart>) {
        match (self.entries.last(), self.broken.take()) {
            (Some(last), None) => (last.position.next(), None),
            (_, broken) => {
                let era = *next_era;
                *next_era += 1;
                let tail = self.surviving_tail().filter(|_| exact || broken != Some(true));
                (Position::new(era, 1), Some(EraStart { tail }))
            }
        }
    }

    pub(super) fn append(&mut self, now_ms: u64, publication: Publication, kept_max: usize) -> Arc<Publication> {
        let publication = Arc::new(publication);
        let position = publication.position.expect("only ephemeral ones have none");
        self.entries.push(Entry { position, publication: Arc::clone(&publication), at_ms: now_ms, fate: Fate::Kept });
        self.trim(now_ms, kept_max);
        publication
    }

    pub(super) fn pass(&mut self, now_ms: u64, publication: Publication) -> Arc<Publication> {
        let publication = Arc::new(publication);
        self.ephemeral.push((now_ms, Arc::clone(&publication)));
        publication
    }

    pub(super) fn trim(&mut self, now_ms: u64, keep: usize) {
        let mut excess = self.entries[self.first_kept..].iter().filter(|entry| entry.fate == Fate::Kept).count().saturating_sub(keep);
        while excess > 0 {
            let entry = &mut self.entries[self.first_kept];
            if entry.fate == Fate::Kept {
                entry.fate = Fate::Trimmed(now_ms);
                excess -= 1;
            }
            self.first_kept += 1;
        }
    }

    pub(super) fn fail_over(&mut self, now_ms: u64, lost: usize) {
        let mut gone = 0;
        for entry in self.entries.iter_mut().rev().filter(|entry| !matches!(entry.fate, Fate::Lost(_))).take(lost) {
            entry.fate = Fate::Lost(now_ms);
            self.ids.remove(&entry.publication.id);
            gone += 1;
        }
        self.broken = Some(gone > 0 || self.broken == Some(true));
    }

    pub(super) fn was_issued(&self, position: Position, next_era: u64) -> bool {
        if position.seq == 0 {
            position.era <= next_era
        } else {
            self.entries.binary_search_by_key(&position, |entry| entry.position).is_ok()
        }
    }

    /// Everything that was ever kept after this position.
    pub(crate) fn after(&self, position: Position) -> &[Entry] {
        let from = self.entries.partition_point(|entry| entry.position <= position);
        &self.entries[from..]
    }

    pub(super) fn read(&self, query: &HistoryQuery, next_era: u64) -> HistoryPage {
        let head = self.head(next_era);
        let (continuity, after) = match (query.direction, query.after) {
            (Direction::Forwards, Some(after)) => self.continuity(after, next_era),
            _ => (Continuity::Complete, query.after),
        };
        let fits = |entry: &&Entry| {
            entry.fate == Fate::Kept
                && after.is_none_or(|after| entry.position > after)
                && query.before.is_none_or(|before| entry.position < before)
                && query.since_ms.is_none_or(|since| entry.publication.ts >= since)
        };
        let mut found: Vec<Arc<Publication>> =
            self.entries[self.first_kept..].iter().filter(fits).map(|entry| Arc::clone(&entry.publication)).collect();
        let limit = query.limit as usize;
        let more = found.len() > limit;
        if query.direction == Direction::Backwards {
            found.reverse();
        }
        found.truncate(limit);
        HistoryPage { publications: found, more, head, continuity }
    }

    /// Whether a forward read after this position misses something, and where the page begins.
    fn continuity(&self, after: Position, next_era: u64) -> (Continuity, Option<Position>) {
        if !self.was_issued(after, next_era) {
            return (Continuity::Unknown, None);
        }
        let wanted = self.after(after);
        if let Some(lost) = wanted.iter().rposition(|entry| matches!(entry.fate, Fate::Lost(_))) {
            let later = wanted[lost].position;
            return (Continuity::EraLost { kept_after: self.before_first_kept(later, next_era) }, Some(later));
        }
        if wanted.iter().any(|entry| matches!(entry.fate, Fate::Trimmed(_))) {
            return (Continuity::Trimmed { kept_after: self.before_first_kept(after, next_era) }, Some(after));
        }
        (Continuity::Complete, Some(after))
    }

    fn before_first_kept(&self, after: Position, next_era: u64) -> Position {
        let first = self.after(after).iter().find(|entry| entry.fate == Fate::Kept);
        first.map_or_else(|| self.head(next_era), |entry| Position::new(entry.position.era, entry.position.seq - 1))
    }
}
