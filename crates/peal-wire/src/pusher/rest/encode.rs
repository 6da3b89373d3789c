//! Answers of Pusher's HTTP API. Counts are integers and user ids text: the Go library decodes nothing else.

use super::Attributes;
use crate::json::{self, Object};

/// The event that a cache channel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheEntry<'a> {
    pub data: &'a str,
    pub ttl_s: u64,
}

/// `POST /events` with `info`: `{"channels":{name:{…}}}`.
#[must_use]
pub fn encode_trigger_answer<'c>(channels: impl IntoIterator<Item = (&'c str, Attributes)>) -> Vec<u8> {
    encode_channels(channels)
}

/// `POST /batch_events` if any event has `info`: `{"batch":[{…},{},…]}`, by index.
#[must_use]
pub fn encode_batch_answer(events: impl IntoIterator<Item = Attributes>) -> Vec<u8> {
    body(|answer| json::list(answer.key("batch"), events, attributes))
}

/// `GET /channels`.
#[must_use]
pub fn encode_channels<'c>(channels: impl IntoIterator<Item = (&'c str, Attributes)>) -> Vec<u8> {
    body(|answer| {
        answer.object("channels", |object| {
            for (name, values) in channels {
                attributes(object.escaped_key(name), values);
            }
        });
    })
}

/// `GET /channels/NAME`. `cache` is `Some(None)` if it was asked for and is empty.
#[must_use]
pub fn encode_channel(occupied: bool, values: Attributes, cache: Option<Option<CacheEntry<'_>>>) -> Vec<u8> {
    body(|answer| {
        answer.flag("occupied", occupied);
        fill(answer, values);
        match cache {
            Some(Some(entry)) => answer.object("cache", |object| {
                object.text("data", entry.data);
                object.number("ttl", entry.ttl_s);
            }),
            Some(None) => answer.raw("cache", "null"),
            None => {}
        }
    })
}

/// `GET /channels/NAME/users`.
#[must_use]
pub fn encode_users<'u>(users: impl IntoIterator<Item = &'u str>) -> Vec<u8> {
    body(|answer| {
        json::list(answer.key("users"), users, |buf, id| {
            let mut user = Object::begin(buf);
            user.text("id", id);
            user.end();
        });
    })
}

fn body(fill: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut buf = Vec::new();
    let mut object = Object::begin(&mut buf);
    fill(&mut object);
    object.end();
    buf
}

fn attributes(buf: &mut Vec<u8>, values: Attributes) {
    let mut object = Object::begin(buf);
    fill(&mut object, values);
    object.end();
}

fn fill(object: &mut Object<'_>, values: Attributes) {
    if let Some(count) = values.user_count {
        object.number("user_count", count);
    }
    if let Some(count) = values.subscription_count {
        object.number("subscription_count", count);
    }
}
