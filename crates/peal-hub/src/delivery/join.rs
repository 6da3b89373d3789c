//! Joining: from an accepted subscribe to its answer.
//!
//! The answer waits for everything it states: the channel is attached, the history that a resume or rewind begins with is read, and
//! on a presence channel the view holds the joiner itself. Each time something of that arrives the whole question is looked at again,
//! so nothing depends on the order of arrival. At the moment of the answer the subscription becomes one that catches up from where the
//! answer says continuity starts, which in most cases is where live is.

mod start;

use std::sync::Arc;

use peal_core::exchange::{Continuity, HistoryPage, HistoryQuery};
use peal_core::{ConnectionId, Member, Position};
use peal_wire::native;

pub(crate) use start::Want;
use start::{Between, Read, Start, beginning, between, extend, first_page, from_ring};

use super::{CatchUp, Pending, Progress, unavailable};
use crate::event::Handle;
use crate::hub::Hub;
use crate::session::Session;
use crate::stream::{Certainty, Entry, LossReason};
use crate::topic::{Stage, TopicRef};

/// Publications that may be read before an answer, to count what a resume across eras replays.
const COUNTED_MAX: usize = 5_000;
/// Whom the answer goes to.
#[derive(Debug)]
pub(crate) enum Replier {
    Pusher,
    /// Ids of the request, and of repeats that came while it was under way.
    Native(Vec<u64>),
}

#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) want: Want,
    pub(crate) replier: Replier,
    /// The member that enters with this subscription, and where its entering stands once known.
    pub(crate) member: Option<u32>,
    reading: bool,
    read: Option<Read>,
}

impl Join {
    pub(crate) fn new(want: Want, replier: Replier) -> Self {
        Self { want, replier, member: None, reading: false, read: None }
    }
}

/// The answer to a native subscribe, but for the members.
pub(crate) type Subscribed = native::Subscribed<'static, Arc<Member>>;

/// How a join goes on.
enum Next {
    Answer(Start, usize),
    /// Read what came after a position.
    ReadAfter(Position),
    /// Read what a rewind or a cache channel begins with.
    ReadBeginning(HistoryQuery),
    Wait,
}

impl Hub {
    pub(crate) fn join(&mut self, slot: u32, index: u32) {
        let next = self.next_of_join(slot, index);
        let reads = matches!(next, Some(Next::ReadAfter(_) | Next::ReadBeginning(_)));
        if let Some(Progress::Joining(join)) = self.progress.get_mut(&(slot, index)) {
            join.reading |= reads;
        }
        match next {
            None | Some(Next::Wait) => {}
            Some(Next::ReadAfter(after)) => self.read_shared(slot, index, after),
            Some(Next::ReadBeginning(query)) => {
                let Some(handle) = self.connections.handle(slot) else { return };
                let request = self.request(Pending::Beginning(self.topics.reference(index), handle));
                self.act(crate::action::Action::History { request, query });
            }
            Some(Next::Answer(start, replay)) => self.answer_join(slot, index, start, replay),
        }
    }

    fn next_of_join(&mut self, slot: u32, index: u32) -> Option<Next> {
        let connection = self.connections.get(slot)?;
        let id = connection.id;
        let own = match &connection.session {
            Session::Native(session) => session.published,
            _ => false,
        };
        let topic = self.topics.get(index)?;
        let Some(last) = topic.stream.last() else { return Some(Next::Wait) };
        let Some(Progress::Joining(join)) = self.progress.get_mut(&(slot, index)) else { return None };
        if join.reading {
            return Some(Next::Wait);
        }
        let start = match join.read.take() {
            Some(Read::Page(start)) => Some(start),
            Some(Read::Live(reason)) => Some(Start { reason: Some(reason), ..Start::at(last) }),
            None => match (join.want, topic.stream.certainty()) {
                // Nobody is told that nothing was lost while that is being found out.
                (Want::Resume(_), Certainty::Asking) => return Some(Next::Wait),
                (Want::Resume(_), Certainty::Doubtful) => Some(Start { reason: Some(LossReason::Overload), ..Start::at(last) }),
                (want, _) => from_ring(want, &topic.stream, last),
            },
        };
        let Some(start) = start else {
            return Some(match join.want {
                Want::Resume(after) => Next::ReadAfter(after),
                want => beginning(want, &topic.topic, self.config.page_count, self.now.wall_ms).map_or(Next::Wait, Next::ReadBeginning),
            });
        };
        let more = match between(&topic.stream, start.end, last, id) {
            Between::Known(more) => more,
            Between::AtMost(more) if !own || start.finished || start.entries.len() >= COUNTED_MAX => more,
            // What comes between is found by catching up, which announces what it cannot get.
            Between::Unknown if start.finished || start.entries.len() >= COUNTED_MAX => 0,
            Between::AtMost(_) | Between::Unknown => {
                let end = start.end;
                join.read = Some(Read::Page(start));
                return Some(Next::ReadAfter(end));
            }
        };
        self.answer_when_present(slot, index, start, id, more)
    }

    fn answer_when_present(&mut self, slot: u32, index: u32, start: Start, id: ConnectionId, more: usize) -> Option<Next> {
        let ready = self.join_presence_ready(slot, index);
        let Some(Progress::Joining(join)) = self.progress.get_mut(&(slot, index)) else { return None };
        if !ready {
            // Only what was read is kept; the ring is looked at again.
            join.read = match start.reason {
                Some(reason) if start.is_live => Some(Read::Live(reason)),
                _ if start.is_live || start.from_ring => None,
                _ => Some(Read::Page(start)),
            };
            return Some(Next::Wait);
        }
        let replay = start.entries.iter().filter(|entry| entry.publication.origin != Some(id)).count() + more;
        Some(Next::Answer(start, replay))
    }

    /// The page that a rewind or a cache channel begins with.
    pub(crate) fn beginning_page(&mut self, topic: TopicRef, handle: Handle, page: Option<&HistoryPage>) {
        let Some(index) = self.topics.resolve(topic) else { return };
        let Some(slot) = self.connections.slot(handle) else { return };
        let entries = page.map_or_else(Vec::new, |page| self.entries(page));
        let Some(Progress::Joining(join)) = self.progress.get(&(slot, index)) else { return };
        if !matches!(join.want, Want::Resume(_)) && join.read.is_none() {
            self.take_join_page(slot, index, page, &entries);
        }
    }

    /// A page of what came after a position.
    pub(super) fn join_page(&mut self, slot: u32, index: u32, after: Position, page: Option<&HistoryPage>, entries: &[Arc<Entry>]) {
        let Some(Progress::Joining(join)) = self.progress.get(&(slot, index)) else { return };
        let asked = match (&join.read, join.want) {
            (Some(Read::Page(start)), _) => Some(start.end),
            (None, Want::Resume(position)) => Some(position),
            _ => None,
        };
        if asked == Some(after) {
            self.take_join_page(slot, index, page, entries);
        }
    }

    fn take_join_page(&mut self, slot: u32, index: u32, page: Option<&HistoryPage>, entries: &[Arc<Entry>]) {
        let Some(Progress::Joining(join)) = self.progress.get_mut(&(slot, index)) else { return };
        if !std::mem::take(&mut join.reading) {
            return;
        }
        join.read = Some(match (join.read.take(), page) {
            (_, None) => Read::Live(LossReason::Overload),
            (Some(Read::Page(start)), Some(page)) if page.continuity == Continuity::Complete => Read::Page(extend(start, page, entries)),
            // The first page, or something was lost in between: what was read before the loss is no part of the answer.
            (read, Some(page)) => first_page(join.want, page, entries, read.is_some()),
        });
        self.join(slot, index);
    }

    /// The broker could not attach: native clients are told and may try again, Pusher clients wait, because their library would not.
    pub(crate) fn refuse_joins(&mut self, index: u32) {
        let Some(audience) = self.topics.get(index).and_then(|topic| topic.messages()) else { return };
        if self.topics.get(index).is_some_and(|topic| topic.stream.last().is_some()) {
            return;
        }
        let joining = audience.subscribers.iter().filter(|subscriber| subscriber.stage == Stage::Joining && !subscriber.pusher);
        for slot in joining.map(|subscriber| subscriber.slot).collect::<Vec<_>>() {
            self.refuse_join(slot, index, &unavailable());
        }
    }

    fn answer_join(&mut self, slot: u32, index: u32, start: Start, replay: usize) {
        let Some(Progress::Joining(join)) = self.progress.remove(&(slot, index)) else { return };
        self.set_stage(slot, index, Stage::CatchingUp);
        match join.replier {
            Replier::Pusher => {
                let cache_missed = join.want == Want::Cached && start.entries.is_empty();
                self.pusher_subscribed(slot, index, cache_missed);
            }
            Replier::Native(requests) => {
                let subscribed = Subscribed {
                    position: start.position,
                    recovered: matches!(join.want, Want::Resume(_)) && start.reason.is_none(),
                    replay: replay as u32,
                    // Only who resumes was promised anything.
                    reason: start.reason.filter(|_| matches!(join.want, Want::Resume(_))),
                    presence: None,
                };
                self.native_subscribed(slot, index, &requests, subscribed);
            }
        }
        if self.stage(slot, index).is_none() {
            return;
        }
        self.count_joined(index);
        let cursor = if start.entries.is_empty() { start.end } else { start.position };
        let asked_again = matches!(join.want, Want::Resume(_) | Want::RewindCount(_) | Want::RewindSince(_));
        let live = self.topics.get(index).and_then(|topic| topic.stream.last());
        let replay_to = if asked_again { live.max(Some(start.end)) } else { None };
        let catch_up = match join.want {
            Want::Cached => CatchUp::cached(start.entries, start.end),
            _ => CatchUp::new(cursor, start.entries, replay_to),
        };
        self.progress.insert((slot, index), Progress::CatchingUp(Box::new(catch_up)));
        self.catch_up(slot, index);
    }
}
