//! A process full of clients, and the handle that the storm has of such processes. The process writes where it stands as JSON lines; it
//! ends after it was told how many messages each channel got.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Args;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

use super::StormArgs;
use super::client::{Act, Client, Seen};
use crate::poller::Poller;

const READ_BUFFER: usize = 256 * 1024;
const EVENTS: usize = 256;
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Clients that are opened in one round, so that those who are open are served meanwhile.
const OPEN_AT_ONCE: usize = 64;
const STATUS_EVERY: Duration = Duration::from_millis(100);
/// Source addresses, so that closed connections do not use up the ports of one.
const SOURCES: usize = 200;

#[derive(Debug, Args)]
pub(crate) struct CrowdArgs {
    #[arg(long, value_delimiter = ',')]
    addrs: Vec<SocketAddr>,
    #[arg(long)]
    key: String,
    #[arg(long)]
    run: String,
    #[arg(long)]
    channels: usize,
    /// The number of the first client.
    #[arg(long)]
    first: usize,
    #[arg(long)]
    clients: usize,
}

/// Where a process stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Status {
    live: usize,
    seen: Seen,
    /// The last one: what never came is counted as lost.
    done: bool,
}

/// How many messages each channel got.
type Totals = BTreeMap<String, u64>;

pub(super) fn channel(run: &str, number: usize) -> String {
    format!("{run}.{number}")
}

// --- the process ----------------------------------------------------------------------------------------------------------------------

struct Peer {
    client: Client,
    stream: Option<TcpStream>,
    partial: Vec<u8>,
    /// Which address is next.
    address: usize,
    /// Tells timers of this connection from those of others.
    generation: u32,
    away_since: Option<Instant>,
}

struct Clients {
    args: CrowdArgs,
    poller: Poller,
    peers: Vec<Peer>,
    timers: BinaryHeap<Reverse<(Instant, usize, u32)>>,
    buffer: Vec<u8>,
    seen: Seen,
}

/// # Errors
/// The parent is gone, or the kernel gives no sockets.
pub(crate) fn run(args: CrowdArgs) -> io::Result<()> {
    crate::machine::raise_file_limit()?;
    let (sender, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // The end of the input is the end of the parent.
        let totals = io::stdin().lock().read_line(&mut line).ok().and_then(|_| serde_json::from_str::<Told>(&line).ok());
        let _ = sender.send(totals);
    });
    let mut clients = Clients::new(args)?;
    let mut status_at = Instant::now();
    let mut ending: Option<(Totals, Instant)> = None;
    loop {
        clients.round()?;
        match told.try_recv() {
            Ok(Some(Told { totals, within_ms })) => ending = Some((totals, Instant::now() + Duration::from_millis(within_ms))),
            Ok(None) => return Ok(()),
            Err(_) => {}
        }
        if let Some((totals, deadline)) = &ending
            && (clients.missing(totals) == 0 || Instant::now() > *deadline)
        {
            clients.seen.lost += clients.missing(totals);
            return clients.print(true);
        }
        if Instant::now() >= status_at {
            status_at = Instant::now() + STATUS_EVERY;
            clients.print(false)?;
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Told {
    totals: Totals,
    within_ms: u64,
}

impl Clients {
    fn new(args: CrowdArgs) -> io::Result<Self> {
        let now = Instant::now();
        let mut timers = BinaryHeap::new();
        let mut peers = Vec::new();
        for number in args.first..args.first + args.clients {
            timers.push(Reverse((now, peers.len(), 0)));
            peers.push(Peer {
                client: Client::new(channel(&args.run, number % args.channels)),
                stream: None,
                partial: Vec::new(),
                // Neighbours in a channel are on different edges.
                address: (number / args.channels) % args.addrs.len(),
                generation: 0,
                away_since: None,
            });
        }
        Ok(Self { args, poller: Poller::new(EVENTS)?, peers, timers, buffer: vec![0; READ_BUFFER], seen: Seen::default() })
    }

    fn round(&mut self) -> io::Result<()> {
        for _ in 0..OPEN_AT_ONCE {
            let now = Instant::now();
            let Some(Reverse((_, slot, generation))) = self.timers.peek().copied().filter(|Reverse((at, ..))| *at <= now) else { break };
            self.timers.pop();
            if self.peers[slot].generation == generation {
                self.timer(slot);
            }
        }
        let now = Instant::now();
        let wait = self.timers.peek().map_or(STATUS_EVERY, |Reverse((at, ..))| at.saturating_duration_since(now)).min(STATUS_EVERY);
        for index in 0..self.poller.wait(Some(wait))? {
            let slot = self.poller.ready(index).token as usize;
            self.read(slot);
        }
        Ok(())
    }

    /// Whoever is connected is to leave, whoever is not is to come.
    fn timer(&mut self, slot: usize) {
        if self.peers[slot].stream.is_some() {
            return self.lost(slot);
        }
        if self.open(slot).is_err() {
            self.lost(slot);
        }
    }

    fn open(&mut self, slot: usize) -> io::Result<()> {
        let addr = self.args.addrs[self.peers[slot].address % self.args.addrs.len()];
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        let source = Ipv4Addr::new(127, 0, 2, 1 + (slot % SOURCES) as u8);
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.connect_timeout(&addr.into(), CONNECT_WITHIN)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        let stream = TcpStream::from(socket);
        let peer = &mut self.peers[slot];
        (&stream).write_all(&peer.client.opened())?;
        self.poller.add(&stream, slot as u64)?;
        peer.partial.clear();
        peer.stream = Some(stream);
        Ok(())
    }

    /// Ends the connection, if there is one, and sets the time of the next attempt, at another address.
    fn lost(&mut self, slot: usize) {
        let peer = &mut self.peers[slot];
        peer.stream = None;
        peer.generation += 1;
        peer.address += 1;
        peer.away_since.get_or_insert_with(Instant::now);
        let wait = peer.client.closed(rand::rng().random());
        self.timers.push(Reverse((Instant::now() + wait, slot, peer.generation)));
    }

    fn read(&mut self, slot: usize) {
        let Self { peers, buffer, seen, args, .. } = self;
        let peer = &mut peers[slot];
        let Some(stream) = &mut peer.stream else { return };
        let count = match stream.read(buffer) {
            Ok(0) => return self.lost(slot),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => return self.lost(slot),
        };
        peer.partial.extend_from_slice(&buffer[..count]);
        let mut acts = Vec::new();
        let used = peer.client.take(&peer.partial, &args.key, rand::rng().random(), seen, &mut acts);
        peer.partial.drain(..used);
        if peer.partial.is_empty() {
            peer.partial = Vec::new();
        }
        if peer.client.is_live()
            && let Some(since) = peer.away_since.take()
        {
            seen.away_max_ms = seen.away_max_ms.max(since.elapsed().as_millis() as u64);
        }
        for act in acts {
            let peer = &mut self.peers[slot];
            let Some(stream) = &mut peer.stream else { return };
            match act {
                // Far smaller than the kernel's buffer.
                Act::Send(frame) if stream.write_all(&frame).is_ok() => {}
                Act::LeaveIn(wait) => self.timers.push(Reverse((Instant::now() + wait, slot, peer.generation))),
                Act::Send(_) | Act::End => return self.lost(slot),
            }
        }
    }

    /// Messages that have not arrived.
    fn missing(&self, totals: &Totals) -> u64 {
        self.peers.iter().map(|peer| totals.get(peer.client.channel()).map_or(0, |total| total.saturating_sub(peer.client.last))).sum()
    }

    fn print(&self, done: bool) -> io::Result<()> {
        let live = self.peers.iter().filter(|peer| peer.client.is_live()).count();
        let status = Status { live, seen: self.seen.clone(), done };
        writeln!(io::stdout(), "{}", serde_json::to_string(&status)?)
    }
}

// --- the storm's side -----------------------------------------------------------------------------------------------------------------

/// All processes with clients.
pub(super) struct Crowd(Vec<Member>);

struct Member {
    process: Child,
    clients: usize,
    statuses: mpsc::Receiver<Status>,
    last: Option<Status>,
}

impl Crowd {
    pub(super) fn start(args: &StormArgs, urls: &[String], key: &str, run: &str) -> io::Result<Self> {
        let addrs: Vec<&str> = urls.iter().map(|url| url.trim_start_matches("http://")).collect();
        let each = args.clients.div_ceil(args.processes);
        let members = (0..args.clients).step_by(each).map(|first| {
            let clients = each.min(args.clients - first);
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["storm-crowd", "--addrs", &addrs.join(","), "--key", key, "--run", run]);
            command.args(["--channels", &args.channels.to_string(), "--first", &first.to_string(), "--clients", &clients.to_string()]);
            let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            let lines = process.stdout.take().map(BufReader::new).ok_or_else(|| io::Error::other("a process without output"))?;
            // A few lines a second, read all the time.
            let (sender, statuses) = mpsc::channel();
            std::thread::spawn(move || {
                let read = lines.lines().map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok());
                read.take_while(|status: &Status| sender.send(status.clone()).is_ok()).for_each(drop);
            });
            Ok(Member { process, clients, statuses, last: None })
        });
        Ok(Self(members.collect::<io::Result<_>>()?))
    }

    /// What was said before counts no longer.
    pub(super) fn forget(&mut self) {
        for member in &mut self.0 {
            while member.statuses.try_recv().is_ok() {}
            member.last = None;
        }
    }

    /// Every client is subscribed.
    ///
    /// # Errors
    /// A process has ended.
    pub(super) fn all_live(&mut self) -> io::Result<bool> {
        self.0.iter_mut().try_for_each(Member::look)?;
        Ok(self.0.iter().all(|member| member.last.as_ref().is_some_and(|status| status.live == member.clients)))
    }

    /// Says how many messages there were, and answers what all clients saw once they have them, or have not within this time.
    pub(super) fn finish(mut self, totals: &Totals, at_most: Duration) -> io::Result<Seen> {
        let told = serde_json::to_string(&Told { totals: totals.clone(), within_ms: at_most.as_millis() as u64 })?;
        for member in &mut self.0 {
            if let Some(input) = &mut member.process.stdin {
                writeln!(input, "{told}")?;
            }
        }
        super::wait("every client says what it saw", at_most * 2, || {
            self.0.iter_mut().try_for_each(Member::look)?;
            Ok(self.0.iter().all(|member| member.last.as_ref().is_some_and(|status| status.done)))
        })?;
        let mut seen = Seen::default();
        self.0.iter().filter_map(|member| member.last.as_ref()).for_each(|status| seen.add(&status.seen));
        Ok(seen)
    }
}

impl Member {
    fn look(&mut self) -> io::Result<()> {
        loop {
            match self.statuses.try_recv() {
                Ok(status) => self.last = Some(status),
                Err(mpsc::TryRecvError::Empty) => return Ok(()),
                Err(mpsc::TryRecvError::Disconnected) if self.last.as_ref().is_some_and(|status| status.done) => return Ok(()),
                Err(mpsc::TryRecvError::Disconnected) => return Err(io::Error::other("a process with clients has ended")),
            }
        }
    }
}

impl Drop for Member {
    /// The end of its input ends it.
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
