//! Replies to requests (protocol 2): exactly one per request.

use bytes::Bytes;
use peal_core::{ConnectionId, Member, MessageId, Position, Publication, Refusal};

use super::publication;
use super::push::{write_members, write_refusal};
use crate::json::{self, Object};
use crate::ws;

/// Room for a small reply.
const SMALL: usize = 128;

/// Why continuity could not be proved, or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Older than what is kept.
    Retention,
    /// The history was lost or replaced.
    Era,
    /// The position has never been issued.
    Position,
    /// History could not be read in time.
    Overload,
}

impl Reason {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Era => "era",
            Self::Position => "position",
            Self::Overload => "overload",
        }
    }
}

/// The answer to a subscribe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribed<'m, M> {
    /// Where continuity starts: what is replayed comes after it.
    pub position: Position,
    pub recovered: bool,
    /// Messages that follow before live ones.
    pub replay: u32,
    /// Given exactly if a position was and `recovered` is false.
    pub reason: Option<Reason>,
    /// The members, if presence was asked for; `count` may be more than are listed.
    pub presence: Option<(&'m [M], usize)>,
}

/// The answer to a connect: `client_id` is absent for an anonymous client, `expires_ms` for a key.
#[must_use]
pub fn encode_connected(id: u64, connection: ConnectionId, client_id: Option<&str>, ping_ms: u64, expires_ms: Option<u64>) -> Bytes {
    ok(id, SMALL, |reply| {
        reply.plain("connection", connection);
        if let Some(client_id) = client_id {
            reply.text("client_id", client_id);
        }
        reply.number("ping", ping_ms);
        if let Some(expires_ms) = expires_ms {
            reply.number("expires", expires_ms);
        }
    })
}

#[must_use]
pub fn encode_refreshed(id: u64, expires_ms: u64) -> Bytes {
    ok(id, SMALL, |reply| reply.number("expires", expires_ms))
}

#[must_use]
pub fn encode_subscribed<M: AsRef<Member>>(id: u64, subscribed: &Subscribed<'_, M>) -> Bytes {
    let members = subscribed.presence.map_or(0, |(members, _)| members.len());
    ok(id, SMALL * (1 + members), |reply| {
        reply.plain("position", subscribed.position);
        reply.flag("recovered", subscribed.recovered);
        reply.number("replay", subscribed.replay);
        if let Some(reason) = subscribed.reason {
            reply.text("reason", reason.as_str());
        }
        if let Some((members, count)) = subscribed.presence {
            reply.object("presence", |presence| fill_members(presence, members, count));
        }
    })
}

/// The answer to unsubscribe, ping and `presence.leave`.
#[must_use]
pub fn encode_ok(id: u64) -> Bytes {
    ok(id, SMALL, |_| {})
}

/// The answer to `presence.enter` and `presence.update`: what the others are shown, which the token may have given.
#[must_use]
pub fn encode_entered(id: u64, data: Option<&str>) -> Bytes {
    ok(id, SMALL + data.map_or(0, str::len), |reply| {
        if let Some(data) = data {
            reply.raw("data", data);
        }
    })
}

/// `position` is absent if the message was ephemeral.
#[must_use]
pub fn encode_published(id: u64, message: &MessageId, position: Option<Position>) -> Bytes {
    ok(id, SMALL, |reply| fill_published(reply, message, position))
}

#[must_use]
pub fn encode_members<M: AsRef<Member>>(id: u64, members: &[M], count: usize) -> Bytes {
    ok(id, SMALL * (1 + members.len()), |reply| fill_members(reply, members, count))
}

#[must_use]
pub fn encode_history<P: AsRef<Publication>>(id: u64, publications: &[P], more: bool) -> Bytes {
    ok(id, history_size(publications), |reply| fill_history(reply, publications, more))
}

#[must_use]
pub fn encode_error_reply(id: u64, refusal: &Refusal) -> Bytes {
    reply(id, SMALL * 3, |frame| write_refusal(frame.key("error"), refusal))
}

fn ok(id: u64, size_hint: usize, fill: impl FnOnce(&mut Object<'_>)) -> Bytes {
    reply(id, size_hint, |frame| frame.object("ok", fill))
}

fn reply(id: u64, size_hint: usize, fill: impl FnOnce(&mut Object<'_>)) -> Bytes {
    ws::encode_text_with(size_hint, |buf| {
        let mut frame = Object::begin(buf);
        frame.number("id", id);
        fill(&mut frame);
        frame.end();
    })
}

fn fill_members<M: AsRef<Member>>(object: &mut Object<'_>, members: &[M], count: usize) {
    write_members(object.key("members"), members.iter().map(AsRef::as_ref));
    object.number("count", count);
}

pub(super) fn fill_published(object: &mut Object<'_>, message: &MessageId, position: Option<Position>) {
    object.plain("id", message);
    if let Some(position) = position {
        object.plain("position", position);
    }
}

pub(super) fn fill_history<P: AsRef<Publication>>(object: &mut Object<'_>, publications: &[P], more: bool) {
    json::list(object.key("messages"), publications, |buf, publication| publication::write(buf, None, publication.as_ref()));
    object.flag("more", more);
}

pub(super) fn history_size<P: AsRef<Publication>>(publications: &[P]) -> usize {
    SMALL + publications.iter().map(|publication| SMALL + publication::size(publication.as_ref())).sum::<usize>()
}
