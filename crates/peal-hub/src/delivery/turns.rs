//! Whose turn it is: the channels with a backlog, and the step that hands out a slice of one after the other.
//!
//! Invariant: a channel with a backlog is in a run queue or being worked on, and what an app owes its subscribers is known to its gate, where
//! publishers are told to wait.

use peal_core::AppId;

use crate::connection::Urgency;
use crate::fair::Fair;
use crate::hub::Hub;
use crate::topic::TopicRef;

/// The channels that have a backlog, by [`Urgency`]; each once.
#[derive(Debug, Default)]
pub(crate) struct FanOut {
    runs: [Fair<TopicRef>; 2],
    pub(super) counts: FanOutCounts,
    /// Cost of all backlogs.
    debt: u64,
}

/// What fan-outs have done since the hub began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FanOutCounts {
    pub slices: u64,
    /// Subscribers that did not take what was sent, so that they go on from the ring or the history.
    pub lagged: u64,
    /// Those of them that have caught up.
    pub caught_up: u64,
    /// Ephemeral publications that a subscriber with a full queue did not get.
    pub dropped: u64,
    /// How often a channel was released more than may wait, and all its subscribers were sent to the ring.
    pub overflows: u64,
}

impl FanOut {
    pub(super) fn count_caught_up(&mut self) {
        self.counts.caught_up += 1;
    }
}

impl Hub {
    /// Does one slice of fan-out: at most `slice_subscribers` subscribers. False when there is nothing to do until queues are written:
    /// more is not handed out than the shell writes in a slice of its own.
    pub fn work(&mut self, now: peal_core::Now) -> bool {
        self.now = now;
        let most = self.config.slice_subscribers.max(1);
        let mut left = most;
        // Small fan-outs come first, but leave half to large ones.
        for (urgency, reserve) in [(Urgency::Prompt, most / 2), (Urgency::Bulk, 0)] {
            let reserve = if self.may_work(Urgency::Bulk) { reserve } else { 0 };
            while left > reserve && self.may_work(urgency) {
                left = left.saturating_sub(self.turn_of_a_channel(urgency, left - reserve).max(1));
            }
        }
        if left < most {
            self.fan_out.counts.slices += 1;
        }
        self.may_work(Urgency::Prompt) || self.may_work(Urgency::Bulk)
    }

    /// Whether [`Self::work`] has something to do once queues are written.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.fan_out.runs.iter().any(|runs| runs.len() > 0)
    }

    #[must_use]
    pub fn fan_out_counts(&self) -> FanOutCounts {
        self.fan_out.counts
    }

    /// Channels with a backlog, and the cost of it in bytes.
    pub(crate) fn fan_out_backlog(&self) -> (usize, u64) {
        (self.fan_out.runs.iter().map(Fair::len).sum(), self.fan_out.debt)
    }

    fn may_work(&self, urgency: Urgency) -> bool {
        self.fan_out.runs[urgency as usize].len() > 0 && self.connections.dirty_count(urgency) < self.config.slice_subscribers.max(1)
    }

    fn turn_of_a_channel(&mut self, urgency: Urgency, left: usize) -> usize {
        let Self { fan_out, apps, .. } = self;
        let weight = |app: AppId| apps.get(&app).map_or(1, crate::apps::AppEntry::weight);
        let Some((party, reference)) = fan_out.runs[urgency as usize].take(weight) else { return 0 };
        // A channel that is gone took its backlog along.
        let Some(index) = self.topics.resolve(reference) else { return 0 };
        let slice = self.slice(index, urgency, left);
        self.fan_out.runs[urgency as usize].charge(party, slice.cost);
        if self.topics.resolve(reference).is_some() {
            self.end_pass(index);
            self.run_on(index, reference);
        }
        slice.visits
    }

    /// A channel with a backlog waits for its next turn.
    pub(super) fn run_on(&mut self, index: u32, reference: TopicRef) {
        let Some(topic) = self.topics.get(index) else { return };
        let Some(audience) = topic.messages().filter(|audience| audience.backlog.is_some()) else { return };
        let urgency = if audience.subscribers.len() <= self.config.small_fan_out { Urgency::Prompt } else { Urgency::Bulk };
        self.fan_out.runs[urgency as usize].push(Some(topic.topic.app), reference);
    }

    /// The entry of an app lives for as long as it has connections here, and so for as long as it owes anything.
    pub(super) fn owe(&mut self, app: AppId, debt: u64) {
        self.fan_out.debt += debt;
        if let Some(entry) = self.apps.get(&app) {
            entry.gate.owe(debt);
        }
    }

    pub(super) fn pay(&mut self, app: AppId, debt: u64, fan_outs: u64) {
        self.fan_out.debt -= debt;
        if let Some(entry) = self.apps.get(&app) {
            entry.gate.pay(debt, fan_outs);
        }
    }
}
