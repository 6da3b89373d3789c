//! The floor: what serving the same traffic costs at the very least. One thread, one epoll loop, no protocol that is not needed.
//!
//! It accepts the same WebSockets on the Pusher path, checks one MD5 and one HMAC-SHA256 per publish, builds each frame once and writes
//! it to every subscriber, with the batching that Peal uses: up to [`FRAMES`] frames per write, and after a slice of connections a look
//! at what has arrived meanwhile. There are no limits, positions, histories, timers or metrics, so no server with features can be below
//! it, except by batching better.

mod connection;
mod request;

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use crate::poller::Poller;
use crate::sign::Signer;
use crate::wire;
use connection::Connection;
use request::Request;

/// Frames in one write.
const FRAMES: usize = 64;
/// Connections written between two looks at what has arrived.
const SLICE: usize = 256;
const READ_BUFFER: usize = 64 * 1024;
const EVENTS: usize = 256;
const LISTENER: u64 = u64::MAX;

struct Floor {
    poller: Poller,
    connections: Vec<Option<Connection>>,
    vacant: Vec<usize>,
    /// Subscribers by channel.
    channels: HashMap<Vec<u8>, Vec<usize>>,
    dirty: VecDeque<usize>,
    signer: Signer,
}

/// Serves until the process is ended. Says the address in one line when it listens.
///
/// # Errors
/// The address is taken, or epoll fails.
pub(crate) fn run(addr: SocketAddr) -> io::Result<()> {
    crate::machine::raise_file_limit()?;
    let listener = TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    let mut floor = Floor {
        poller: Poller::new(EVENTS)?,
        connections: Vec::new(),
        vacant: Vec::new(),
        channels: HashMap::new(),
        dirty: VecDeque::new(),
        signer: Signer::new(),
    };
    floor.poller.add(&listener, LISTENER)?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    let mut buffer = vec![0; READ_BUFFER];
    loop {
        let wait = if floor.dirty.is_empty() { None } else { Some(Duration::ZERO) };
        for index in 0..floor.poller.wait(wait)? {
            let ready = floor.poller.ready(index);
            if ready.token == LISTENER {
                floor.accept(&listener)?;
                continue;
            }
            let slot = ready.token as usize;
            if ready.readable {
                floor.read(slot, &mut buffer);
            }
            if ready.writable {
                floor.unblock(slot);
            }
        }
        for _ in 0..SLICE {
            let Some(slot) = floor.dirty.pop_front() else { break };
            floor.flush(slot);
        }
    }
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let slot = self.vacant.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            self.poller.add(&stream, slot as u64)?;
            self.connections[slot] = Some(Connection::new(stream));
        }
    }

    fn read(&mut self, slot: usize, buffer: &mut [u8]) {
        let Some(connection) = self.connections[slot].as_mut() else { return };
        let count = match connection.stream.read(buffer) {
            Ok(0) => return self.close(slot),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => return self.close(slot),
        };
        let mut partial = std::mem::take(&mut connection.partial);
        let rest = if partial.is_empty() {
            let used = self.take(slot, &mut buffer[..count]);
            buffer[used..count].to_vec()
        } else {
            partial.extend_from_slice(&buffer[..count]);
            let used = self.take(slot, &mut partial);
            partial.split_off(used)
        };
        if let Some(connection) = self.connections[slot].as_mut() {
            connection.partial = rest;
        }
    }

    /// Acts on every complete message and answers how many bytes those were.
    fn take(&mut self, slot: usize, bytes: &mut [u8]) -> usize {
        let mut used = 0;
        while let Some(connection) = self.connections[slot].as_ref() {
            let size =
                if connection.upgraded { self.take_frame(slot, &mut bytes[used..]) } else { self.take_request(slot, &bytes[used..]) };
            match size {
                Some(size) => used += size,
                None => break,
            }
        }
        used.min(bytes.len())
    }

    fn take_frame(&mut self, slot: usize, bytes: &mut [u8]) -> Option<usize> {
        let frame = wire::client_frame(bytes)?;
        let size = frame.size;
        match frame.opcode {
            wire::CLOSE => {
                if let Some(connection) = self.connections[slot].as_mut() {
                    // The client may have gone already.
                    let _ = connection.stream.write(&wire::unmasked(wire::CLOSE, frame.payload));
                }
                self.close(slot);
            }
            wire::TEXT => {
                if wire::find(frame.payload, br#""pusher:subscribe""#).is_some() {
                    if let Some(channel) = wire::quoted(frame.payload, br#""channel":""#) {
                        let channel = channel.to_vec();
                        self.subscribe(slot, channel);
                    }
                } else if wire::find(frame.payload, br#""pusher:ping""#).is_some() {
                    self.push(slot, wire::unmasked(wire::TEXT, br#"{"event":"pusher:pong","data":{}}"#).into());
                }
            }
            _ => {}
        }
        Some(size)
    }

    fn subscribe(&mut self, slot: usize, channel: Vec<u8>) {
        let mut answer = br#"{"event":"pusher_internal:subscription_succeeded","channel":""#.to_vec();
        answer.extend_from_slice(&channel);
        answer.extend_from_slice(br#"","data":"{}"}"#);
        self.push(slot, wire::unmasked(wire::TEXT, &answer).into());
        if let Some(connection) = self.connections[slot].as_mut() {
            connection.channels.push(channel.clone());
        }
        self.channels.entry(channel).or_default().push(slot);
    }

    fn take_request(&mut self, slot: usize, bytes: &[u8]) -> Option<usize> {
        let (request, size) = Request::read(bytes)?;
        let connection = self.connections[slot].as_mut()?;
        if let Some(key) = request.websocket_key {
            connection.upgraded = true;
            let accept = peal_wire::ws::accept_key(key.as_bytes());
            let mut answer = request::upgraded(&accept);
            answer.extend(wire::unmasked(wire::TEXT, request::ESTABLISHED));
            self.push(slot, answer.into());
            return Some(size);
        }
        let is_signed = self.signer.verify(request.target, request.body);
        let answer = if is_signed { request::OK } else { request::UNAUTHORIZED };
        // An answer is small and its reader waits for it.
        if connection.stream.write(answer).is_err() {
            self.close(slot);
        }
        if is_signed {
            for (channel, frame) in request::events(request.body) {
                self.publish(channel, &frame);
            }
        }
        Some(size)
    }

    fn publish(&mut self, channel: &[u8], frame: &Rc<[u8]>) {
        let Some(subscribers) = self.channels.get(channel) else { return };
        for slot in subscribers {
            if let Some(connection) = self.connections[*slot].as_mut()
                && connection.push(Rc::clone(frame))
            {
                self.dirty.push_back(*slot);
            }
        }
    }

    fn push(&mut self, slot: usize, frame: Rc<[u8]>) {
        if let Some(connection) = self.connections[slot].as_mut()
            && connection.push(frame)
        {
            self.dirty.push_back(slot);
        }
    }

    fn flush(&mut self, slot: usize) {
        let Some(connection) = self.connections[slot].as_mut() else { return };
        match connection.flush() {
            Ok(true) => {}
            Ok(false) => {
                if self.poller.watch_writable(&connection.stream, slot as u64, true).is_err() {
                    self.close(slot);
                }
            }
            Err(_) => self.close(slot),
        }
    }

    fn unblock(&mut self, slot: usize) {
        let Some(connection) = self.connections[slot].as_mut() else { return };
        connection.blocked = false;
        if self.poller.watch_writable(&connection.stream, slot as u64, false).is_err() {
            return self.close(slot);
        }
        self.flush(slot);
    }

    fn close(&mut self, slot: usize) {
        let Some(connection) = self.connections[slot].take() else { return };
        for channel in &connection.channels {
            if let Some(subscribers) = self.channels.get_mut(channel) {
                if let Some(at) = subscribers.iter().position(|other| *other == slot) {
                    subscribers.swap_remove(at);
                }
                if subscribers.is_empty() {
                    self.channels.remove(channel);
                }
            }
        }
        self.vacant.push(slot);
    }
}
