//! Catching up: a subscription that is behind live gets what it misses from the ring, else page by page from the history, and never more
//! than its queue has room for. It is live again the moment its cursor is where the stream is.
//!
//! Those who resume and those who were too slow are the same here. A subscription may also be *ahead* of the stream, when it was answered from
//! a history that this core's delivery has not reached: then it waits and gets nothing twice.

use std::collections::VecDeque;
use std::sync::Arc;

use peal_core::exchange::{Continuity, HistoryPage};
use peal_core::{ErrorCode, Position, Refusal};
use peal_wire::native;

use super::{Pending, Progress};
use crate::connection::Urgency;
use crate::event::Handle;
use crate::hub::Hub;
use crate::session::Farewell;
use crate::stream::{Entry, LossReason, Stream, before_page};
use crate::topic::{Stage, TopicRef};
use crate::usage::{message_weight, read_weight};

/// Connections that miss the same range share one read.
pub(crate) type ReadKey = (TopicRef, Position);

#[derive(Debug)]
pub(crate) struct CatchUp {
    /// Everything up to here was queued for the client, or announced as lost.
    cursor: Position,
    /// What comes next, in order.
    next: VecDeque<Arc<Entry>>,
    reading: bool,
    /// What is sent up to here was asked for again, and counts as read from the history.
    replay_to: Option<Position>,
    /// It was live and too slow.
    lagged: bool,
    /// What comes first is a cached event. It stands by itself: what is live begins here, and what lies between was never promised.
    begins: Option<Position>,
}

impl CatchUp {
    /// For a subscriber that was live and has everything up to here.
    pub(crate) fn from(cursor: Position) -> Self {
        Self { cursor, next: VecDeque::new(), reading: false, replay_to: None, lagged: true, begins: None }
    }

    pub(crate) fn new(cursor: Position, next: VecDeque<Arc<Entry>>, replay_to: Option<Position>) -> Self {
        Self { cursor, next, reading: false, replay_to, lagged: false, begins: None }
    }

    /// A cached event, if there is one, then what comes after `begins`.
    pub(crate) fn cached(event: VecDeque<Arc<Entry>>, begins: Position) -> Self {
        let cursor =
            event.front().and_then(|entry| entry.publication.position).map_or(begins, |at| Position::new(at.era, at.seq.saturating_sub(1)));
        Self { begins: Some(begins), ..Self::new(cursor, event, None) }
    }
}

/// Why a message is sent apart from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// It was asked for again.
    Replay,
    /// It is live, but the queue was full; or it is a cached event.
    Late,
}

/// What a subscription that catches up can do without asking anyone.
enum Turn {
    Send(Arc<Entry>, Sent),
    CaughtUp,
    Wait,
    Read(Position),
}

impl Hub {
    pub(crate) fn catch_up(&mut self, slot: u32, index: u32) {
        loop {
            match self.turn(slot, index) {
                None | Some(Turn::Wait) => return,
                Some(Turn::Send(entry, sent)) => self.send_entry(slot, index, &entry, sent),
                Some(Turn::CaughtUp) => {
                    if let Some(Progress::CatchingUp(done)) = self.progress.remove(&(slot, index))
                        && done.lagged
                    {
                        self.fan_out.count_caught_up();
                    }
                    return self.set_stage(slot, index, Stage::Live);
                }
                Some(Turn::Read(after)) => return self.read_page(slot, index, after),
            }
        }
    }

    fn turn(&mut self, slot: u32, index: u32) -> Option<Turn> {
        let connection = self.connections.get(slot)?;
        let topic = self.topics.get(index)?;
        let (stream, passed_over) = (&topic.stream, topic.messages()?.is_passed_over());
        let Some(Progress::CatchingUp(catch_up)) = self.progress.get_mut(&(slot, index)) else { return None };
        if connection.queue.bytes() >= self.config.queue_soft_bytes {
            return Some(Turn::Wait);
        }
        let last = stream.last()?;
        if catch_up.next.is_empty() && !catch_up.reading && catch_up.cursor < last {
            match stream.ring().after(catch_up.cursor) {
                Some(entries) => catch_up.next.extend(entries.cloned()),
                None => return Some(Turn::Read(catch_up.cursor)),
            }
        }
        if let Some(entry) = catch_up.next.pop_front() {
            let cursor = entry.publication.position.unwrap_or(catch_up.cursor);
            catch_up.cursor = catch_up.begins.take().map_or(cursor, |begins| begins.max(cursor));
            let replayed = entry.publication.position.is_some() && entry.publication.position <= catch_up.replay_to;
            return Some(Turn::Send(entry, if replayed { Sent::Replay } else { Sent::Late }));
        }
        // A ring that is empty although live is ahead ends where live is: nothing was kept in between.
        if !catch_up.reading && catch_up.cursor == last && !passed_over {
            return Some(Turn::CaughtUp);
        }
        Some(Turn::Wait)
    }

    fn send_entry(&mut self, slot: u32, index: u32, entry: &Entry, sent: Sent) {
        let Self { connections, topics, counters, now, .. } = self;
        let Some(connection) = connections.get(slot) else { return };
        if entry.publication.origin == Some(connection.id) {
            return;
        }
        let Some(topic) = topics.get(index) else { return };
        let Some(audience) = topic.messages() else { return };
        let frame = entry.frame(&audience.channel, connection.pusher).clone();
        let weight = match sent {
            Sent::Replay => read_weight(&entry.publication),
            Sent::Late => message_weight(counters, *now, topic.topic.app, &audience.channel, &entry.publication),
        };
        self.push_weighed(slot, frame, weight, Urgency::Bulk);
    }

    fn read_page(&mut self, slot: u32, index: u32, after: Position) {
        if let Some(Progress::CatchingUp(catch_up)) = self.progress.get_mut(&(slot, index)) {
            catch_up.reading = true;
            self.read_shared(slot, index, after);
        }
    }

    /// Reads what came after a position, together with everyone who wants the same.
    pub(super) fn read_shared(&mut self, slot: u32, index: u32, after: Position) {
        let Some(handle) = self.connections.handle(slot) else { return };
        let key = (self.topics.reference(index), after);
        if let Some(Pending::Shared(_, waiters)) = self.reads.get(&key).and_then(|request| self.requests.get_mut(request)) {
            waiters.push(handle);
            return;
        }
        let Some(topic) = self.topics.get(index).map(|entry| entry.topic.clone()) else { return };
        let request = self.read_after(topic, after, self.config.page_count, Pending::Shared(key, vec![handle]));
        self.reads.insert(key, request);
    }

    pub(crate) fn shared_page(&mut self, key: ReadKey, waiters: &[Handle], page: Option<&HistoryPage>) {
        self.reads.remove(&key);
        let Some(index) = self.topics.resolve(key.0) else { return };
        let entries: Vec<Arc<Entry>> = page.map_or_else(Vec::new, |page| self.entries(page));
        if let (Some(page), Some(topic)) = (page, self.topics.get_mut(index)) {
            topic.pause_ms = 0;
            topic.stream.fill(key.1, page, &entries, self.now.mono_ms, &self.limits.ring);
        }
        for handle in waiters {
            let Some(slot) = self.connections.slot(*handle) else { continue };
            match self.progress.get_mut(&(slot, index)) {
                Some(Progress::Joining(_)) => self.join_page(slot, index, key.1, page, &entries),
                Some(Progress::CatchingUp(catch_up)) if catch_up.reading && catch_up.cursor == key.1 => {
                    catch_up.reading = false;
                    if let Some(page) = page {
                        self.take_page(slot, index, page, &entries);
                        self.catch_up(slot, index);
                    }
                }
                _ => {}
            }
        }
        if page.is_none() {
            self.pause_topic(index);
        }
    }

    /// A page's publications, to be encoded once for everyone who gets them.
    pub(crate) fn entries(&self, page: &HistoryPage) -> Vec<Arc<Entry>> {
        // As old as it is, so that no ring keeps it for longer than what was released here.
        let released_ms = |ts: u64| self.now.mono_ms.saturating_sub(self.now.wall_ms.saturating_sub(ts));
        let entry = |publication: &Arc<_>| Entry::new(Arc::clone(publication), released_ms(publication.ts));
        page.publications.iter().map(|publication| Arc::new(entry(publication))).collect()
    }

    fn take_page(&mut self, slot: u32, index: u32, page: &HistoryPage, entries: &[Arc<Entry>]) {
        let Some(topic) = self.topics.get(index) else { return };
        let Some(Progress::CatchingUp(catch_up)) = self.progress.get_mut(&(slot, index)) else { return };
        let from = catch_up.cursor;
        let loss = match page.continuity {
            Continuity::Complete => None,
            Continuity::Trimmed { kept_after } => Some((LossReason::Retention, kept_after)),
            Continuity::EraLost { kept_after } => Some((LossReason::Era, kept_after)),
            Continuity::Unknown if page.head <= from => None,
            Continuity::Unknown => Some((LossReason::Era, before_page(page))),
        };
        let start = loss.map_or(from, |(_, to)| to.max(from));
        catch_up.cursor = start;
        catch_up.next.extend(entries.iter().filter(|entry| entry.publication.position.is_some_and(|at| at > start)).cloned());
        if catch_up.next.is_empty() && page.continuity == Continuity::Complete && !page.more {
            catch_up.cursor = start.max(page.head);
        }
        if let Some((reason, to)) = loss.filter(|(_, to)| *to > from) {
            return self.announce_loss(slot, index, reason, from, to);
        }
        // The history brought nothing although the stream has released more: what lies between is in neither.
        let Some(last) = topic.stream.last() else { return };
        if catch_up.next.is_empty() && catch_up.cursor == from && from < last {
            let (to, rest) = beyond(&topic.stream, from, last);
            catch_up.cursor = to;
            catch_up.next = rest;
            self.announce_loss(slot, index, LossReason::Retention, from, to);
        }
    }

    /// Native clients are told; Pusher clients cannot be, so they must reconnect.
    fn announce_loss(&mut self, slot: u32, index: u32, reason: LossReason, from: Position, to: Position) {
        let Some(channel) = self.channel_of(index) else { return };
        if self.connections.get(slot).is_some_and(|connection| connection.pusher) {
            return self.close(slot, &Refusal::of(ErrorCode::PositionLost), Farewell::Lost);
        }
        self.push(slot, native::encode_discontinuity(&channel, reason, from, to));
    }
}

/// What the ring has beyond a position that it cannot connect to: the position before it, and it.
fn beyond(stream: &Stream, from: Position, last: Position) -> (Position, VecDeque<Arc<Entry>>) {
    let rest: VecDeque<Arc<Entry>> = stream.ring().beyond(from).cloned().collect();
    let first = rest.front().and_then(|entry| entry.publication.position);
    let to = match (first, stream.ring().floor()) {
        (Some(first), Some(floor)) if floor > from && floor < first => floor,
        (Some(first), _) => Position::new(first.era, first.seq.saturating_sub(1)),
        (None, _) => last,
    };
    (to, rest)
}
