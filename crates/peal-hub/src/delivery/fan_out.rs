//! Fan-out: what a channel's stream has released goes to its live subscribers in slices, and apps take turns at slices (ENGINE section 2).
//!
//! A release only joins its channel's [`Backlog`]. [`Hub::work`] passes over the subscribers, a slice at a time, and takes along everything
//! that was released before the pass began; what comes meanwhile is for the next pass. So a busy channel is handed out in batches, and
//! how many handles are queued at once depends on how fast they are written, not on how fast somebody publishes.
//!
//! Releases are counted, and a subscriber knows after how many it became live: whoever joins or catches up in the middle of a pass has what
//! the pass brings already, by the position at which it was answered, and is left out of it. The subscribers that a pass has
//! reached are a prefix of the list, and stay one when somebody leaves.

use std::collections::VecDeque;
use std::sync::Arc;

use peal_core::{ErrorCode, Position, Refusal};
use peal_wire::native;

use super::{CatchUp, Progress};
use crate::connection::{Urgency, WRITE_COST};
use crate::hub::Hub;
use crate::session::Farewell;
use crate::stream::{Entry, LossReason};
use crate::topic::{MessagesAudience, Stage};
use crate::usage::{Weight, message_weight};

/// Handles that are queued for as much as one more visit of a subscriber costs.
const FRAMES_PER_VISIT: usize = 16;
/// Visits that one costs who is sent back to the ring.
const FALL_BEHIND_VISITS: usize = 8;

/// What a channel's stream has released and not every subscriber has been reached with. Bounded by `waiting_publications` and
/// `waiting_bytes` of the configuration; what comes beyond is left to the ring and the history.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// What the pass under way brings: publications, or one of the other kinds alone.
    pass: Vec<Release>,
    /// How many subscribers, from the first, the pass has reached.
    reached: usize,
    waiting: VecDeque<Release>,
    waiting_bytes: usize,
    /// The cost of everything here.
    debt: u64,
}

#[derive(Debug)]
struct Release {
    /// Which one it is of its channel.
    number: u64,
    what: What,
    bytes: usize,
    debt: u64,
}

#[derive(Debug)]
enum What {
    /// Deliver this. `after` is where the stream stood before.
    Publication {
        entry: Arc<Entry>,
        after: Position,
        weight: Weight,
    },
    Loss {
        reason: LossReason,
        from: Position,
        to: Position,
    },
    /// This and whatever was released later until its pass begins was too much: subscribers catch up from here.
    Behind {
        after: Position,
    },
}

impl MessagesAudience {
    /// Whether releases pass by the backlog: then nobody becomes live, because the backlog would not bring what comes next.
    pub(crate) fn is_passed_over(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| matches!(backlog.waiting.back(), Some(Release { what: What::Behind { .. }, .. })))
    }

    /// Before a subscriber leaves: if the pass has reached it, the last one that was reached takes its place. Answers the place that
    /// is to be vacated instead.
    pub(crate) fn fill_from_reached(&mut self, at: usize) -> usize {
        match &mut self.backlog {
            Some(backlog) if at < backlog.reached => {
                backlog.reached -= 1;
                self.subscribers.swap(at, backlog.reached);
                backlog.reached
            }
            _ => at,
        }
    }
}

/// How a slice of one channel ended.
#[derive(Default)]
pub(super) struct Slice {
    /// Of subscribers, or as much work.
    pub(super) visits: usize,
    pub(super) cost: usize,
}

impl Hub {
    pub(super) fn fan_out(&mut self, index: u32, entry: Arc<Entry>, after: Position) {
        let (now, limits) = (self.now, (self.config.waiting_publications, self.config.waiting_bytes));
        let Self { topics, counters, .. } = self;
        let Some(topic) = topics.get_mut(index) else { return };
        let app = topic.topic.app;
        let Some(audience) = topic.messages_mut().filter(|audience| !audience.subscribers.is_empty()) else { return };
        // Looked up once, not for each subscriber.
        let weight = message_weight(counters, now, app, &audience.channel, &entry.publication);
        let bytes = entry.publication.size();
        let waiting = audience.backlog.as_ref().map_or((0, 0), |backlog| (backlog.waiting.len(), backlog.waiting_bytes));
        if waiting.0 < limits.0 && (waiting.1 + bytes <= limits.1 || waiting.0 == 0) {
            return self.wait(index, What::Publication { entry, after, weight }, bytes);
        }
        if !audience.is_passed_over() {
            self.fan_out.counts.overflows += 1;
        }
        self.wait(index, What::Behind { after }, 0);
    }

    pub(super) fn fan_out_loss(&mut self, index: u32, reason: LossReason, from: Position, to: Position) {
        self.wait(index, What::Loss { reason, from, to }, 0);
    }

    /// Puts something at the end of a channel's backlog, unless that is passed over: who catches up finds it.
    fn wait(&mut self, index: u32, what: What, bytes: usize) {
        let reference = self.topics.reference(index);
        let Some(topic) = self.topics.get_mut(index) else { return };
        let app = topic.topic.app;
        let Some(audience) = topic.messages_mut().filter(|audience| !audience.subscribers.is_empty()) else { return };
        audience.released += 1;
        if audience.is_passed_over() {
            return;
        }
        let debt = (audience.subscribers.len() * (WRITE_COST + bytes)) as u64;
        let is_first = audience.backlog.is_none();
        let backlog = audience.backlog.get_or_insert_default();
        backlog.waiting.push_back(Release { number: audience.released, what, bytes, debt });
        backlog.waiting_bytes += bytes;
        backlog.debt += debt;
        self.owe(app, debt);
        if is_first {
            self.run_on(index, reference);
        }
    }

    /// Goes on with a channel's pass, or begins the next.
    pub(super) fn slice(&mut self, index: u32, urgency: Urgency, left: usize) -> Slice {
        let most = self.config.pass_publications.max(1);
        let Some(audience) = self.topics.get_mut(index).and_then(|topic| topic.messages_mut()) else { return Slice::default() };
        let Some(backlog) = &mut audience.backlog else { return Slice::default() };
        if backlog.pass.is_empty() {
            backlog.begin_pass(most);
        }
        match backlog.pass.first().map(|release| (release.number, &release.what)) {
            None => Slice::default(),
            Some((_, What::Publication { .. })) => self.hand_out(index, urgency, left),
            Some((number, &What::Loss { reason, from, to })) => self.tell_loss(index, left, number, (reason, from, to)),
            Some((number, &What::Behind { after })) => self.fall_behind(index, left, number, after),
        }
    }

    /// To live subscribers but the publisher. Whose queue is full gets it later, from the ring or the history.
    fn hand_out(&mut self, index: u32, urgency: Urgency, left: usize) -> Slice {
        let clock = self.write_clock();
        let soft = self.config.queue_soft_bytes;
        let Self { topics, connections, progress, timers, fan_out, .. } = self;
        let mut slice = Slice::default();
        let Some(audience) = topics.get_mut(index).and_then(|topic| topic.messages_mut()) else { return slice };
        let Some(backlog) = &mut audience.backlog else { return slice };
        while slice.visits < left
            && let Some(subscriber) = audience.subscribers.get_mut(backlog.reached)
        {
            backlog.reached += 1;
            slice.visits += 1;
            slice.cost += WRITE_COST;
            let mut queued = 0;
            for release in &backlog.pass {
                let What::Publication { entry, after, weight } = &release.what else { break };
                let Some(connection) = connections.get_mut(subscriber.slot) else { break };
                if subscriber.stage != Stage::Live {
                    break;
                }
                if release.number <= subscriber.since || entry.publication.origin == Some(connection.id) {
                    continue;
                }
                if connection.queue.bytes() < soft {
                    let frame = entry.frame(&audience.channel, subscriber.pusher).clone();
                    queued += 1;
                    slice.cost += frame.len();
                    connections.push(subscriber.slot, frame, *weight, urgency, clock, timers);
                } else if entry.publication.position.is_some() {
                    subscriber.stage = Stage::CatchingUp;
                    audience.unsettled += 1;
                    connection.unsettled += 1;
                    progress.insert((subscriber.slot, index), Progress::CatchingUp(Box::new(CatchUp::from(*after))));
                    fan_out.counts.lagged += 1;
                } else {
                    fan_out.counts.dropped += 1;
                }
            }
            slice.visits += queued / FRAMES_PER_VISIT;
        }
        slice
    }

    /// Tells live subscribers that something will never come. Pusher clients cannot be told, so they must reconnect.
    fn tell_loss(&mut self, index: u32, left: usize, number: u64, (reason, from, to): (LossReason, Position, Position)) -> Slice {
        let mut slice = Slice::default();
        let Some(channel) = self.channel_of(index) else { return slice };
        let frame = native::encode_discontinuity(&channel, reason, from, to);
        while slice.visits < left
            && let Some((slot, is_concerned)) = self.visit(index, number)
        {
            slice.visits += 1;
            slice.cost += WRITE_COST + frame.len();
            if !is_concerned {
                continue;
            }
            if self.connections.get(slot).is_some_and(|connection| connection.pusher) {
                self.close(slot, &Refusal::of(ErrorCode::PositionLost), Farewell::Lost);
            } else {
                self.push(slot, frame.clone());
            }
        }
        slice
    }

    /// Sends live subscribers back to the ring, and lets everyone who is not live go on from there.
    fn fall_behind(&mut self, index: u32, left: usize, number: u64, after: Position) -> Slice {
        let mut slice = Slice::default();
        while slice.visits < left
            && let Some((slot, is_concerned)) = self.visit(index, number)
        {
            slice.visits += FALL_BEHIND_VISITS;
            slice.cost += FALL_BEHIND_VISITS * WRITE_COST;
            if is_concerned {
                self.unsettle(slot, index);
                self.progress.insert((slot, index), Progress::CatchingUp(Box::new(CatchUp::from(after))));
                self.fan_out.counts.lagged += 1;
            }
            self.advance(slot, index);
        }
        slice
    }

    /// The next subscriber of a pass, and whether a release concerns it. Nothing when all are reached, or have left.
    fn visit(&mut self, index: u32, number: u64) -> Option<(u32, bool)> {
        let audience = self.topics.get_mut(index)?.messages_mut()?;
        let backlog = audience.backlog.as_mut()?;
        let subscriber = audience.subscribers.get(backlog.reached)?;
        backlog.reached += 1;
        Some((subscriber.slot, subscriber.stage == Stage::Live && subscriber.since < number))
    }

    /// After a slice: a pass that has reached everyone is over.
    pub(super) fn end_pass(&mut self, index: u32) {
        let Some(topic) = self.topics.get_mut(index) else { return };
        let app = topic.topic.app;
        let Some(audience) = topic.messages_mut() else { return };
        let Some(backlog) = audience.backlog.as_mut().filter(|backlog| backlog.reached >= audience.subscribers.len()) else { return };
        let handed_out = backlog.pass.len() as u64;
        let paid: u64 = backlog.pass.drain(..).map(|release| release.debt).sum();
        backlog.debt -= paid;
        backlog.reached = 0;
        if backlog.waiting.is_empty() {
            audience.backlog = None;
        }
        self.pay(app, paid, handed_out);
    }

    /// Nobody subscribes any more.
    pub(super) fn drop_backlog(&mut self, index: u32) {
        let Some(topic) = self.topics.get_mut(index) else { return };
        let app = topic.topic.app;
        if let Some(backlog) = topic.messages_mut().and_then(|audience| audience.backlog.take()) {
            self.pay(app, backlog.debt, (backlog.pass.len() + backlog.waiting.len()) as u64);
        }
    }
}

impl Backlog {
    fn begin_pass(&mut self, most: usize) {
        self.reached = 0;
        while self.pass.len() < most
            && let Some(release) = self.waiting.pop_front()
        {
            if !self.pass.is_empty() && !matches!(release.what, What::Publication { .. }) {
                return self.waiting.push_front(release);
            }
            self.waiting_bytes -= release.bytes;
            let is_alone = !matches!(release.what, What::Publication { .. });
            self.pass.push(release);
            if is_alone {
                return;
            }
        }
    }
}
