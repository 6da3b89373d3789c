//! A primary is replaced, as the Redis broker hands it to a hub: every topic loses what the new primary had not heard of, a generation of eras
//! begins, and readers are told of each loss by exactly its range.
//!
//! What a hub sees of it: the first publication of a generation vouches for nothing before it; a page ends where something is lost, and the
//! read after it says what; a head lies behind the last that is kept when more is known to have been there; a presence lane does not go on, and the
//! table of members is as old as the new primary.

use std::sync::Arc;

use peal_core::exchange::{Continuity, Direction, HistoryPage, HistoryQuery};
use peal_core::{Lane, Position, Publication, PublicationKind};

use super::{Entry, Fate, Log, Members, ModelBroker};

/// Eras of one generation.
const ERAS: u64 = 1 << 21;

fn generation_of(position: Position) -> u64 {
    position.era / ERAS
}

/// As it reaches a hub: the first of a later generation than what came before does not say what that was.
pub(super) fn as_delivered(publication: &Arc<Publication>) -> Arc<Publication> {
    let tail = publication.era_start.and_then(|start| start.tail);
    match (tail, publication.position) {
        (Some(tail), Some(position)) if generation_of(tail) < generation_of(position) => {
            Arc::new(Publication { era_start: None, ..Publication::clone(publication) })
        }
        _ => Arc::clone(publication),
    }
}

impl ModelBroker {
    /// A replica takes over that lacks everything since `cut_ms`. Commands of apps are kept: whether one arrives is judged elsewhere.
    pub(crate) fn replace_primary(&mut self, now_ms: u64, cut_ms: u64) {
        self.next_era = (self.next_era / ERAS + 1) * ERAS;
        for (topic, log) in &mut self.topics {
            log.lose_since(now_ms, if topic.lane == Lane::Control { u64::MAX } else { cut_ms });
            if matches!(topic.lane, Lane::Presence(_)) {
                log.members = log.surviving_members();
            }
        }
    }
}

impl Log {
    fn lose_since(&mut self, now_ms: u64, cut_ms: u64) {
        let lost = self.entries.iter().rev().take_while(|entry| entry.at_ms >= cut_ms).filter(|entry| !matches!(entry.fate, Fate::Lost(_)));
        let lost = lost.count();
        self.fail_over(now_ms, lost);
    }

    fn surviving_members(&self) -> Members {
        let mut members = Members::default();
        for entry in self.entries.iter().filter(|entry| !matches!(entry.fate, Fate::Lost(_))) {
            if let PublicationKind::Presence(change) = &entry.publication.kind {
                members.apply(change.op, change.member.clone(), None).expect("there is no limit");
            }
        }
        members
    }

    /// The head that readers are told: beyond what is kept, if more of that era is known to have been there.
    /// A presence lane begins anew with each generation.
    pub(super) fn known_head(&self, next_era: u64, presence: bool) -> Position {
        let head = self.head(next_era);
        if presence {
            return if generation_of(head) < next_era / ERAS { Position::new(next_era, 0) } else { head };
        }
        let lost = self.after(head).iter().take_while(|entry| entry.position.era == head.era);
        lost.last().map_or(head, |entry| entry.position)
    }

    pub(super) fn read_exactly(&self, query: &HistoryQuery, next_era: u64, presence: bool) -> HistoryPage {
        let forwards_after = query.after.filter(|_| query.direction == Direction::Forwards);
        let generation = next_era / ERAS;
        let anew = presence && forwards_after.is_some_and(|after| generation_of(after) < generation);
        let (continuity, after) = match forwards_after {
            Some(_) if anew => {
                let kept_after = self.first_of(generation).unwrap_or(Position::new(next_era, 0));
                (Continuity::EraLost { kept_after }, Some(kept_after))
            }
            Some(after) => self.exactly_after(after, next_era),
            None => (Continuity::Complete, query.after),
        };
        let kept = self.kept_after(after).filter(|entry| query.before.is_none_or(|before| entry.position < before));
        let mut found: Vec<&Entry> = kept.filter(|entry| query.since_ms.is_none_or(|since| entry.publication.ts >= since)).collect();
        if query.direction == Direction::Backwards {
            found.reverse();
        }
        let mut more = found.len() > query.limit as usize;
        found.truncate(query.limit as usize);
        let broken = |pair: &[&Entry]| self.after(pair[0].position).first().is_some_and(|next| next.position < pair[1].position);
        if forwards_after.is_some()
            && let Some(gap) = found.windows(2).position(broken)
        {
            found.truncate(gap + 1);
            more = true;
        }
        let head = self.known_head(next_era, presence);
        let head = if let (true, Continuity::EraLost { kept_after }) = (anew, continuity) { head.max(kept_after) } else { head };
        more |= forwards_after.is_some()
            && query.before.is_none()
            && !presence
            && found.last().is_some_and(|last| last.position < head && self.kept_after(Some(last.position)).next().is_none());
        HistoryPage { publications: found.into_iter().map(|entry| self.as_read(entry)).collect(), more, head, continuity }
    }

    /// The first of an era does not connect to what survived before it if something is lost between them.
    fn as_read(&self, entry: &Entry) -> Arc<Publication> {
        let tail = entry.publication.era_start.and_then(|start| start.tail);
        match tail {
            Some(tail) if self.after(tail).first().is_some_and(|next| next.position < entry.position) => {
                Arc::new(Publication { era_start: None, ..Publication::clone(&entry.publication) })
            }
            _ => Arc::clone(&entry.publication),
        }
    }

    fn kept_after(&self, after: Option<Position>) -> impl Iterator<Item = &Entry> {
        let entries = after.map_or(&self.entries[self.first_kept..], |after| self.after(after));
        entries.iter().filter(|entry| entry.fate == Fate::Kept)
    }

    /// The position before the first that is kept of a generation.
    fn first_of(&self, generation: u64) -> Option<Position> {
        let first = self.kept_after(None).find(|entry| generation_of(entry.position) == generation)?;
        Some(Position::new(first.position.era, first.position.seq - 1))
    }

    /// What a reader after this position misses before the next that is kept, and where that begins.
    fn exactly_after(&self, after: Position, next_era: u64) -> (Continuity, Option<Position>) {
        if !self.was_issued(after, next_era) {
            return (Continuity::Unknown, None);
        }
        let gone: Vec<&Entry> = self.after(after).iter().take_while(|entry| entry.fate != Fate::Kept).collect();
        let Some(last) = gone.last() else { return (Continuity::Complete, Some(after)) };
        let kept_after = last.position;
        let trimmed = gone.iter().all(|entry| matches!(entry.fate, Fate::Trimmed(_)) && entry.position.era == after.era);
        let continuity = if trimmed { Continuity::Trimmed { kept_after } } else { Continuity::EraLost { kept_after } };
        (continuity, Some(kept_after))
    }
}
