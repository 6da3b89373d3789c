//! Bodies of the native HTTP API (protocol 7).

use std::borrow::Cow;

use peal_core::{ConnectionId, ErrorCode, Message, MessageId, Position, Publication, Refusal};

use super::decode::History;
use super::{LIMIT_DEFAULT, fields, push, reply};
use crate::json::{self, Fields, Object};

/// Messages in one body.
pub const BATCH_MAX: usize = peal_core::exchange::BATCH_MAX;

/// The body of `POST /v1/channels/{channel}/messages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishBody {
    /// The body was an array, so the answer is one too.
    pub batch: bool,
    /// 1 to [`BATCH_MAX`], or exactly one if no batch.
    pub messages: Vec<PublishMessage>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishMessage {
    pub message: Message,
    pub id: Option<MessageId>,
    /// The connection that does not get it.
    pub exclude: Option<ConnectionId>,
    pub ephemeral: bool,
}

/// `data_bytes_max` is the app's limit.
///
/// # Errors
/// What is wrong with the first bad message; nothing may be published then.
pub fn decode_publish(body: &[u8], data_bytes_max: usize) -> Result<PublishBody, Refusal> {
    let text = json::utf8(body)?;
    if !text.trim_ascii_start().starts_with('[') {
        let message = publish_message(&Fields::parse(text)?, data_bytes_max)?;
        return Ok(PublishBody { batch: false, messages: vec![message] });
    }
    json::check_depth(text)?;
    let items = json::elements(text)?;
    if items.is_empty() {
        return Err(json::invalid("The array is empty; give 1 to 100 messages."));
    }
    if items.len() > BATCH_MAX {
        let why = format!("The array holds {} messages; at most {BATCH_MAX} are allowed.", items.len());
        return Err(Refusal::new(ErrorCode::BatchTooLarge, why).with_limit(BATCH_MAX as u64, items.len() as u64));
    }
    let item = |(i, item)| {
        let message = Fields::of("message", item).and_then(|fields| publish_message(&fields, data_bytes_max));
        message.map_err(|mut refusal: Refusal| {
            refusal.detail = format!("Message {i} of the array: {}", refusal.detail);
            refusal
        })
    };
    Ok(PublishBody { batch: true, messages: items.into_iter().enumerate().map(item).collect::<Result<_, _>>()? })
}

fn publish_message(fields: &Fields<'_>, data_bytes_max: usize) -> Result<PublishMessage, Refusal> {
    let message = fields::message(fields)?;
    if message.data.len() > data_bytes_max {
        let why = format!("`data` has {} bytes; at most {data_bytes_max} are allowed.", message.data.len());
        return Err(Refusal::new(ErrorCode::MessageTooLarge, why).with_limit(data_bytes_max as u64, message.data.len() as u64));
    }
    Ok(PublishMessage {
        message,
        id: fields::message_id(fields)?,
        exclude: fields::connection_id(fields, "exclude")?,
        ephemeral: fields.flag("ephemeral")?,
    })
}

/// The query of `GET /v1/channels/{channel}/messages`, percent-decoded pairs. Unknown names are ignored.
///
/// # Errors
/// `invalid_request`, `position_invalid`.
pub fn decode_history_query<'q>(
    channel: peal_core::ChannelName,
    query: impl IntoIterator<Item = (Cow<'q, str>, Cow<'q, str>)>,
) -> Result<History, Refusal> {
    let mut history =
        History { channel, limit: LIMIT_DEFAULT, before: None, after: None, direction: peal_core::exchange::Direction::Backwards };
    for (name, value) in query {
        match &*name {
            "limit" => history.limit = fields::limit(&value)?,
            "before" => history.before = Some(fields::parse_position(&value)?),
            "after" => history.after = Some(fields::parse_position(&value)?),
            "direction" => history.direction = fields::direction(&value)?,
            _ => {}
        }
    }
    Ok(history)
}

/// The answer to one published message.
#[must_use]
pub fn encode_published(message: &MessageId, position: Option<Position>) -> Vec<u8> {
    object(|answer| reply::fill_published(answer, message, position))
}

/// The answer to an array: `{"items":[…]}` by index, a refusal in the place of what was refused.
#[must_use]
pub fn encode_published_batch<'r>(results: impl IntoIterator<Item = Result<(&'r MessageId, Option<Position>), &'r Refusal>>) -> Vec<u8> {
    object(|answer| {
        json::list(answer.key("items"), results, |buf, result| {
            let mut item = Object::begin(buf);
            match result {
                Ok((message, position)) => reply::fill_published(&mut item, message, position),
                Err(refusal) => push::write_refusal(item.key("error"), refusal),
            }
            item.end();
        });
    })
}

#[must_use]
pub fn encode_history<P: AsRef<Publication>>(publications: &[P], more: bool) -> Vec<u8> {
    object(|answer| reply::fill_history(answer, publications, more))
}

fn object(fill: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut buf = Vec::new();
    let mut object = Object::begin(&mut buf);
    fill(&mut object);
    object.end();
    buf
}
