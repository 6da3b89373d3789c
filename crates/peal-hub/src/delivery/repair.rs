//! A topic and the broker: attaching, repairing gaps, asking again after a failure.

use peal_core::exchange::{BrokerError, HistoryPage, PAGE_MAX};
use peal_core::{Lane, Position, Topic};

use super::Pending;
use crate::hub::Hub;
use crate::stream::Step;
use crate::timer::Owner;
use crate::topic::{Gap, TopicRef};

impl Hub {
    pub(crate) fn attached(&mut self, topic: &Topic, result: Result<Position, BrokerError>) {
        let Some(index) = self.topics.find(topic) else { return };
        let Some(entry) = self.topics.get_mut(index) else { return };
        let mut steps = Vec::new();
        if let Ok(head) = result {
            entry.pause_ms = 0;
            entry.stream.attached(head, self.now.mono_ms, &self.limits, &mut steps);
            self.take_steps(index, steps);
            if topic.lane == Lane::Control {
                self.counts_attached(topic.app);
            }
        } else {
            entry.stream.attach_failed();
            self.pause_topic(index);
            self.refuse_joins(index);
        }
        self.release_topic(index);
    }

    pub(crate) fn interrupted(&mut self, topics: &[Topic]) {
        let indices =
            if topics.is_empty() { self.topics.indices() } else { topics.iter().filter_map(|topic| self.topics.find(topic)).collect() };
        for index in indices {
            self.check_head(index);
        }
    }

    /// Asks the broker where the topic's head is.
    pub(crate) fn check_head(&mut self, index: u32) {
        let Some(entry) = self.topics.get_mut(index) else { return };
        let mut steps = Vec::new();
        entry.stream.interrupted(&mut steps);
        self.take_steps(index, steps);
    }

    pub(crate) fn read_missing(&mut self, index: u32, after: Position) {
        let Some(entry) = self.topics.get(index) else { return };
        let topic = entry.topic.clone();
        let pending = Pending::Repair(self.topics.reference(index));
        self.read_after(topic, after, PAGE_MAX, pending);
    }

    pub(crate) fn repair_page(&mut self, topic: TopicRef, page: Option<&HistoryPage>) {
        let Some(index) = self.topics.resolve(topic) else { return };
        let Some(entry) = self.topics.get_mut(index) else { return };
        let mut steps = Vec::new();
        match page {
            Some(page) => {
                entry.pause_ms = 0;
                entry.stream.page(page, self.now.mono_ms, &self.limits, &mut steps);
            }
            None => entry.stream.page_failed(&mut steps),
        }
        self.take_steps(index, steps);
    }

    /// Looks at what a topic's stream has come to: whether it misses something, and once it does not any more, whether it got everything.
    pub(super) fn count_gaps(&mut self, index: u32, steps: &[Step]) {
        let Some(entry) = self.topics.get_mut(index) else { return };
        let lost = steps.iter().any(|step| matches!(step, Step::Lost { .. }));
        let open = entry.stream.is_repairing();
        if (open || lost) && entry.gap.is_none() {
            self.totals.gaps.detected += 1;
            entry.gap = Some(Gap::Open);
        }
        if lost {
            entry.gap = Some(Gap::Lossy);
        }
        if !open {
            match entry.gap.take() {
                Some(Gap::Open) => self.totals.gaps.repaired += 1,
                Some(Gap::Lossy) => self.totals.gaps.unrepaired += 1,
                None => {}
            }
        }
    }

    /// Waits before the topic's next question to the broker, twice as long as the last time.
    pub(crate) fn pause_topic(&mut self, index: u32) {
        let (now_ms, min_ms, max_ms) = (self.now.mono_ms, self.config.retry_min_ms, self.config.retry_max_ms);
        let Some(entry) = self.topics.get_mut(index) else { return };
        entry.pause_ms = (entry.pause_ms * 2).clamp(min_ms, max_ms);
        let at = now_ms + entry.pause_ms;
        if entry.timer.is_none_or(|armed| armed > at) {
            self.timers.arm(Owner::Topic(index), &mut entry.timer, Some(at));
        }
    }

    /// The broker said that something was published up to here: see that it arrives.
    pub(crate) fn expect(&mut self, topic: &Topic, position: Position) {
        let Some(index) = self.topics.find(topic) else { return };
        let at = self.now.mono_ms + self.config.arrival_timeout_ms;
        let Some(entry) = self.topics.get_mut(index) else { return };
        if entry.stream.last().is_none_or(|last| last >= position) {
            return;
        }
        entry.expected = entry.expected.max(Some(position));
        if entry.timer.is_none() {
            self.timers.arm(Owner::Topic(index), &mut entry.timer, Some(at));
        }
    }

    /// A topic's pause is over.
    pub(crate) fn topic_due(&mut self, index: u32) {
        let Some(entry) = self.topics.get_mut(index) else { return };
        entry.timer = None;
        let missing = entry.expected.take().is_some_and(|expected| entry.stream.last().is_some_and(|last| last < expected));
        let mut steps = Vec::new();
        if missing {
            entry.stream.interrupted(&mut steps);
        }
        // Another answer may have ended the pause of the topic, but not the need of its stream.
        entry.stream.retry(&mut steps);
        self.take_steps(index, steps);
        self.retry_view(index);
    }
}
