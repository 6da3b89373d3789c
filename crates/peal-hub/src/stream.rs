//! One attached topic as this core sees it: the order of its publications, and what is done when one is missing.
//!
//! A stream stands at a position, `last`: everything up to it was released to whoever listened, nothing after it was. A publication that
//! directly follows is released. One that leaves a gap is held back, bounded, while the missing range is read from the broker's
//! history *once for all subscribers of the core*. What the history can no longer give is announced as [`Step::Lost`], never skipped in silence.
//!
//! The stream knows no connection and no protocol, and decides nothing about time but how long its ring keeps what it released.

mod gap;
mod ring;

use std::collections::VecDeque;
use std::sync::Arc;

use peal_core::exchange::{Continuity, HistoryPage};
use peal_core::{Position, Publication};

pub(crate) use gap::{LossReason, before_page, connected};
use gap::{Verdict, classify};
pub(crate) use ring::{Entry, Ring, RingLimits};

/// Reads of the history that brought nothing although a later publication had arrived, before the range counts as lost.
const FRUITLESS_READS_MAX: u8 = 3;

/// What a stream wants after an input, in this order.
#[derive(Debug)]
pub(crate) enum Step {
    /// Deliver this. `after` is where the stream stood before.
    Release { entry: Arc<Entry>, after: Position },
    /// What came after `from` up to and including `to` will never be released.
    Lost { reason: LossReason, from: Position, to: Position },
    /// Read the history after this position and hand the page to [`Stream::page`].
    Read { after: Position },
    /// The history did not have what must be there: after a pause, ask [`Stream::retry`].
    Pause,
    /// Attach again: the answer is a check of the head.
    Attach,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamLimits {
    pub(crate) ring: RingLimits,
    /// Publications held while a gap is repaired; more are dropped and read again.
    pub(crate) held_max: usize,
    pub(crate) held_bytes_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first answer to attach is outstanding.
    Attaching,
    Live(Position),
    /// A read after this position is outstanding, or waits for its retry.
    Repairing(Position),
}

/// See [`Stream::certainty`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certainty {
    Certain,
    /// The broker has been asked.
    Asking,
    /// The broker could not say.
    Doubtful,
}

#[derive(Debug)]
pub(crate) struct Stream {
    state: State,
    ring: Ring,
    /// What arrived while it could not be judged, in order of arrival.
    held: VecDeque<Arc<Publication>>,
    held_bytes: usize,
    /// An attach is on its way; its answer is a head.
    attaching: bool,
    /// A read is on its way.
    reading: bool,
    /// Something was dropped or may have been lost since the outstanding question was asked: ask once more.
    ask_again: bool,
    fruitless_reads: u8,
    /// A question failed or brought nothing: [`Self::retry`] must be called after a pause.
    waiting: bool,
}

impl Stream {
    /// Whoever makes a stream asks the broker to attach.
    pub(crate) fn new() -> Self {
        Self {
            state: State::Attaching,
            ring: Ring::default(),
            held: VecDeque::new(),
            held_bytes: 0,
            attaching: true,
            reading: false,
            ask_again: false,
            fruitless_reads: 0,
            waiting: false,
        }
    }

    /// Where live is; `None` before the first answer to attach.
    pub(crate) fn last(&self) -> Option<Position> {
        match self.state {
            State::Attaching => None,
            State::Live(last) | State::Repairing(last) => Some(last),
        }
    }

    /// Whether something is missing that is being read.
    pub(crate) fn is_repairing(&self) -> bool {
        matches!(self.state, State::Repairing(_))
    }

    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Whether this core knows of nothing that it may have missed. Then what follows a position in the ring is all there is.
    pub(crate) fn certainty(&self) -> Certainty {
        match self.state {
            State::Live(_) if !self.attaching => Certainty::Certain,
            _ if self.waiting => Certainty::Doubtful,
            _ => Certainty::Asking,
        }
    }

    /// Whether an answer to attach is outstanding: detaching would race with it.
    pub(crate) fn is_attaching(&self) -> bool {
        self.attaching
    }

    /// A page that somebody read for himself: whoever comes from where he did, or later, finds it in the ring.
    pub(crate) fn fill(&mut self, after: Position, page: &HistoryPage, entries: &[Arc<Entry>], now_ms: u64, limits: &RingLimits) {
        if page.continuity == Continuity::Complete {
            let placed = |entry: &Arc<Entry>| Some((entry.publication.position?, Arc::clone(entry)));
            self.ring.fill(after, &entries.iter().filter_map(placed).collect::<Vec<_>>(), now_ms, limits);
        }
    }

    pub(crate) fn expire(&mut self, now_ms: u64, limits: &RingLimits) {
        self.ring.expire(now_ms, limits);
    }

    /// The broker answered attach with this head.
    pub(crate) fn attached(&mut self, head: Position, now_ms: u64, limits: &StreamLimits, steps: &mut Vec<Step>) {
        self.attaching = false;
        match self.state {
            State::Attaching => {
                self.state = State::Live(head);
                self.ring.begin(head);
                self.drain_held(now_ms, limits, steps);
            }
            // A lower head is one that was answered before later publications arrived, or a primary that lost what we have seen.
            State::Live(last) if head > last => self.read(last, steps),
            State::Live(_) => {}
            State::Repairing(last) => self.ask_again |= head > last,
        }
        if self.ask_again && !matches!(self.state, State::Repairing(_)) {
            self.ask_again = false;
            self.interrupted(steps);
        }
    }

    /// The broker could not attach; the hub asks again later.
    pub(crate) fn attach_failed(&mut self) {
        self.attaching = false;
        self.waiting = true;
        self.ask_again |= matches!(self.state, State::Repairing(_));
    }

    /// Delivery may have lost something: ask for the head.
    pub(crate) fn interrupted(&mut self, steps: &mut Vec<Step>) {
        if self.attaching {
            self.ask_again = true;
        } else {
            self.attaching = true;
            steps.push(Step::Attach);
        }
    }

    pub(crate) fn deliver(&mut self, publication: Arc<Publication>, now_ms: u64, limits: &StreamLimits, steps: &mut Vec<Step>) {
        if let State::Live(last) = self.state {
            match classify(last, &publication) {
                Verdict::Next => return self.release(publication, last, now_ms, limits, steps),
                Verdict::Old => return,
                Verdict::Gap => self.read(last, steps),
            }
        }
        self.hold(publication, limits);
    }

    /// The answer to [`Step::Read`].
    pub(crate) fn page(&mut self, page: &HistoryPage, now_ms: u64, limits: &StreamLimits, steps: &mut Vec<Step>) {
        self.reading = false;
        let State::Repairing(asked_after) = self.state else { return };
        self.apply_page(page, now_ms, limits, steps);
        let State::Repairing(last) = self.state else { return };
        if last > asked_after {
            self.fruitless_reads = 0;
        }
        if page.more && last > asked_after || std::mem::take(&mut self.ask_again) {
            return self.read(last, steps);
        }
        self.state = State::Live(last);
        self.drain_held(now_ms, limits, steps);
        if last == asked_after && matches!(self.state, State::Repairing(_)) {
            self.fruitless(now_ms, limits, steps);
        }
    }

    /// The read failed; the hub calls [`Self::retry`] later.
    pub(crate) fn page_failed(&mut self, steps: &mut Vec<Step>) {
        self.reading = false;
        self.pause(steps);
    }

    fn pause(&mut self, steps: &mut Vec<Step>) {
        self.waiting = true;
        steps.push(Step::Pause);
    }

    /// The pause is over. Does nothing if there was none.
    pub(crate) fn retry(&mut self, steps: &mut Vec<Step>) {
        if !std::mem::take(&mut self.waiting) {
            return;
        }
        match self.state {
            State::Repairing(last) => self.read(last, steps),
            State::Attaching | State::Live(_) if !self.attaching => {
                self.attaching = true;
                steps.push(Step::Attach);
            }
            State::Attaching | State::Live(_) => {}
        }
    }

    fn apply_page(&mut self, page: &HistoryPage, now_ms: u64, limits: &StreamLimits, steps: &mut Vec<Step>) {
        let State::Repairing(last) = self.state else { return };
        match page.continuity {
            Continuity::Complete => {}
            Continuity::Trimmed { kept_after } => self.lose(LossReason::Retention, kept_after, steps),
            Continuity::EraLost { kept_after } => self.lose(LossReason::Era, kept_after, steps),
            // Our last was lost for others and nothing came after it: we missed nothing.
            Continuity::Unknown if page.head <= last => {}
            Continuity::Unknown => self.lose(LossReason::Era, before_page(page), steps),
        }
        for publication in &page.publications {
            // What waits comes first where it connects, so that ephemeral publications keep their place among the others.
            self.take_held(now_ms, limits, steps);
            if let (State::Repairing(last), Some(position)) = (self.state, publication.position)
                && position > last
            {
                self.release(Arc::clone(publication), last, now_ms, limits, steps);
            }
        }
        if let State::Repairing(last) = self.state
            && page.continuity == Continuity::Complete
            && !page.more
            && page.head > last
        {
            self.state = State::Repairing(page.head);
            self.ring.begin(page.head);
        }
    }

    /// A later publication is here but the history does not have what lies between: a broker that reads behind its deliveries, or a loss.
    fn fruitless(&mut self, now_ms: u64, limits: &StreamLimits, steps: &mut Vec<Step>) {
        // `drain_held` asked to read at once; do it after a pause instead.
        if steps.pop_if(|step| matches!(step, Step::Read { .. })).is_some() {
            self.reading = false;
        }
        self.fruitless_reads += 1;
        if self.fruitless_reads < FRUITLESS_READS_MAX {
            return self.pause(steps);
        }
        self.fruitless_reads = 0;
        let State::Repairing(last) = self.state else { return };
        if let Some(position) = self.held.iter().filter_map(|publication| publication.position).find(|position| *position > last) {
            self.lose(LossReason::Retention, Position::new(position.era, position.seq.saturating_sub(1)), steps);
            let State::Repairing(last) = self.state else { return };
            self.state = State::Live(last);
            self.drain_held(now_ms, limits, steps);
        }
    }

    fn read(&mut self, last: Position, steps: &mut Vec<Step>) {
        self.state = State::Repairing(last);
        if !self.reading {
            self.reading = true;
            steps.push(Step::Read { after: last });
        }
    }

    fn lose(&mut self, reason: LossReason, to: Position, steps: &mut Vec<Step>) {
        let State::Repairing(from) = self.state else { return };
        if to > from {
            steps.push(Step::Lost { reason, from, to });
            self.state = State::Repairing(to);
            self.ring.begin(to);
        }
    }

    fn release(&mut self, publication: Arc<Publication>, after: Position, now_ms: u64, limits: &StreamLimits, steps: &mut Vec<Step>) {
        let position = publication.position;
        let entry = Arc::new(Entry::new(publication, now_ms));
        if let Some(position) = position {
            match &mut self.state {
                State::Live(last) | State::Repairing(last) => *last = position,
                State::Attaching => {}
            }
            self.ring.push(Arc::clone(&entry), position, now_ms, &limits.ring);
        }
        steps.push(Step::Release { entry, after });
    }

    fn hold(&mut self, publication: Arc<Publication>, limits: &StreamLimits) {
        let bytes = ring::cost(&publication);
        if self.held.len() >= limits.held_max || self.held_bytes + bytes > limits.held_bytes_max {
            self.held.clear();
            self.held_bytes = 0;
            self.ask_again = true;
            return;
        }
        self.held_bytes += bytes;
        self.held.push_back(publication);
    }

    /// Releases what waits up to the next gap.
    fn take_held(&mut self, now_ms: u64, limits: &StreamLimits, steps: &mut Vec<Step>) {
        while let (Some(last), Some(publication)) = (self.last(), self.held.front()) {
            let verdict = classify(last, publication);
            if verdict == Verdict::Gap {
                return;
            }
            let Some(publication) = self.held.pop_front() else { return };
            self.held_bytes -= ring::cost(&publication);
            if verdict == Verdict::Next {
                self.release(publication, last, now_ms, limits, steps);
            }
        }
    }

    /// As [`Self::take_held`]; a gap that is left is read.
    fn drain_held(&mut self, now_ms: u64, limits: &StreamLimits, steps: &mut Vec<Step>) {
        self.take_held(now_ms, limits, steps);
        match self.state {
            State::Live(last) if !self.held.is_empty() => self.read(last, steps),
            _ if self.held.is_empty() => self.held = VecDeque::new(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
