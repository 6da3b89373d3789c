//! The connections of one core: what each holds, and the slab they live in.
//!
//! A connection is small (its size is asserted): everything that few connections need is behind a box or in a table of the hub. Slots
//! are reused, so whatever outlives a call holds a [`Handle`], whose generation makes it harmless once its connection is gone.

use bytes::Bytes;
use peal_core::{AppId, ConnectionId};
use slab::Slab;

use crate::event::Handle;
use crate::fair::Fair;
use crate::queue::OutQueue;
use crate::rate::Rate;
use crate::session::Session;
use crate::timer::{Owner, Timers};
use crate::usage::{Tab, Weight};

/// No such entry, in the tables that are indexed by small integers.
pub(crate) const NONE: u32 = u32::MAX;

/// A connection's side of a subscription; the other side is [`crate::topic::Subscriber`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sub {
    /// The topic of the channel's messages, and where in its list this connection stands.
    pub(crate) topic: u32,
    pub(crate) at: u32,
    /// The topic of the channel's presence changes, or [`NONE`], and where in its list.
    pub(crate) watch: u32,
    pub(crate) watch_at: u32,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) generation: u16,
    /// It waits to be written, by [`Urgency`].
    dirty: [bool; 2],
    /// Which frames it gets.
    pub(crate) pusher: bool,
    /// Subscriptions that do not get what is live, because they join or catch up.
    pub(crate) unsettled: u32,
    pub(crate) app: Option<AppId>,
    pub(crate) tab: Tab,
    pub(crate) queue: OutQueue,
    pub(crate) session: Session,
    pub(crate) subs: Vec<Sub>,
    /// When the client was last heard, when it was last pinged since (0: not), and when it last took bytes.
    pub(crate) heard_ms: u64,
    pub(crate) pinged_ms: u64,
    pub(crate) progress_ms: u64,
    /// Frames that had to be refused.
    pub(crate) refused: Rate,
    pub(crate) timer: Option<u64>,
    /// When to close because the node is being replaced; `u64::MAX` if it is not.
    pub(crate) drain_ms: u64,
}

impl Connection {
    pub(crate) fn sub(&self, topic: u32) -> Option<&Sub> {
        self.subs.iter().find(|sub| sub.topic == topic)
    }

    pub(crate) fn sub_mut(&mut self, topic: u32) -> Option<&mut Sub> {
        self.subs.iter_mut().find(|sub| sub.topic == topic)
    }

    /// It gets nothing any more but what is queued.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.session, Session::Over)
    }
}

/// What a write costs beside its bytes.
pub(crate) const WRITE_COST: usize = peal_core::gate::DELIVERY_COST as usize;

/// Who is written first. Each has half of the writes while the other has some too: so replies, pings and small fan-outs wait for no large
/// one, and a flood of them does not stop the large ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    Prompt,
    Bulk,
}

/// What a push must know of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriteClock {
    pub(crate) now_ms: u64,
    pub(crate) write_deadline_ms: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Connections {
    slab: Slab<Connection>,
    /// By slot: the generation of the connection there, or of the last one.
    generations: Vec<u16>,
    /// By [`Urgency`]. A connection that is in both is written at the first, and passed over at the second.
    dirty: [Fair<Handle>; 2],
    bulk_next: bool,
}

impl Connections {
    /// Where the next connection will be.
    pub(crate) fn vacant(&self) -> Handle {
        let slot = self.slab.vacant_key();
        let generation = self.generations.get(slot).map_or(0, |last| last.wrapping_add(1));
        Handle { slot: slot as u32, generation }
    }

    pub(crate) fn insert(&mut self, id: ConnectionId, pusher: bool, session: Session, now_ms: u64) -> Handle {
        let handle = self.vacant();
        let slot = self.slab.insert(Connection {
            id,
            generation: handle.generation,
            dirty: [false; 2],
            pusher,
            unsettled: 0,
            app: None,
            tab: Tab::default(),
            queue: OutQueue::default(),
            session,
            subs: Vec::new(),
            heard_ms: now_ms,
            pinged_ms: 0,
            progress_ms: now_ms,
            refused: Rate::default(),
            timer: None,
            drain_ms: u64::MAX,
        });
        match self.generations.get_mut(slot) {
            Some(last) => *last = handle.generation,
            None => self.generations.push(handle.generation),
        }
        handle
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Connection> {
        self.slab.try_remove(slot as usize)
    }

    /// The slot of a connection that is still the one that was meant.
    pub(crate) fn slot(&self, handle: Handle) -> Option<u32> {
        self.get(handle.slot).filter(|connection| connection.generation == handle.generation).map(|_| handle.slot)
    }

    pub(crate) fn handle(&self, slot: u32) -> Option<Handle> {
        self.get(slot).map(|connection| Handle { slot, generation: connection.generation })
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Connection> {
        self.slab.get(slot as usize)
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Connection> {
        self.slab.get_mut(slot as usize)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Connection)> {
        self.slab.iter().map(|(slot, connection)| (slot as u32, connection))
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Queues a frame. An empty one is none.
    pub(crate) fn push(&mut self, slot: u32, frame: Bytes, weight: Weight, urgency: Urgency, clock: WriteClock, timers: &mut Timers) {
        let Some(connection) = self.slab.get_mut(slot as usize) else { return };
        if frame.is_empty() || connection.queue.closing().is_some() {
            return;
        }
        if connection.queue.is_empty() {
            connection.progress_ms = clock.now_ms;
            let due = clock.now_ms + clock.write_deadline_ms;
            if connection.timer.is_none_or(|at| at > due) {
                timers.arm(Owner::Connection(slot), &mut connection.timer, Some(due));
            }
        }
        connection.queue.push(frame, weight);
        // Who is written promptly takes along what has time.
        if !connection.dirty[Urgency::Prompt as usize] && !connection.dirty[urgency as usize] {
            self.dirty(slot, urgency);
        }
    }

    /// The shell must look at this connection although nothing was queued.
    pub(crate) fn mark_dirty(&mut self, slot: u32) {
        if self.get(slot).is_some_and(|connection| !connection.dirty[Urgency::Prompt as usize]) {
            self.dirty(slot, Urgency::Prompt);
        }
    }

    fn dirty(&mut self, slot: u32, urgency: Urgency) {
        let Some(connection) = self.slab.get_mut(slot as usize) else { return };
        connection.dirty[urgency as usize] = true;
        self.dirty[urgency as usize].push(connection.app, Handle { slot, generation: connection.generation });
    }

    /// How many wait to be written. Some may have been written meanwhile, or be gone.
    pub(crate) fn dirty_count(&self, urgency: Urgency) -> usize {
        self.dirty[urgency as usize].len()
    }

    pub(crate) fn next_dirty(&mut self, weight: impl Fn(AppId) -> u32) -> Option<Handle> {
        loop {
            let first = usize::from(self.bulk_next && self.dirty[Urgency::Bulk as usize].len() > 0);
            self.bulk_next = !self.bulk_next;
            let (urgency, (party, handle)) =
                [first, 1 - first].into_iter().find_map(|urgency| Some((urgency, self.dirty[urgency].take(&weight)?)))?;
            let Some(connection) = self.slab.get_mut(handle.slot as usize).filter(|found| found.generation == handle.generation) else {
                continue;
            };
            connection.dirty[urgency] = false;
            if !connection.queue.is_empty() || connection.queue.closing().is_some() {
                self.dirty[urgency].charge(party, WRITE_COST + connection.queue.bytes());
                return Some(handle);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Connection>() <= 256, "{} bytes", size_of::<Connection>());
        assert_eq!(size_of::<Sub>(), 16);
    }
}
