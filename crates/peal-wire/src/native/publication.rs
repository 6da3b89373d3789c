//! A publication on the native wire: one object, whether it is pushed, replayed or read from history.
//!
//! What a Pusher library published is a string and marked `encoding: "text"`; binary is base64 (DESIGN 5.1).

use bytes::Bytes;
use peal_core::{ChannelName, Data, Message, Publication};

use crate::json::{self, Object};
use crate::ws;

/// Room for the fields around the data.
const ENVELOPE: usize = 224;

/// The push `message`.
#[must_use]
pub fn encode_message(channel: &ChannelName, publication: &Publication) -> Bytes {
    ws::encode_text_with(ENVELOPE + channel.as_str().len() + size(publication), |buf| {
        let mut push = Object::begin(buf);
        write(push.key("message"), Some(channel), publication);
        push.end();
    })
}

/// The object itself; history leaves the channel out.
pub(super) fn write(buf: &mut Vec<u8>, channel: Option<&ChannelName>, publication: &Publication) {
    let mut object = Object::begin(buf);
    if let Some(channel) = channel {
        object.text("channel", channel.as_str());
    }
    if let Some(position) = publication.position {
        object.plain("position", position);
    }
    object.plain("id", &publication.id);
    object.number("ts", publication.ts);
    match publication.messages() {
        [message] => write_message(&mut object, message),
        messages => json::list(object.key("messages"), messages, |buf, message| {
            let mut object = Object::begin(buf);
            write_message(&mut object, message);
            object.end();
        }),
    }
    if let Some(client_id) = &publication.client_id {
        object.text("client_id", client_id);
    }
    object.end();
}

fn write_message(object: &mut Object<'_>, message: &Message) {
    object.text("event", &message.event);
    match &message.data {
        Data::Json(value) => object.raw("data", value),
        Data::Text(value) => {
            object.text("data", value);
            object.text("encoding", "text");
        }
        Data::Binary(bytes) => {
            json::base64_text(object.key("data"), bytes);
            object.text("encoding", "base64");
        }
    }
}

/// A guess of the written size that is seldom too small.
pub(super) fn size(publication: &Publication) -> usize {
    let message = |message: &Message| {
        48 + message.event.len()
            + match &message.data {
                Data::Json(value) => value.len(),
                Data::Text(value) => value.len() + value.len() / 4,
                Data::Binary(bytes) => bytes.len() / 3 * 4 + 4,
            }
    };
    publication.messages().iter().map(message).sum()
}
