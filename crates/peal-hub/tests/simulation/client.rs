//! What a native and a Pusher client have in common: a transport that may stall or vanish, and a view of each channel.

mod frames;
mod native;
mod pusher;

use peal_core::{ChannelName, ConnectionId, Topic};
use peal_hub::{Handle, Open, Protocol};

use crate::app;
use crate::broker::{Log, Members, ModelBroker};
use crate::profile::Profile;
use crate::rng::Rng;
use crate::roster::Roster;
use crate::view::{For, View};
use frames::{Frame, Frames};
use native::Native;
use pusher::Pusher;

/// What a client wants to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Out {
    Text(String),
    Pong,
    /// Ends the transport: politely after a close frame, without a word otherwise.
    Hangup,
}

/// What a client may look at and use while it acts.
pub(crate) struct Ctx<'a> {
    pub(crate) now_ms: u64,
    pub(crate) broker: &'a ModelBroker,
    pub(crate) channels: &'a [ChannelName],
    pub(crate) profile: &'a Profile,
    pub(crate) rng: &'a mut Rng,
    /// Counts everything published, so that each has a text of its own.
    pub(crate) texts: &'a mut u64,
    /// When the hub of this client last missed something from the broker: it cannot know better than what it was sent.
    pub(crate) hub_missed_ms: Option<u64>,
    /// The faults are over: get everything and lose nothing.
    pub(crate) healing: bool,
}

impl Ctx<'_> {
    pub(crate) fn topic(&self, channel: usize) -> Topic {
        Topic::messages(app::app_id(), self.channels[channel].clone())
    }

    fn members(&self, channel: usize) -> &Members {
        static NOBODY: std::sync::LazyLock<Members> = std::sync::LazyLock::new(Members::default);
        let topic = Topic::presence(app::app_id(), self.channels[channel].clone());
        self.broker.log(&topic).map_or(&NOBODY, |log| &log.members)
    }

    fn log(&self, channel: usize) -> &Log {
        static EMPTY: std::sync::LazyLock<Log> = std::sync::LazyLock::new(Log::default);
        self.broker.log(&self.topic(channel)).unwrap_or(&EMPTY)
    }

    fn truth(&self, channel: usize, connection: Option<ConnectionId>) -> For<'_> {
        For { log: self.log(channel), connection }
    }

    fn channel(&self, name: &str) -> Result<usize, String> {
        self.channels.iter().position(|channel| channel.as_str() == name).ok_or_else(|| format!("a push for the channel {name}"))
    }

    /// A text that was never published before: `m…` is kept, `e…` is not.
    fn fresh_text(&mut self, ephemeral: bool) -> String {
        *self.texts += 1;
        format!("{}{}", if ephemeral { 'e' } else { 'm' }, self.texts)
    }

    fn is_calm(&self) -> bool {
        self.profile.calm
    }
}

/// A transport that the client believes in.
#[derive(Debug)]
pub(crate) struct Link {
    /// Counts the client's connections, to tell late events of an older one.
    pub(crate) number: u32,
    pub(crate) hub: usize,
    /// Of the hub that accepted it.
    pub(crate) life: u32,
    pub(crate) handle: Handle,
    frames: Frames,
    /// Nothing overtakes on a connection: when the last thing sent either way arrives.
    pub(crate) up_ms: u64,
    pub(crate) down_ms: u64,
}

/// How far a subscription is, as the client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Held {
    #[default]
    Off,
    Asked,
    On,
    Leaving,
}

/// Whether it is a member itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Entered {
    #[default]
    No,
    Yes,
    /// Asked, and not told yet or told that it failed, which may be wrong.
    Unsure,
}

#[derive(Debug, Default)]
struct Channel {
    held: Held,
    view: View,
    /// What it was told of the members, if it asked for them.
    roster: Option<Roster>,
    entered: Entered,
}

#[derive(Debug)]
enum Peer {
    Native(Native),
    Pusher(Pusher),
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) link: Option<Link>,
    numbers: u32,
    /// Until then it reads nothing and answers nothing.
    pub(crate) stalled_until_ms: u64,
    peer: Peer,
    pub(crate) out: Vec<Out>,
}

impl Client {
    pub(crate) fn native(index: usize, channels: usize) -> Self {
        Self::new(Peer::Native(Native::new(index, channels)))
    }

    pub(crate) fn pusher(index: usize, channels: usize) -> Self {
        Self::new(Peer::Pusher(Pusher::new(index, channels)))
    }

    fn new(peer: Peer) -> Self {
        Self { link: None, numbers: 0, stalled_until_ms: 0, peer, out: Vec::new() }
    }

    pub(crate) fn open(&self) -> Open {
        let protocol = match &self.peer {
            Peer::Native(_) => Protocol::Native,
            Peer::Pusher(_) => Protocol::Pusher { key: app::KEY.into(), version: Some("7".into()) },
        };
        Open { protocol, origin: None, refusal: None }
    }

    /// The upgrade succeeded.
    pub(crate) fn connected(&mut self, (hub, life): (usize, u32), handle: Handle, now_ms: u64) -> u32 {
        self.numbers += 1;
        self.link = Some(Link { number: self.numbers, hub, life, handle, frames: Frames::default(), up_ms: now_ms, down_ms: now_ms });
        match &mut self.peer {
            Peer::Native(native) => native.connected(&mut self.out),
            // The server speaks first.
            Peer::Pusher(_) => {}
        }
        self.numbers
    }

    /// The transport is gone, by whose fault ever.
    pub(crate) fn disconnected(&mut self) {
        self.link = None;
        self.out.clear();
        match &mut self.peer {
            Peer::Native(native) => native.disconnected(),
            Peer::Pusher(pusher) => pusher.disconnected(),
        }
    }

    /// Bytes from the server.
    pub(crate) fn receive(&mut self, bytes: &[u8], ctx: &mut Ctx<'_>) -> Result<(), String> {
        let Some(link) = &mut self.link else { return Ok(()) };
        link.frames.push(bytes);
        while let Some(frame) = self.link.as_mut().map(|link| link.frames.next()).transpose()?.flatten() {
            match frame {
                Frame::Text(text) => match &mut self.peer {
                    Peer::Native(native) => native.receive(&text, ctx)?,
                    Peer::Pusher(pusher) => pusher.receive(&text, ctx, &mut self.out)?,
                },
                Frame::Ping => self.out.push(Out::Pong),
                Frame::Pong => {}
                Frame::Close(code) => {
                    if ctx.is_calm() {
                        return Err(format!("closed with {code:?} although all was well"));
                    }
                    self.out.push(Out::Hangup);
                }
            }
        }
        Ok(())
    }

    /// Does something, or nothing.
    pub(crate) fn act(&mut self, ctx: &mut Ctx<'_>) {
        if !ctx.healing && !ctx.is_calm() && ctx.rng.permille(15) {
            return self.out.push(Out::Hangup);
        }
        match &mut self.peer {
            Peer::Native(native) => native.act(ctx, &mut self.out),
            Peer::Pusher(pusher) => pusher.act(ctx, &mut self.out),
        }
    }

    /// Of a native client that has connected.
    pub(crate) fn client_id(&self) -> Option<&str> {
        match &self.peer {
            Peer::Native(native) => native.client_id(),
            Peer::Pusher(_) => None,
        }
    }

    /// Whether it is a member of the channel, and under which name.
    pub(crate) fn member(&self, channel: usize) -> (Entered, String) {
        match &self.peer {
            Peer::Native(native) => native.member(channel),
            Peer::Pusher(pusher) => pusher.member(channel),
        }
    }

    /// Whether it holds every channel and has received everything, at a time when nothing is under way.
    pub(crate) fn complete(&self, ctx: &Ctx<'_>) -> Result<(), String> {
        match &self.peer {
            Peer::Native(native) => native.complete(ctx),
            Peer::Pusher(pusher) => pusher.complete(ctx),
        }
    }
}
