//! Pushes other than messages (protocol 3), and what pushes and replies share.

use bytes::Bytes;
use peal_core::{ChannelName, Member, Position, Refusal};

use super::reply::Reason;
use crate::json::{self, Object};
use crate::ws;

/// Room for a small object.
const SMALL: usize = 128;

/// Collected presence changes. `count` is the number of members after them.
#[must_use]
pub fn encode_presence<'m>(
    channel: &ChannelName,
    enter: impl IntoIterator<Item = &'m Member>,
    update: impl IntoIterator<Item = &'m Member>,
    leave: impl IntoIterator<Item = &'m Member>,
    count: usize,
) -> Bytes {
    push("presence", SMALL * 2, |presence| {
        presence.text("channel", channel.as_str());
        write_members(presence.key("enter"), enter);
        write_members(presence.key("update"), update);
        json::list(presence.key("leave"), leave, |buf, member| {
            let mut object = Object::begin(buf);
            write_identity(&mut object, member);
            object.end();
        });
        presence.number("count", count);
    })
}

/// The messages after `from` up to and including `to` will not arrive.
#[must_use]
pub fn encode_discontinuity(channel: &ChannelName, reason: Reason, from: Position, to: Position) -> Bytes {
    push("discontinuity", SMALL + channel.as_str().len(), |gap| {
        gap.text("channel", channel.as_str());
        gap.text("reason", reason.as_str());
        gap.plain("from", from);
        gap.plain("to", to);
    })
}

#[must_use]
pub fn encode_unsubscribed(channel: &ChannelName, refusal: &Refusal) -> Bytes {
    push("unsubscribed", SMALL * 3, |ended| {
        ended.text("channel", channel.as_str());
        write_refusal(ended.key("error"), refusal);
    })
}

/// The token expires at this Unix millisecond.
#[must_use]
pub fn encode_expiring(expires_ms: u64) -> Bytes {
    push("expiring", SMALL, |expiring| expiring.number("expires", expires_ms))
}

#[must_use]
pub fn encode_goaway(retry_in_ms: u64) -> Bytes {
    push("goaway", SMALL, |goaway| goaway.number("retry_in", retry_in_ms))
}

/// What no request can be answered with.
#[must_use]
pub fn encode_error(refusal: &Refusal) -> Bytes {
    ws::encode_text_with(SMALL * 3, |buf| {
        let mut frame = Object::begin(buf);
        write_refusal(frame.key("error"), refusal);
        frame.end();
    })
}

fn push(kind: &'static str, size_hint: usize, fill: impl FnOnce(&mut Object<'_>)) -> Bytes {
    ws::encode_text_with(size_hint, |buf| {
        let mut frame = Object::begin(buf);
        frame.object(kind, fill);
        frame.end();
    })
}

/// The error object of protocol 5. Its help URL is relative: the formats do not know where the documentation is served.
pub(super) fn write_refusal(buf: &mut Vec<u8>, refusal: &Refusal) {
    json::value(buf, &refusal.native(""));
}

pub(super) fn write_members<'m>(buf: &mut Vec<u8>, members: impl IntoIterator<Item = &'m Member>) {
    json::list(buf, members, |buf, member| {
        let mut object = Object::begin(buf);
        write_identity(&mut object, member);
        if let Some(data) = &member.data {
            object.raw("data", data);
        }
        object.end();
    });
}

fn write_identity(object: &mut Object<'_>, member: &Member) {
    object.text("client_id", &member.user);
    object.plain("connection", member.connection);
}
