//! Between the hubs and the clients: sockets that take bytes in parts or not at all, that break with or without a word, and what is under way when
//! they do.

use std::io::IoSlice;

use bytes::Bytes;
use peal_hub::{Handle, Incoming};

use super::{Event, Ghost, Node, Phase, Route, Sent, World};
use crate::client::Out;

/// A frame may be begun when the queue is at its bound, and no frame here is longer.
const FRAME_MAX: usize = 16 * 1024;

impl World {
    fn way(&mut self) -> u64 {
        if !self.profile.calm && self.phase == Phase::Busy && self.rng.permille(30) {
            self.rng.between(20, 800)
        } else {
            self.rng.between(1, 5)
        }
    }

    pub(super) fn connect(&mut self, client: usize) {
        let hub = self.rng.index(self.nodes.len());
        if !self.nodes[hub].up || self.nodes[hub].frozen_until_ms > self.now_ms {
            return;
        }
        let (now, open) = (self.now(hub), self.clients[client].open());
        let handle = self.nodes[hub].hub.open(now, open);
        let number = self.clients[client].connected((hub, self.nodes[hub].life), handle, self.now_ms);
        self.trace.note(self.now_ms, || format!("client {client} connects to hub {hub} as {handle:?}"));
        self.nodes[hub].routes.insert(handle, Route { client, number, ghost: None });
        self.settle(hub);
        self.send_out(client);
    }

    /// Sends what a client has put into its outbox.
    pub(super) fn send_out(&mut self, client: usize) {
        for out in std::mem::take(&mut self.clients[client].out) {
            let way = self.way();
            let Some(link) = &mut self.clients[client].link else { return };
            let (hub, life, handle) = (link.hub, link.life, link.handle);
            let sent = match out {
                Out::Text(text) => Sent::Text(text),
                Out::Pong => Sent::Pong,
                Out::Hangup => return self.hang_up(client),
            };
            let at = link.up_ms.max(self.now_ms + way);
            link.up_ms = at;
            self.schedule(at, Event::FromClient { hub, life, handle, sent });
        }
    }

    pub(super) fn hub_gets(&mut self, hub: usize, handle: Handle, sent: &Sent) {
        let now = self.now(hub);
        match sent {
            Sent::Text(text) => {
                self.trace.note(self.now_ms, || format!("hub {hub} gets from {handle:?} {text}"));
                self.nodes[hub].hub.receive(now, handle, Incoming::Text(text));
            }
            Sent::Pong => self.nodes[hub].hub.receive(now, handle, Incoming::Pong),
        }
        self.settle(hub);
    }

    /// The client's end of the transport is gone. The hub learns of it soon, late, or only by its own timeouts.
    pub(super) fn hang_up(&mut self, client: usize) {
        let Some(link) = self.clients[client].link.take() else { return };
        self.trace.note(self.now_ms, || format!("client {client} hangs up"));
        self.clients[client].disconnected();
        let delay = match self.rng.below(10) {
            0 if self.phase != Phase::Leaving => self.rng.between(1_000, 20_000),
            1 if self.phase != Phase::Leaving => 120_000,
            _ => self.rng.between(1, 20),
        };
        let ghost = *self.rng.pick(&[Ghost::Swallows, Ghost::Stuck]);
        let (hub, life, handle) = (link.hub, link.life, link.handle);
        if self.lives(hub, life)
            && let Some(route) = self.nodes[hub].routes.get_mut(&handle).filter(|route| route.number == link.number)
        {
            route.ghost = Some(ghost);
            self.schedule(self.now_ms + delay, Event::Gone { hub, life, handle });
        }
    }

    /// The hub's end of the transport is gone.
    pub(super) fn gone(&mut self, hub: usize, handle: Handle) {
        let Some(route) = self.nodes[hub].routes.remove(&handle) else { return };
        let now = self.now(hub);
        self.trace.note(self.now_ms, || format!("hub {hub} closes {handle:?} of client {}", route.client));
        self.member_is_lost(hub, handle, route.client);
        self.nodes[hub].hub.closed(now, handle);
        self.settle(hub);
        self.end_route(route);
    }

    /// What is under way still arrives, then the end.
    pub(super) fn end_route(&mut self, route: Route) {
        let Route { client, number, .. } = route;
        let at = self.clients[client].link.as_ref().filter(|link| link.number == number).map(|link| link.down_ms.max(self.now_ms + 1));
        if let Some(at) = at {
            self.schedule(at, Event::Eof { client, number });
        }
    }

    pub(super) fn schedule_flush(&mut self, hub: usize, handle: Handle, at_ms: u64) {
        let life = self.nodes[hub].life;
        if self.nodes[hub].flushing.insert(handle) {
            self.schedule(at_ms, Event::Flush { hub, life, handle });
        }
    }

    /// Writes what the socket takes, and closes it when the hub is done with it.
    pub(super) fn flush(&mut self, hub: usize, handle: Handle) {
        self.nodes[hub].flushing.remove(&handle);
        let (now_ms, hard) = (self.now_ms, self.profile.hub.queue_hard_bytes);
        let Some(route) = self.nodes[hub].routes.get(&handle).copied() else { return };
        let Some(queue) = self.nodes[hub].hub.queue(handle) else {
            return self.fail(format!("hub {hub} has forgotten {handle:?} before it was told that it is closed"));
        };
        if queue.bytes() > hard + FRAME_MAX {
            let bytes = queue.bytes();
            return self.fail(format!("hub {hub} queues {bytes} bytes for {handle:?}"));
        }
        let closing = queue.closing();
        let blocked_until = self.blocked_until(route);
        if closing.is_some_and(|closing| now_ms >= closing.deadline_ms) {
            return self.gone(hub, handle);
        }
        if let Some(until) = blocked_until {
            let until = closing.map_or(until, |closing| until.min(closing.deadline_ms));
            return self.schedule_flush(hub, handle, until);
        }
        let part = self.profile.partial_write > 0 && self.rng.permille(self.profile.partial_write);
        let trickles = self.profile.trickle && route.client == 0 && self.phase == Phase::Busy;
        let limit = if trickles {
            self.rng.between(20, 200) as usize
        } else if part {
            self.rng.between(1, 200) as usize
        } else {
            usize::MAX
        };
        let bytes = take(&mut self.nodes[hub], handle, limit);
        if !bytes.is_empty() {
            let now = self.now(hub);
            self.nodes[hub].hub.wrote(now, handle, bytes.len());
            self.send_to_client(route, bytes);
            self.settle(hub);
        }
        if self.phase == Phase::Busy && self.rng.permille(self.profile.stall) {
            self.clients[route.client].stalled_until_ms = now_ms + self.rng.between(50, 45_000);
        }
        match self.nodes[hub].hub.queue(handle).map(|queue| (queue.is_empty(), queue.closing())) {
            Some((true, Some(_))) => self.gone(hub, handle),
            Some((false, _)) => self.schedule_flush(hub, handle, now_ms + if trickles { 50 } else { 1 }),
            Some((true, None)) | None => {}
        }
    }

    /// The socket takes nothing before this time.
    fn blocked_until(&self, route: Route) -> Option<u64> {
        let stalled = self.clients[route.client].stalled_until_ms;
        match route.ghost {
            Some(Ghost::Swallows) => None,
            Some(Ghost::Stuck) => Some(self.now_ms + 5_000),
            None => (stalled > self.now_ms).then_some(stalled),
        }
    }

    fn send_to_client(&mut self, route: Route, bytes: Bytes) {
        let way = self.way();
        let Route { client, number, ghost } = route;
        let Some(link) = self.clients[client].link.as_mut().filter(|link| ghost.is_none() && link.number == number) else { return };
        let at = link.down_ms.max(self.now_ms + way);
        link.down_ms = at;
        self.schedule(at, Event::ToClient { client, number, bytes });
    }

    pub(super) fn client_gets(&mut self, client: usize, number: u32, bytes: &[u8]) {
        if self.clients[client].link.as_ref().is_none_or(|link| link.number != number) {
            return;
        }
        self.trace.note(self.now_ms, || format!("client {client} gets {}", printable(bytes)));
        self.with_client(client, |client, ctx| client.receive(bytes, ctx));
    }

    pub(super) fn eof(&mut self, client: usize, number: u32) {
        if self.clients[client].link.as_ref().is_some_and(|link| link.number == number) {
            self.trace.note(self.now_ms, || format!("client {client} sees the end of its connection"));
            self.clients[client].disconnected();
        }
    }
}

fn take(node: &mut Node, handle: Handle, limit: usize) -> Bytes {
    let Some(queue) = node.hub.queue(handle) else { return Bytes::new() };
    let mut slices = [IoSlice::new(&[]); 64];
    let filled = queue.slices(&mut slices);
    let mut bytes = Vec::new();
    for slice in &slices[..filled] {
        bytes.extend_from_slice(slice);
    }
    bytes.truncate(limit);
    bytes.into()
}

fn printable(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '·' }).collect()
}
