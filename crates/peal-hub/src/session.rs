//! What a connection speaks and how far it has come: opening, open, over. The protocols are in the modules below; here is what they
//! share, how a connection begins and how it ends.

pub(crate) mod native;
pub(crate) mod pusher;

use peal_core::id::Place;
use peal_core::{ConnectionId, ErrorCode, MessageId, Refusal};
use peal_wire::ws::{self, Opcode};
use rand::Rng;

use crate::connection::Urgency;
use crate::event::{Handle, Incoming, Open, Protocol};
use crate::hub::Hub;
use crate::queue::Closing;
use crate::totals::Ending;
use native::{NativeOpening, NativeSession};
use pusher::{PusherOpening, PusherSession};

#[derive(Debug)]
pub(crate) enum Session {
    /// The key is being looked up.
    PusherOpening(Box<PusherOpening>),
    Pusher(Box<PusherSession>),
    /// No `connect` has succeeded.
    NativeOpening(Box<NativeOpening>),
    Native(Box<NativeSession>),
    /// Closing: nothing is received and nothing sent but what is queued.
    Over,
}

/// How a connection ends, as its presence members are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// It may be back in a moment: members stay for their grace.
    Lost,
    /// It said good-bye, or was told to go: members leave at once.
    Clean,
}

/// A client that is being developed sends some; a flood of them is an attack or a loop.
const BAD_FRAMES_PER_SECOND: u32 = 100;

/// Codes with which Pusher clients return at once; an error event before them would only alarm the page.
const PUSHER_RETRY_NOW: std::ops::Range<u16> = 4200..4300;

impl Hub {
    /// A WebSocket is upgraded. The connection exists even if it is refused: its queue holds the refusal and a close frame.
    pub fn open(&mut self, now: peal_core::Now, open: Open) -> Handle {
        self.now = now;
        let Handle { slot, generation } = self.connections.vacant();
        let place = Place { node: self.config.node, core: self.config.core, slot, generation };
        let id = ConnectionId::new(place, self.rng.next_u64());
        let deadline_ms = now.mono_ms + self.config.auth_timeout_ms;
        let is_pusher = matches!(open.protocol, Protocol::Pusher { .. });
        let session = match open.protocol {
            Protocol::Pusher { key, version } => {
                Session::PusherOpening(Box::new(PusherOpening { key, version, origin: open.origin, deadline_ms }))
            }
            Protocol::Native => {
                Session::NativeOpening(Box::new(NativeOpening { origin: open.origin, deadline_ms, received: 0, waiting: None }))
            }
        };
        let handle = self.connections.insert(id, is_pusher, session, now.mono_ms);
        // Upgraded just before the drain began, it would otherwise miss its turn.
        let refusal = open.refusal.or_else(|| self.draining.then(|| Refusal::of(ErrorCode::ShuttingDown)));
        match refusal {
            Some(refusal) => self.close(slot, &refusal, Farewell::Clean),
            None if is_pusher => self.pusher_open(slot, false),
            None => {}
        }
        self.arm_connection(slot);
        handle
    }

    /// The directory was loaded again for a connection that had named an unknown key.
    pub fn directory_refreshed(&mut self, now: peal_core::Now, handle: Handle) {
        self.now = now;
        let Some(slot) = self.connections.slot(handle) else { return };
        match self.connections.get(slot).map(|connection| &connection.session) {
            Some(Session::PusherOpening(_)) => self.pusher_open(slot, true),
            Some(Session::NativeOpening(_)) => self.native_connect_again(slot),
            _ => {}
        }
    }

    pub(crate) fn incoming(&mut self, slot: u32, incoming: Incoming<'_>) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        if connection.is_over() {
            return;
        }
        connection.heard_ms = self.now.mono_ms;
        connection.pinged_ms = 0;
        let is_pusher = connection.pusher;
        match incoming {
            Incoming::Text(text) if is_pusher => self.pusher_text(slot, text),
            Incoming::Text(text) => self.native_text(slot, text),
            Incoming::Binary(_) => self.bad_frame(slot, &Refusal::of(ErrorCode::BinaryFrame)),
            Incoming::Ping(payload) if payload.len() <= 125 => self.push(slot, ws::encode_frame(Opcode::Pong, payload)),
            Incoming::Ping(_) | Incoming::Pong => {}
            Incoming::Close(code) => {
                // A native client's `close()` says 1000; a page that goes away says 1001 and may be back in a moment.
                let farewell = if is_pusher || code == Some(1000) { Farewell::Clean } else { Farewell::Lost };
                self.finish(slot, code.unwrap_or(1000), "", farewell, None);
            }
            Incoming::Violation { close, code, reason } => {
                if code == ErrorCode::FrameTooLarge {
                    self.push(slot, self.error_frame(slot, &self.too_large(slot)));
                }
                self.totals.refuse(code);
                self.finish(slot, close, reason, Farewell::Lost, Some(code));
            }
        }
    }

    /// Tells the client that a frame could not be understood. Refusing costs work too, so there is an end to it.
    pub(crate) fn bad_frame(&mut self, slot: u32, refusal: &Refusal) {
        let now_ms = self.now.mono_ms;
        let Some(connection) = self.connections.get_mut(slot) else { return };
        match connection.refused.take(now_ms, BAD_FRAMES_PER_SECOND) {
            Ok(()) => self.push_error(slot, refusal),
            Err(_) => self.close(slot, &Refusal::of(ErrorCode::TooManyErrors), Farewell::Lost),
        }
    }

    /// What is said of a message beyond what the codec accepts at this moment.
    fn too_large(&self, slot: u32) -> Refusal {
        let limit = self.connections.handle(slot).map_or(0, |handle| self.message_bytes_max(handle)) as u64;
        let opening = matches!(self.connections.get(slot).map(|connection| &connection.session), Some(Session::NativeOpening(_)));
        let advice =
            if opening { "before connect; use a smaller token, and channel tokens for single channels" } else { "on this connection" };
        Refusal::new(ErrorCode::FrameTooLarge, format!("A message may have {limit} bytes {advice}.")).with_limit(limit, limit + 1)
    }

    /// Tells the client about an error that is no answer to a request.
    pub(crate) fn push_error(&mut self, slot: u32, refusal: &Refusal) {
        self.totals.refuse(refusal.code);
        self.push(slot, self.error_frame(slot, refusal));
    }

    fn error_frame(&self, slot: u32, refusal: &Refusal) -> bytes::Bytes {
        let is_pusher = self.connections.get(slot).is_some_and(|connection| connection.pusher);
        if is_pusher { peal_wire::pusher::encode_error(refusal) } else { peal_wire::native::encode_error(refusal) }
    }

    /// Ends a connection with a reason that the client can show and a code that says what to do next.
    pub(crate) fn close(&mut self, slot: u32, refusal: &Refusal, farewell: Farewell) {
        let Some(connection) = self.connections.get(slot) else { return };
        if connection.is_over() {
            return;
        }
        let code = if connection.pusher { pusher_close_code(refusal.code) } else { refusal.code.info().close };
        self.totals.refuse(refusal.code);
        // Whoever was told when to come back has no error to show.
        let said_goaway = !connection.pusher && refusal.code == ErrorCode::ShuttingDown && connection.drain_ms != u64::MAX;
        if !(said_goaway || connection.pusher && PUSHER_RETRY_NOW.contains(&code)) {
            self.push(slot, self.error_frame(slot, refusal));
        }
        self.finish(slot, code, &refusal.detail, farewell, Some(refusal.code));
    }

    /// Sends a close frame and lets the connection go; the shell shuts the socket once the queue is written.
    pub(crate) fn finish(&mut self, slot: u32, code: u16, reason: &str, farewell: Farewell, why: Option<ErrorCode>) {
        if self.connections.get(slot).is_none_or(|connection| connection.is_over()) {
            return;
        }
        self.let_go(slot, farewell, Ending::of(why));
        let clock = self.write_clock();
        let frame = ws::encode_close(code, reason);
        self.connections.push(slot, frame, crate::usage::Weight::Nothing, Urgency::Prompt, clock, &mut self.timers);
        self.begin_closing(slot, code, why, self.config.close_deadline_ms);
    }

    /// Closes a connection that does not take what it is sent. A close frame would only wait behind the rest, so the socket is cut soon.
    pub(crate) fn cut_slow(&mut self, slot: u32) {
        let code = ErrorCode::SlowConsumer;
        let Some(connection) = self.connections.get(slot) else { return };
        let close = if connection.pusher { pusher_close_code(code) } else { code.info().close };
        self.totals.refuse(code);
        self.finish(slot, close, code.info().text, Farewell::Lost, Some(code));
    }

    fn begin_closing(&mut self, slot: u32, code: u16, why: Option<ErrorCode>, within_ms: u64) {
        let deadline_ms = self.now.mono_ms + within_ms;
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.queue.close_after_flush(Closing { deadline_ms, code, why });
        self.timers.arm(crate::timer::Owner::Connection(slot), &mut connection.timer, None);
        self.connections.mark_dirty(slot);
    }

    /// Takes everything from a connection but its queue: subscriptions, members, its place in the indexes, its timer.
    pub(crate) fn let_go(&mut self, slot: u32, farewell: Farewell, ending: Ending) {
        self.tab_close(slot);
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let session = std::mem::replace(&mut connection.session, Session::Over);
        self.totals.close(&session, ending);
        self.timers.arm(crate::timer::Owner::Connection(slot), &mut connection.timer, None);
        for topic in connection.subs.iter().map(|sub| sub.topic).collect::<Vec<_>>() {
            self.unsubscribe(slot, topic);
        }
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let app = connection.app.take();
        match session {
            Session::Pusher(session) => {
                if let (Some(entry), Some(user)) = (app.and_then(|app| self.apps.get_mut(&app)), &session.user) {
                    crate::apps::index(&mut entry.users, &user.user_id, slot, false);
                }
                if let (Some(app), Some(watchlist)) = (app, session.watchlist) {
                    self.watchlist_end(slot, app, *watchlist);
                }
                self.members_end(&session.members, farewell);
            }
            Session::Native(session) => {
                if let (Some(entry), Some(client)) = (app.and_then(|app| self.apps.get_mut(&app)), session.authority.client_id()) {
                    crate::apps::index(&mut entry.clients, client, slot, false);
                }
                self.members_end(&session.members, farewell);
            }
            Session::PusherOpening(_) | Session::NativeOpening(_) | Session::Over => {}
        }
        if let Some(app) = app {
            self.app_leave(slot, app);
        }
    }

    /// Ends one subscription on both sides. Answers what was in progress.
    pub(crate) fn unsubscribe(&mut self, slot: u32, topic: u32) -> Option<crate::delivery::Progress> {
        self.watch_end(slot, topic);
        // Nobody else may get these answers, least of all whoever has this slot next.
        self.watch_replies.remove(&(slot, topic));
        let connection = self.connections.get_mut(slot)?;
        let place = connection.subs.iter().position(|sub| sub.topic == topic)?;
        let at = connection.subs[place].at;
        let progress = self.subscriber_remove(slot, topic, at);
        let connection = self.connections.get_mut(slot)?;
        connection.subs.swap_remove(place);
        if connection.subs.is_empty() {
            connection.subs = Vec::new();
        }
        progress
    }

    /// A message id for a publisher who gave none: UUIDv7.
    pub(crate) fn message_id(&mut self) -> Result<MessageId, Refusal> {
        let mut random = [0; 10];
        self.rng.fill_bytes(&mut random);
        let id = uuid::Builder::from_unix_timestamp_millis(self.now.wall_ms, &random).into_uuid();
        id.to_string().parse().map_err(|_| Refusal::of(ErrorCode::Internal))
    }

    /// Presence members of an open connection, by key in the hub's table.
    pub(crate) fn members_of(&mut self, slot: u32) -> Option<&mut Vec<u32>> {
        match &mut self.connections.get_mut(slot)?.session {
            Session::Pusher(session) => Some(&mut session.members),
            Session::Native(session) => Some(&mut session.members),
            Session::PusherOpening(_) | Session::NativeOpening(_) | Session::Over => None,
        }
    }
}

/// Never a code that strands the client: 43xx are for error events only.
fn pusher_close_code(code: ErrorCode) -> u16 {
    code.info().pusher.filter(|code| *code < 4300).unwrap_or(4100)
}
