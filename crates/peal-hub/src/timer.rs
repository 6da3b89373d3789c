//! Everything that will happen by itself, in one ordered set: at most one entry per owner, so an idle connection costs one entry and
//! nothing is left when its owner is gone. Owners are looked at when their time comes and say then what comes next; activity in
//! between only moves their deadline on paper.

use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// Slot of a connection.
    Connection(u32),
    /// A topic's pause before the next question to the broker.
    Topic(u32),
    /// A presence topic's next round of changes to native subscribers.
    Changes(u32),
    /// A member's grace, or its pause before the next try.
    Member(u32),
    /// Subscription counts that are to be told.
    Counts,
    /// Rings are thinned even where nothing is published.
    Sweep,
}

#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(u64, Owner)>);

impl Timers {
    /// Replaces the owner's entry, whose time is in `armed`.
    pub(crate) fn arm(&mut self, owner: Owner, armed: &mut Option<u64>, at_ms: Option<u64>) {
        if *armed == at_ms {
            return;
        }
        if let Some(old) = *armed {
            self.0.remove(&(old, owner));
        }
        if let Some(at) = at_ms {
            self.0.insert((at, owner));
        }
        *armed = at_ms;
    }

    pub(crate) fn next(&self) -> Option<u64> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The next owner whose time has come. Its entry is gone; the caller clears what it kept as `armed`.
    pub(crate) fn pop(&mut self, now_ms: u64) -> Option<Owner> {
        let (at, owner) = *self.0.first()?;
        if at > now_ms {
            return None;
        }
        self.0.pop_first();
        Some(owner)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
