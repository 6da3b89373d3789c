//! Requests from clients (protocol 2).

use std::borrow::Cow;
use std::sync::Arc;

use peal_core::exchange::Direction;
use peal_core::{ChannelName, ErrorCode, Message, MessageId, Position, Refusal};
use serde_json::value::RawValue;

use super::fields::{self, channel, duration_ms, message_id, position};
use super::{LIMIT_DEFAULT, LIMIT_MAX, VERSION};
use crate::json::{self, Fields};

/// One request. The id is from 1 to 2^53 - 1, so that it is exact in JavaScript.
#[derive(Debug, Clone, PartialEq)]
pub struct Request<'a> {
    pub id: u64,
    pub operation: Operation<'a>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Operation<'a> {
    Connect(Connect<'a>),
    Refresh { token: Cow<'a, str> },
    Subscribe(Subscribe<'a>),
    Unsubscribe { channel: ChannelName },
    Publish(Publish),
    PresenceEnter { channel: ChannelName, data: Option<Arc<str>> },
    PresenceUpdate { channel: ChannelName, data: Option<Arc<str>> },
    PresenceLeave { channel: ChannelName },
    PresenceGet { channel: ChannelName },
    History(History),
    Ping,
}

/// What the client gave; [`Connect::credentials`] judges it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect<'a> {
    pub token: Option<Cow<'a, str>>,
    pub key: Option<Cow<'a, str>>,
    /// The client library and its version, for statistics.
    pub client: Option<Cow<'a, str>>,
    /// `None` if it is not 1 or absent.
    pub version: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials<'a> {
    Token(&'a str),
    Key(&'a str),
}

impl Connect<'_> {
    /// Exactly one of token and key, of a version that is spoken here. Apart from decoding, so that whoever refuses knows that
    /// it was a `connect` and closes.
    ///
    /// # Errors
    /// `protocol_version`, `credentials_missing`, `invalid_request`.
    pub fn credentials(&self) -> Result<Credentials<'_>, Refusal> {
        if self.version != Some(VERSION) {
            return Err(ErrorCode::ProtocolVersion.into());
        }
        match (&self.token, &self.key) {
            (Some(token), None) => Ok(Credentials::Token(token)),
            (None, Some(key)) => Ok(Credentials::Key(key)),
            (None, None) => Err(Refusal::new(ErrorCode::CredentialsMissing, "Give `token` or `key` with connect.")),
            (Some(_), Some(_)) => Err(json::invalid("Give `token` or `key` with connect, not both.")),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe<'a> {
    pub channel: ChannelName,
    pub token: Option<Cow<'a, str>>,
    pub position: Option<Position>,
    /// `None` if a position is given.
    pub rewind: Option<Rewind>,
    pub presence: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewind {
    /// 1 to [`LIMIT_MAX`] publications.
    Count(u32),
    /// At least one second, in milliseconds.
    DurationMs(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    pub channel: ChannelName,
    /// The size of its data is for the caller to judge.
    pub message: Message,
    pub id: Option<MessageId>,
    pub echo: bool,
    pub ephemeral: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub channel: ChannelName,
    /// 1 to [`LIMIT_MAX`].
    pub limit: u32,
    pub before: Option<Position>,
    pub after: Option<Position>,
    pub direction: Direction,
}

/// # Errors
/// The refusal, with the request's id if one could be read: then it is a reply, else a push.
pub fn decode(text: &str) -> Result<Request<'_>, (Option<u64>, Refusal)> {
    let frame = Fields::parse(text).map_err(|refusal| (None, refusal))?;
    let id = fields::request_id(&frame).map_err(|refusal| (None, refusal))?;
    operation(&frame).map(|operation| Request { id, operation }).map_err(|refusal| (Some(id), refusal))
}

fn operation<'a>(frame: &Fields<'a>) -> Result<Operation<'a>, Refusal> {
    let mut found = None;
    for (name, value) in frame.iter() {
        let Some(operation) = named(name, value) else { continue };
        if found.replace(operation?).is_some() {
            return Err(json::invalid("A request holds one operation; send the others as requests of their own."));
        }
    }
    found.ok_or_else(|| match frame.iter().find(|(name, _)| *name != "id") {
        Some((name, _)) => {
            let name = &name[..name.floor_char_boundary(NAME_SHOWN_MAX)];
            Refusal::new(ErrorCode::UnknownOperation, format!("There is no operation {name:?}."))
        }
        None => Refusal::new(ErrorCode::UnknownOperation, "The request holds no operation."),
    })
}

/// Bytes of an unknown operation's name that the refusal repeats.
const NAME_SHOWN_MAX: usize = 40;

/// `None` if there is no such operation.
fn named<'a>(name: &str, value: &'a RawValue) -> Option<Result<Operation<'a>, Refusal>> {
    let fields = || Fields::of(name, value);
    let channel = || fields().and_then(|fields| channel(&fields));
    let entered = || fields().and_then(|fields| Ok((fields::channel(&fields)?, presence_data(&fields)?)));
    Some(match name {
        "connect" => fields().and_then(|fields| connect(&fields)),
        "refresh" => fields().and_then(|fields| Ok(Operation::Refresh { token: fields.required_text("token")? })),
        "subscribe" => fields().and_then(|fields| subscribe(&fields)),
        "unsubscribe" => channel().map(|channel| Operation::Unsubscribe { channel }),
        "publish" => fields().and_then(|fields| publish(&fields)),
        "presence.enter" => entered().map(|(channel, data)| Operation::PresenceEnter { channel, data }),
        "presence.update" => entered().map(|(channel, data)| Operation::PresenceUpdate { channel, data }),
        "presence.leave" => channel().map(|channel| Operation::PresenceLeave { channel }),
        "presence.get" => channel().map(|channel| Operation::PresenceGet { channel }),
        "history" => fields().and_then(|fields| history(&fields)),
        "ping" => fields().map(|_| Operation::Ping),
        _ => return None,
    })
}

fn connect<'a>(fields: &Fields<'a>) -> Result<Operation<'a>, Refusal> {
    let version = match fields.get("version")? {
        None => Some(VERSION),
        Some(version) => version.get().parse().ok().filter(|version| *version == VERSION),
    };
    let (token, key, client) = (fields.text("token")?, fields.text("key")?, fields.text("client")?);
    Ok(Operation::Connect(Connect { token, key, client, version }))
}

fn subscribe<'a>(fields: &Fields<'a>) -> Result<Operation<'a>, Refusal> {
    let position = position(fields, "position")?;
    let rewind = rewind(fields)?.filter(|_| position.is_none());
    Ok(Operation::Subscribe(Subscribe {
        channel: channel(fields)?,
        token: fields.text("token")?,
        position,
        rewind,
        presence: fields.flag("presence")?,
    }))
}

fn rewind(fields: &Fields<'_>) -> Result<Option<Rewind>, Refusal> {
    let Some(value) = fields.get("rewind")? else { return Ok(None) };
    let rewind = match json::string(value) {
        Some(duration) => duration_ms(&duration).map(Rewind::DurationMs),
        None => value.get().parse().ok().filter(|count| (1..=LIMIT_MAX).contains(count)).map(Rewind::Count),
    };
    let expected = "`rewind` must be a number from 1 to 1,000 or a duration such as \"30s\", \"2m\" or \"1h\".";
    rewind.map(Some).ok_or_else(|| json::invalid(expected))
}

fn publish<'a>(fields: &Fields<'a>) -> Result<Operation<'a>, Refusal> {
    Ok(Operation::Publish(Publish {
        channel: channel(fields)?,
        message: fields::message(fields)?,
        id: message_id(fields)?,
        echo: fields.flag("echo")?,
        ephemeral: fields.flag("ephemeral")?,
    }))
}

fn presence_data(fields: &Fields<'_>) -> Result<Option<Arc<str>>, Refusal> {
    Ok(fields.raw("data")?.map(|data| data.get().into()))
}

fn history<'a>(fields: &Fields<'a>) -> Result<Operation<'a>, Refusal> {
    let limit = match fields.get("limit")? {
        None => LIMIT_DEFAULT,
        Some(limit) => fields::limit(limit.get())?,
    };
    let direction = fields.text("direction")?;
    Ok(Operation::History(History {
        channel: channel(fields)?,
        limit,
        before: position(fields, "before")?,
        after: position(fields, "after")?,
        direction: direction.map_or(Ok(Direction::Backwards), |direction| fields::direction(&direction))?,
    }))
}
