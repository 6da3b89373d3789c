//! The native protocol's session (docs/protocol.md): requests in, exactly one reply to each. The frames themselves are `peal-wire`'s.

mod connect;
mod history;
mod presence;
mod publish;
mod refresh;
mod subscribe;

use std::sync::Arc;

use peal_core::{App, ChannelName, ClientToken, ErrorCode, KeyId, Operation, Refusal};
use peal_wire::native::{self, Operation as Op};

use super::{Farewell, Session};
use crate::hub::{Hub, PREAUTH_BYTES};
use crate::rate::Rate;

pub(crate) use connect::Presented;

#[derive(Debug)]
pub(crate) struct NativeOpening {
    pub(crate) origin: Option<String>,
    pub(crate) deadline_ms: u64,
    /// Bytes of messages so far.
    pub(crate) received: usize,
    /// A `connect` whose key is being looked up: its id and what it presented.
    pub(crate) waiting: Option<(u64, Presented)>,
}

#[derive(Debug)]
pub(crate) struct NativeSession {
    pub(crate) authority: Authority,
    /// Publishes and presence changes.
    publishes: Rate,
    /// What only asks the broker: history and members.
    reads: Rate,
    /// It has published something that it does not get back.
    pub(crate) published: bool,
    pub(crate) members: Vec<u32>,
    /// For channels that the connection's own token does not cover.
    pub(crate) channel_tokens: Vec<ClientToken>,
    pub(crate) expiring_told: bool,
}

/// Reads of history and members per second and connection: pages for a person, not a crawl.
const READS_PER_SECOND: u32 = 50;

/// By what right a connection acts.
#[derive(Debug)]
pub(crate) enum Authority {
    Token(Box<ClientToken>),
    /// With a public key id: public channels only, where the rule allows.
    Anonymous(KeyId),
}

impl Authority {
    pub(crate) fn client_id(&self) -> Option<&Arc<str>> {
        match self {
            Self::Token(token) => token.client_id.as_ref(),
            Self::Anonymous(_) => None,
        }
    }

    pub(crate) fn key(&self) -> &KeyId {
        match self {
            Self::Token(token) => &token.key,
            Self::Anonymous(key) => key,
        }
    }
}

impl NativeSession {
    /// When the token's expiry is to be announced, in Unix milliseconds; `None` if it was.
    pub(crate) fn notice_due_ms(&self, notice_ms: u64) -> Option<u64> {
        match &self.authority {
            Authority::Token(token) if !self.expiring_told => Some((token.expires_at_s * 1_000).saturating_sub(notice_ms)),
            _ => None,
        }
    }

    /// # Errors
    /// `not_authorised` or `anonymous_not_allowed`.
    pub(crate) fn allows(&self, app: &App, operation: Operation, channel: &ChannelName) -> Result<(), Refusal> {
        let allowed = match &self.authority {
            Authority::Token(token) => {
                token.allows(operation, channel) || self.channel_tokens.iter().any(|token| token.allows(operation, channel))
            }
            Authority::Anonymous(key) => {
                if operation == Operation::Subscribe && channel.is_public() && !app.rules.resolve(channel).anonymous {
                    return Err(Refusal::of(ErrorCode::AnonymousNotAllowed));
                }
                let by_key = app.key(key.as_str()).is_some_and(|key| key.capabilities.allows(operation, channel));
                operation == Operation::Subscribe && channel.is_public() && by_key
            }
        };
        if allowed {
            return Ok(());
        }
        Err(Refusal::new(
            ErrorCode::NotAuthorised,
            format!("The token, or the anonymous key, does not allow {operation} on {channel}; get a token whose cap does."),
        ))
    }
}

impl Hub {
    pub(crate) fn native_text(&mut self, slot: u32, text: &str) {
        if let Some(Session::NativeOpening(opening)) = self.connections.get_mut(slot).map(|connection| &mut connection.session) {
            opening.received += text.len();
            let received = opening.received;
            if received > PREAUTH_BYTES {
                let refusal = Refusal::of(ErrorCode::PreauthBudget).with_limit(PREAUTH_BYTES as u64, received as u64);
                return self.close(slot, &refusal, Farewell::Clean);
            }
        }
        let request = match native::decode(text) {
            Ok(request) => request,
            Err((Some(id), refusal)) => return self.refuse_request(slot, id, &refusal),
            Err((None, refusal)) => return self.bad_frame(slot, &refusal),
        };
        let id = request.id;
        let is_open = matches!(self.connections.get(slot).map(|connection| &connection.session), Some(Session::Native(_)));
        let result = match request.operation {
            Op::Connect(_) if is_open => Err(Refusal::of(ErrorCode::AlreadyConnected)),
            Op::Connect(connect) => return self.native_connect(slot, id, &connect),
            _ if !is_open => Err(Refusal::of(ErrorCode::NotConnected)),
            Op::Refresh { token } => self.native_refresh(slot, id, &token),
            Op::Subscribe(subscribe) => self.native_subscribe(slot, id, &subscribe),
            Op::Unsubscribe { channel } => {
                self.native_unsubscribe(slot, id, &channel);
                Ok(())
            }
            Op::Publish(publish) => self.native_publish(slot, id, publish),
            Op::PresenceEnter { channel, data } | Op::PresenceUpdate { channel, data } => self.native_enter(slot, id, channel, data),
            Op::PresenceLeave { channel } => {
                self.native_leave(slot, id, channel);
                Ok(())
            }
            Op::PresenceGet { channel } => self.native_presence_get(slot, id, channel),
            Op::History(history) => self.native_history(slot, id, history),
            Op::Ping => {
                self.push(slot, native::encode_ok(id));
                Ok(())
            }
        };
        if let Err(refusal) = result {
            self.count_refused(slot, &refusal);
            self.refuse_request(slot, id, &refusal);
        }
    }

    pub(crate) fn native_session(&self, slot: u32) -> Option<&NativeSession> {
        match &self.connections.get(slot)?.session {
            Session::Native(session) => Some(session),
            _ => None,
        }
    }

    pub(crate) fn native_session_mut(&mut self, slot: u32) -> Option<&mut NativeSession> {
        match &mut self.connections.get_mut(slot)?.session {
            Session::Native(session) => Some(session),
            _ => None,
        }
    }

    /// The app of an open connection, if it may do this on this channel.
    pub(crate) fn native_allowed(&self, slot: u32, operation: Operation, channel: &ChannelName) -> Result<Arc<App>, Refusal> {
        let (Some(session), Some(app)) = (self.native_session(slot), self.app_of(slot)) else {
            return Err(Refusal::of(ErrorCode::NotConnected));
        };
        session.allows(&app, operation, channel)?;
        Ok(app)
    }

    /// Counts a publish or a presence change against the connection's allowance.
    fn native_take(&mut self, slot: u32, per_second: u32) -> Result<(), Refusal> {
        let now_ms = self.now.mono_ms;
        let Some(session) = self.native_session_mut(slot) else { return Ok(()) };
        session.publishes.take(now_ms, per_second).map_err(|retry_ms| rate_limited(per_second, retry_ms))
    }

    /// As [`Self::native_take`] for what only asks the broker.
    fn native_take_read(&mut self, slot: u32) -> Result<(), Refusal> {
        let now_ms = self.now.mono_ms;
        let Some(session) = self.native_session_mut(slot) else { return Ok(()) };
        session.reads.take(now_ms, READS_PER_SECOND).map_err(|retry_ms| rate_limited(READS_PER_SECOND, retry_ms))
    }
}

fn rate_limited(per_second: u32, retry_ms: u64) -> Refusal {
    Refusal::of(ErrorCode::RateLimited).with_limit(u64::from(per_second), u64::from(per_second) + 1).retry_after(retry_ms)
}
