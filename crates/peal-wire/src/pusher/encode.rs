//! What Pusher clients receive (pusher.md section 4), as finished WebSocket frames.
//!
//! `data` of the protocol's own events is a *string* that holds JSON, except where the official documentation shows an object
//! (`pusher:error`, ping and pong, `pusher:subscription_error`).

use std::borrow::Cow;

use bytes::Bytes;
use peal_core::{ChannelName, Data, Message, Publication, Refusal};

use crate::json::{self, Object};
use crate::ws;

/// Room for the fields around the payload.
const ENVELOPE: usize = 128;

/// `activity_timeout_s` must not be 0: pusher-js would close.
#[must_use]
pub fn encode_connection_established(socket_id: &str, activity_timeout_s: u32) -> Bytes {
    control("pusher:connection_established", None, |data| {
        data.text("socket_id", socket_id);
        data.number("activity_timeout", activity_timeout_s);
    })
}

/// The sentence, with the numbers that the other wires have fields for.
fn message(refusal: &Refusal) -> Cow<'_, str> {
    match refusal.limit {
        Some(reached) => format!("{} The limit is {}, this would be {}.", refusal.detail, reached.limit, reached.current).into(),
        None => Cow::from(&refusal.detail),
    }
}

#[must_use]
pub fn encode_error(refusal: &Refusal) -> Bytes {
    ws::encode_text_with(ENVELOPE + refusal.detail.len(), |buf| {
        let mut frame = Object::begin(buf);
        frame.text("event", "pusher:error");
        frame.object("data", |data| {
            data.text("message", &message(refusal));
            match refusal.code.info().pusher {
                Some(code) => data.number("code", code),
                None => data.raw("code", "null"),
            }
        });
        frame.end();
    })
}

#[must_use]
pub fn encode_pong() -> Bytes {
    Bytes::from_static(b"\x81\x21{\"event\":\"pusher:pong\",\"data\":{}}")
}

#[must_use]
pub fn encode_ping() -> Bytes {
    Bytes::from_static(b"\x81\x21{\"event\":\"pusher:ping\",\"data\":{}}")
}

/// `user_data` is the very string that was signed.
#[must_use]
pub fn encode_signin_success(user_data: &str) -> Bytes {
    control("pusher:signin_success", None, |data| data.text("user_data", user_data))
}

/// For a channel without members.
#[must_use]
pub fn encode_subscription_succeeded(channel: &str) -> Bytes {
    control("pusher_internal:subscription_succeeded", Some(channel), |_| {})
}

/// For a presence channel. `users` are distinct ids with their `user_info`, in order of entering; an absent `user_info` is `null`,
/// because pusher-js looks every id up in `hash`.
#[must_use]
pub fn encode_subscription_succeeded_presence<'m>(
    channel: &str,
    users: impl IntoIterator<Item = (&'m str, Option<&'m str>), IntoIter: Clone>,
) -> Bytes {
    let users = users.into_iter();
    control("pusher_internal:subscription_succeeded", Some(channel), |data| {
        data.object("presence", |presence| {
            json::list(presence.key("ids"), users.clone(), |buf, (id, _)| json::text(buf, id));
            presence.object("hash", |hash| {
                for (id, info) in users.clone() {
                    json::raw(hash.escaped_key(id), info.unwrap_or("null"));
                }
            });
            presence.number("count", users.count());
        });
    })
}

#[must_use]
pub fn encode_member_added(channel: &str, user_id: &str, user_info: Option<&str>) -> Bytes {
    control("pusher_internal:member_added", Some(channel), |data| {
        data.text("user_id", user_id);
        if let Some(info) = user_info {
            data.raw("user_info", info);
        }
    })
}

#[must_use]
pub fn encode_member_removed(channel: &str, user_id: &str) -> Bytes {
    control("pusher_internal:member_removed", Some(channel), |data| data.text("user_id", user_id))
}

#[must_use]
pub fn encode_subscription_count(channel: &str, count: u64) -> Bytes {
    control("pusher_internal:subscription_count", Some(channel), |data| data.number("subscription_count", count))
}

#[must_use]
pub fn encode_cache_miss(channel: &str) -> Bytes {
    control("pusher:cache_miss", Some(channel), |_| {})
}

/// Users that a signed-in client watches. A list that is empty is left out.
#[must_use]
pub fn encode_watchlist_events(online: &[&str], offline: &[&str]) -> Bytes {
    control("pusher_internal:watchlist_events", None, |data| {
        let events = [("online", online), ("offline", offline)];
        let told = events.into_iter().filter(|(_, users)| !users.is_empty());
        json::list(data.key("events"), told, |buf, (name, users)| {
            let mut event = Object::begin(buf);
            event.text("name", name);
            json::list(event.key("user_ids"), users, |buf, user| json::text(buf, user));
            event.end();
        });
    })
}

/// A refused subscription; `pusher:error` should follow it.
#[must_use]
pub fn encode_subscription_error(channel: &str, refusal: &Refusal) -> Bytes {
    let status = refusal.code.info().http_status;
    let kind = match status {
        401 | 403 => "AuthError",
        413 | 429 => "LimitReached",
        _ => "InvalidRequest",
    };
    ws::encode_text_with(ENVELOPE + channel.len() + refusal.detail.len(), |buf| {
        let mut frame = Object::begin(buf);
        frame.text("event", "pusher:subscription_error");
        frame.text("channel", channel);
        frame.object("data", |data| {
            data.text("type", kind);
            data.text("error", &message(refusal));
            data.number("status", status);
        });
        frame.end();
    })
}

/// A publication as its subscribers get it: one WebSocket frame per message, all in one buffer, so that they are queued and written
/// together. Empty if it holds no messages.
///
/// Client events show the sender's `user_id` on presence channels; what a server published never does.
#[must_use]
pub fn encode_publication(channel: &ChannelName, publication: &Publication) -> Bytes {
    let messages = publication.messages();
    let user_id = publication.client_id.as_deref().filter(|_| publication.client_event && channel.is_presence());
    let fill = |buf: &mut Vec<u8>, message: &Message| write_event(buf, channel.as_str(), message, publication.client_event, user_id);
    if let [message] = messages {
        return ws::encode_text_with(event_size(channel, message), |buf| fill(buf, message));
    }
    let mut frames = Vec::with_capacity(messages.iter().map(|message| event_size(channel, message)).sum());
    for message in messages {
        ws::append_text_with(&mut frames, |buf| fill(buf, message));
    }
    frames.into()
}

fn write_event(buf: &mut Vec<u8>, channel: &str, message: &Message, client_event: bool, user_id: Option<&str>) {
    let mut frame = Object::begin(buf);
    frame.text("event", &message.event);
    frame.text("channel", channel);
    let data = frame.key("data");
    match &message.data {
        Data::Json(value) if client_event => json::raw(data, value),
        Data::Text(value) | Data::Json(value) => json::text(data, value),
        Data::Binary(bytes) => json::base64_text(data, bytes),
    }
    if let Some(user_id) = user_id {
        frame.text("user_id", user_id);
    }
    frame.end();
}

/// A guess that is seldom too small: escaping makes JSON in a string about an eighth longer.
fn event_size(channel: &ChannelName, message: &Message) -> usize {
    let data = match &message.data {
        Data::Text(value) | Data::Json(value) => value.len() + value.len() / 4,
        Data::Binary(bytes) => bytes.len() / 3 * 4 + 4,
    };
    ENVELOPE + channel.as_str().len() + message.event.len() + data
}

/// An event of the protocol itself: its data is a string that holds an object.
fn control(event: &str, channel: Option<&str>, fill: impl FnOnce(&mut Object<'_>)) -> Bytes {
    let mut data = Vec::new();
    let mut object = Object::begin(&mut data);
    fill(&mut object);
    object.end();
    let data = String::from_utf8(data).expect("JSON is written from text only");
    ws::encode_text_with(ENVELOPE + data.len() + data.len() / 4, |buf| {
        let mut frame = Object::begin(buf);
        frame.text("event", event);
        if let Some(channel) = channel {
            frame.text("channel", channel);
        }
        frame.text("data", &data);
        frame.end();
    })
}
