//! What happens by itself: pings and their time-outs, tokens and keys that expire, clients that do not authenticate or do not read, the
//! spread closing of a drain. A connection has one timer at the earliest of its deadlines; activity does not move it, so an early wake-up
//! finds that nothing is due and sets it again.

use peal_core::{ErrorCode, Now, Refusal};
use peal_wire::ws::{self, Opcode};
use peal_wire::{native, pusher};

use crate::delivery::Pending;
use crate::hub::Hub;
use crate::session::native::Authority;
use crate::session::{Farewell, Session};
use crate::timer::Owner;

/// How often rings are thinned where nothing is published.
const SWEEP_MS: u64 = 30_000;
/// In a drain, how long a connection whose turn has come may wait for the answers to its publishes, and how often that is looked at.
const ANSWERS_MS: u64 = 1_000;
const ANSWERS_LOOK_MS: u64 = 10;

/// When connections leave a node that is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// When the first one does, from the beginning of the drain.
    pub first_ms: u64,
    /// The time over which all do.
    pub spread_ms: u64,
}

impl Hub {
    /// Moves every connection to other nodes: native clients are told when to come back, Pusher clients are closed with "reconnect at
    /// once", each at its own moment within the given time.
    pub fn drain(&mut self, now: Now, drain: Drain) {
        self.now = now;
        self.draining = true;
        let slots: Vec<u32> = self.connections.iter().map(|(slot, _)| slot).collect();
        let count = slots.len().max(1) as u64;
        for (place, slot) in slots.into_iter().enumerate() {
            let wait_ms = drain.first_ms + drain.spread_ms * place as u64 / count;
            let Some(connection) = self.connections.get_mut(slot) else { continue };
            if connection.is_over() || connection.drain_ms != u64::MAX {
                continue;
            }
            connection.drain_ms = now.mono_ms + wait_ms;
            if !connection.pusher {
                self.push(slot, native::encode_goaway(wait_ms));
            }
            self.arm_connection(slot);
        }
    }

    pub(crate) fn due(&mut self, owner: Owner) {
        match owner {
            Owner::Connection(slot) => self.connection_due(slot),
            Owner::Topic(index) => self.topic_due(index),
            Owner::Changes(index) => self.changes_due(index),
            Owner::Member(member) => self.member_due(member),
            Owner::Counts => self.counts_due(),
            Owner::Sweep => self.sweep(),
        }
    }

    fn connection_due(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.timer = None;
        if let Some((refusal, farewell)) = self.overdue(slot) {
            return match refusal.code {
                ErrorCode::SlowConsumer => self.cut_slow(slot),
                _ => self.close(slot, &refusal, farewell),
            };
        }
        self.ping_if_silent(slot);
        self.expiry_due(slot);
        self.arm_connection(slot);
    }

    /// Whether a connection must end now, and why.
    fn overdue(&self, slot: u32) -> Option<(Refusal, Farewell)> {
        let connection = self.connections.get(slot)?;
        let now_ms = self.now.mono_ms;
        let lost = |code: ErrorCode| Some((Refusal::of(code), Farewell::Lost));
        match &connection.session {
            Session::Over => return None,
            Session::PusherOpening(opening) if now_ms >= opening.deadline_ms => return lost(ErrorCode::DirectoryStale),
            Session::NativeOpening(opening) if now_ms >= opening.deadline_ms => return lost(ErrorCode::AuthTimeout),
            Session::Pusher(session) if session.authorise_by_ms.is_some_and(|by| now_ms >= by) => {
                return lost(ErrorCode::CredentialsMissing);
            }
            _ => {}
        }
        if !connection.queue.is_empty() && now_ms >= connection.progress_ms + self.config.write_deadline_ms {
            return lost(ErrorCode::SlowConsumer);
        }
        if now_ms >= connection.drain_ms && (now_ms >= connection.drain_ms.saturating_add(ANSWERS_MS) || !self.is_publishing(slot)) {
            return lost(ErrorCode::ShuttingDown);
        }
        let (_, pong_timeout_ms) = self.silence_limits(connection.pusher);
        if connection.pinged_ms > 0 && now_ms >= connection.pinged_ms + pong_timeout_ms {
            return lost(ErrorCode::PongTimeout);
        }
        self.expired(slot).map(|code| (Refusal::of(code), Farewell::Clean))
    }

    /// Whether a publish of this connection is with the broker.
    fn is_publishing(&self, slot: u32) -> bool {
        let own = self.connections.handle(slot);
        self.requests.values().any(|pending| matches!(pending, Pending::NativePublish { handle, .. } if Some(*handle) == own))
    }

    /// After how much silence a client is pinged, and after how much more it is given up.
    fn silence_limits(&self, is_pusher: bool) -> (u64, u64) {
        if is_pusher {
            (u64::from(self.config.pusher_activity_timeout_s) * 1_000, self.config.pusher_pong_timeout_ms)
        } else {
            (self.config.native_ping_ms, self.config.native_pong_timeout_ms)
        }
    }

    fn ping_if_silent(&mut self, slot: u32) {
        let now_ms = self.now.mono_ms;
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let is_pusher = connection.pusher;
        let is_open = matches!(connection.session, Session::Pusher(_) | Session::Native(_));
        let heard_ms = connection.heard_ms;
        let pinged = connection.pinged_ms > 0;
        let (silence_ms, _) = self.silence_limits(is_pusher);
        if !is_open || pinged || now_ms < heard_ms + silence_ms {
            return;
        }
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.pinged_ms = now_ms.max(1);
        }
        self.push(slot, ws::encode_frame(Opcode::Ping, b""));
        if is_pusher {
            self.push(slot, pusher::encode_ping());
        }
    }

    /// When a connection's key or token dies, in Unix milliseconds: the code to close with, and whether it is to be announced.
    fn expiry(&self, slot: u32) -> Option<(u64, ErrorCode)> {
        let connection = self.connections.get(slot)?;
        let (key, token_ms) = match &connection.session {
            Session::Pusher(session) => (&session.key, None),
            Session::Native(session) => match &session.authority {
                Authority::Token(token) => (&token.key, Some(token.expires_at_s * 1_000)),
                Authority::Anonymous(key) => (key, None),
            },
            Session::PusherOpening(_) | Session::NativeOpening(_) | Session::Over => return None,
        };
        let app = self.apps.get(&connection.app?)?;
        let key_ms = app.app.key(key.as_str()).and_then(|key| key.expires_at_ms);
        let of_key = key_ms.map(|at| (at, ErrorCode::KeyRevoked));
        let of_token = token_ms.map(|at| (at, ErrorCode::TokenExpired));
        of_key.into_iter().chain(of_token).min_by_key(|(at, _)| *at)
    }

    fn expired(&self, slot: u32) -> Option<ErrorCode> {
        self.expiry(slot).filter(|(at_ms, _)| self.now.wall_ms >= *at_ms).map(|(_, code)| code)
    }

    /// Announces a token's expiry once, and ends what a channel token that has expired had opened.
    fn expiry_due(&mut self, slot: u32) {
        self.channel_tokens_due(slot);
        let now_ms = self.now.wall_ms;
        let notice_ms = self.config.expiring_notice_ms;
        let Some(Session::Native(session)) = self.connections.get_mut(slot).map(|connection| &mut connection.session) else { return };
        let Authority::Token(token) = &session.authority else { return };
        let expires_ms = token.expires_at_s * 1_000;
        if !session.expiring_told && now_ms + notice_ms >= expires_ms {
            session.expiring_told = true;
            self.push(slot, native::encode_expiring(expires_ms));
        }
    }

    /// Sets a connection's timer to the earliest of its deadlines.
    pub(crate) fn arm_connection(&mut self, slot: u32) {
        let at = self.deadline(slot);
        if let Some(connection) = self.connections.get_mut(slot) {
            self.timers.arm(Owner::Connection(slot), &mut connection.timer, at);
        }
    }

    fn deadline(&self, slot: u32) -> Option<u64> {
        let connection = self.connections.get(slot)?;
        let Now { mono_ms, wall_ms } = self.now;
        let (silence_ms, pong_timeout_ms) = self.silence_limits(connection.pusher);
        let session_ms = match &connection.session {
            Session::Over => return None,
            Session::PusherOpening(opening) => opening.deadline_ms,
            Session::NativeOpening(opening) => opening.deadline_ms,
            _ if connection.pinged_ms > 0 => connection.pinged_ms + pong_timeout_ms,
            _ => connection.heard_ms + silence_ms,
        };
        let write_ms = if connection.queue.is_empty() { u64::MAX } else { connection.progress_ms + self.config.write_deadline_ms };
        let on_wall = |at_ms: u64| mono_ms + at_ms.saturating_sub(wall_ms);
        // Past its turn it waits for answers.
        let drain_ms = if mono_ms < connection.drain_ms { connection.drain_ms } else { mono_ms + ANSWERS_LOOK_MS };
        let mut at = session_ms.min(write_ms).min(drain_ms);
        if let Some((expires_ms, _)) = self.expiry(slot) {
            at = at.min(on_wall(expires_ms));
        }
        if let Session::Pusher(session) = &connection.session {
            at = at.min(session.authorise_by_ms.unwrap_or(u64::MAX));
        }
        if let Session::Native(session) = &connection.session {
            if let Some(notice_ms) = session.notice_due_ms(self.config.expiring_notice_ms) {
                at = at.min(on_wall(notice_ms));
            }
            if let Some(expires_ms) = session.channel_tokens.iter().map(|token| token.expires_at_s * 1_000).min() {
                at = at.min(on_wall(expires_ms));
            }
        }
        // At least a millisecond ahead: what is due was dealt with.
        Some(at.max(mono_ms + 1))
    }

    pub(crate) fn arm_sweep(&mut self) {
        if self.sweep_timer.is_none() {
            let at = Some(self.now.mono_ms + SWEEP_MS);
            self.timers.arm(Owner::Sweep, &mut self.sweep_timer, at);
        }
    }

    fn sweep(&mut self) {
        self.sweep_timer = None;
        for topic in self.topics.iter_mut() {
            topic.stream.expire(self.now.mono_ms, &self.limits.ring);
        }
        if self.topics.len() > 0 {
            self.arm_sweep();
        }
    }
}
