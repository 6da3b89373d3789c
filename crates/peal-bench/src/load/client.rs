//! The sockets of a load process and the loop that serves them.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use socket2::{Domain, Socket, Type};

use super::publisher::{Plan, Publisher};
use super::subscriber::{Reaction, Stage, Subscriber};
use crate::histogram::Histogram;
use crate::poller::Poller;
use crate::sequence::Faults;
use crate::sign::Signer;
use crate::wire;

const READ_BUFFER: usize = 256 * 1024;
const EVENTS: usize = 256;
/// A request that the kernel does not take within this time is a failure.
const WRITE_WITHIN: Duration = Duration::from_secs(5);
/// Source addresses, so that closed connections do not use up the ports of one.
const SOURCES: usize = 200;

#[derive(Debug)]
struct Peer {
    stream: TcpStream,
    /// The beginning of a message whose end has not arrived.
    partial: Vec<u8>,
    role: Role,
}

#[derive(Debug)]
enum Role {
    Subscriber(Subscriber),
    Publisher(Publisher),
}

/// Counts since the start; differences of them are what is reported.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) opened: usize,
    pub(super) subscribed: usize,
    /// Connections that were closed by us and are gone.
    pub(super) closed: usize,
    pub(super) received: u64,
    /// Events of publishes that were answered.
    pub(super) published: u64,
    /// Publishes beyond a rate that were refused.
    pub(super) refused: u64,
    pub(super) pongs: u64,
}

/// What happens by itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Habits {
    /// Publishers send.
    pub(super) publish: bool,
    /// Latencies are recorded.
    pub(super) record: bool,
    /// Whoever has subscribed closes.
    pub(super) close: bool,
}

pub(super) struct Client {
    addr: SocketAddr,
    poller: Poller,
    peers: Vec<Option<Peer>>,
    vacant: Vec<usize>,
    publishers: Vec<usize>,
    buffer: Vec<u8>,
    request: Vec<u8>,
    signer: Signer,
    begin: Instant,
    begin_s: u64,
    pub(super) habits: Habits,
    pub(super) counts: Counts,
    pub(super) faults: Faults,
    pub(super) latencies: Histogram,
}

impl Client {
    pub(super) fn new(addr: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            addr,
            poller: Poller::new(EVENTS)?,
            peers: Vec::new(),
            vacant: Vec::new(),
            publishers: Vec::new(),
            buffer: vec![0; READ_BUFFER],
            request: Vec::new(),
            signer: Signer::new(),
            begin: Instant::now(),
            begin_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            habits: Habits::default(),
            counts: Counts::default(),
            faults: Faults::default(),
            latencies: Histogram::default(),
        })
    }

    fn now_ns(&self) -> u64 {
        self.begin.elapsed().as_nanos() as u64
    }

    /// Connects a subscriber; what follows happens in [`Self::round`].
    pub(super) fn open(&mut self, channel: String) -> io::Result<()> {
        self.open_as(0, true, channel)
    }

    /// As [`Self::open`], for a tenant; `timed` if its latencies are to be recorded.
    pub(super) fn open_as(&mut self, tenant: u64, timed: bool, channel: String) -> io::Result<()> {
        let stream = self.connect()?;
        write_all(&stream, &Subscriber::handshake(tenant))?;
        let mut subscriber = Subscriber::new(channel);
        subscriber.timed = timed;
        self.add(stream, Role::Subscriber(subscriber))?;
        Ok(())
    }

    pub(super) fn add_publisher(&mut self, plan: Plan) -> io::Result<()> {
        let stream = self.connect()?;
        let publisher = Publisher::new(self.publishers.len(), plan);
        let slot = self.add(stream, Role::Publisher(publisher))?;
        self.publishers.push(slot);
        Ok(())
    }

    /// On loopback a connection is there when `connect` returns.
    fn connect(&mut self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.addr), Type::STREAM, None)?;
        if self.addr.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
            let source = Ipv4Addr::new(127, 0, 1, 1 + (self.counts.opened % SOURCES) as u8);
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        self.counts.opened += 1;
        socket.connect(&self.addr.into())?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        Ok(socket.into())
    }

    fn add(&mut self, stream: TcpStream, role: Role) -> io::Result<usize> {
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.peers.push(None);
            self.peers.len() - 1
        });
        self.poller.add(&stream, slot as u64)?;
        self.peers[slot] = Some(Peer { stream, partial: Vec::new(), role });
        Ok(slot)
    }

    /// Waits for sockets, at most this long, and serves those that are ready.
    pub(super) fn round(&mut self, at_most: Duration) -> io::Result<()> {
        for index in 0..self.poller.wait(Some(at_most))? {
            let slot = self.poller.ready(index).token as usize;
            self.read(slot)?;
        }
        Ok(())
    }

    fn read(&mut self, slot: usize) -> io::Result<()> {
        let now_ns = self.now_ns();
        let Self { peers, buffer, faults, counts, habits, latencies, .. } = self;
        let Some(peer) = peers[slot].as_mut() else { return Ok(()) };
        let count = match peer.stream.read(buffer) {
            Ok(0) => return self.ended(slot),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(_) => return self.ended(slot),
        };
        let bytes = if peer.partial.is_empty() {
            &buffer[..count]
        } else {
            peer.partial.extend_from_slice(&buffer[..count]);
            &peer.partial[..]
        };
        let used = match &mut peer.role {
            Role::Subscriber(subscriber) => {
                let mut written = Ok(());
                let (mut subscribed, timed) = (false, subscriber.timed);
                let used = subscriber.take(bytes, faults, |reaction| match reaction {
                    Reaction::Nothing => {}
                    Reaction::Pong => counts.pongs += 1,
                    Reaction::Send(frame) => written = write_all(&peer.stream, &frame),
                    Reaction::Subscribed => subscribed = true,
                    Reaction::Message(payload) => {
                        counts.received += 1;
                        if habits.record && timed {
                            latencies.record(now_ns.saturating_sub(payload.sent_ns));
                        }
                    }
                });
                if subscribed {
                    counts.subscribed += 1;
                    if habits.close {
                        subscriber.stage = Stage::Closing;
                        written = write_all(&peer.stream, &wire::masked(wire::CLOSE, &1000_u16.to_be_bytes()));
                    }
                }
                used.filter(|_| written.is_ok())
            }
            Role::Publisher(publisher) => wire::answer(bytes).map_or(Some(0), |(status, size)| {
                match publisher.answered(status) {
                    true if status == 200 => counts.published += publisher.batch(),
                    true => counts.refused += 1,
                    false => faults.refused += 1,
                }
                Some(size)
            }),
        };
        let Some(used) = used else { return self.ended(slot) };
        let rest = bytes[used..].to_vec();
        let is_publisher = matches!(peer.role, Role::Publisher(_));
        peer.partial = rest;
        if is_publisher { self.publish_if_due(slot) } else { Ok(()) }
    }

    /// Lets every publisher whose time has come send. Needed to begin, and for paced ones.
    pub(super) fn publish_due(&mut self) -> io::Result<()> {
        for index in 0..self.publishers.len() {
            self.publish_if_due(self.publishers[index])?;
        }
        Ok(())
    }

    fn publish_if_due(&mut self, slot: usize) -> io::Result<()> {
        let now_ns = self.now_ns();
        let Some(Peer { stream, role: Role::Publisher(publisher), .. }) = self.peers[slot].as_mut() else { return Ok(()) };
        if self.habits.publish && publisher.is_due(now_ns) {
            publisher.request(&self.signer, now_ns, self.begin_s, &mut self.request);
            write_all(stream, &self.request)?;
        }
        Ok(())
    }

    fn ended(&mut self, slot: usize) -> io::Result<()> {
        let Some(peer) = self.peers[slot].take() else { return Ok(()) };
        self.vacant.push(slot);
        match peer.role {
            Role::Subscriber(subscriber) if subscriber.stage == Stage::Closing => self.counts.closed += 1,
            Role::Subscriber(_) => self.faults.dropped += 1,
            // Nothing can be measured without it.
            Role::Publisher(_) => return Err(io::Error::other("the server closed a publisher's connection")),
        }
        Ok(())
    }

    /// Sends a frame over every subscriber's connection.
    pub(super) fn send_to_server(&self, frame: &[u8]) -> io::Result<()> {
        self.peers
            .iter()
            .flatten()
            .filter(|peer| matches!(peer.role, Role::Subscriber(_)))
            .try_for_each(|peer| write_all(&peer.stream, frame))
    }

    fn of_publishers(&self) -> impl Iterator<Item = &Publisher> {
        self.peers.iter().flatten().filter_map(|peer| match &peer.role {
            Role::Publisher(publisher) => Some(publisher),
            Role::Subscriber(_) => None,
        })
    }

    fn of_subscribers(&self) -> impl Iterator<Item = &Subscriber> {
        self.peers.iter().flatten().filter_map(|peer| match &peer.role {
            Role::Subscriber(subscriber) => Some(subscriber),
            Role::Publisher(_) => None,
        })
    }

    pub(super) fn is_awaiting(&self) -> bool {
        self.of_publishers().any(|publisher| publisher.awaiting)
    }

    /// Deliveries that were sent to somebody who is subscribed and have not arrived, over all connections.
    pub(super) fn unseen(&self) -> u64 {
        let mut sent: HashMap<&str, Vec<(usize, u64)>> = HashMap::new();
        for publisher in self.of_publishers() {
            for (channel, count) in publisher.totals() {
                sent.entry(channel).or_default().push((publisher.id(), count));
            }
        }
        let unseen_by = |subscriber: &Subscriber| -> u64 {
            let sent = sent.get(subscriber.channel.as_str()).map_or(&[][..], Vec::as_slice);
            sent.iter().map(|(publisher, count)| subscriber.unseen(*publisher, *count)).sum()
        };
        self.of_subscribers().map(unseen_by).sum()
    }
}

/// Frames and requests are far smaller than the kernel's buffer, so waiting for room is the exception and may spin.
fn write_all(mut stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    let mut began = None;
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if began.get_or_insert_with(Instant::now).elapsed() > WRITE_WITHIN {
                    return Err(io::Error::new(ErrorKind::TimedOut, "the server does not read"));
                }
                std::thread::yield_now();
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
