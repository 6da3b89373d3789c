//! What Pusher clients send (pusher.md section 4).

use std::borrow::Cow;

use peal_core::{Data, ErrorCode, Message, Refusal};
use serde_json::value::RawValue;

use crate::event_name;
use crate::json::{self, Fields};

/// One frame from a client. Channel names are not judged here, because a refusal must name the channel it is about.
#[derive(Debug, Clone)]
pub enum ClientFrame<'a> {
    /// `auth` is absent if empty, as pusher-js sends it for public channels.
    Subscribe {
        channel: Cow<'a, str>,
        auth: Option<Cow<'a, str>>,
        channel_data: Option<Cow<'a, str>>,
    },
    Unsubscribe {
        channel: Cow<'a, str>,
    },
    Signin {
        auth: Cow<'a, str>,
        user_data: Cow<'a, str>,
    },
    Ping,
    Pong,
    /// `event` begins with `client-`; `data` is `null` if it was absent.
    ClientEvent {
        event: Cow<'a, str>,
        channel: Cow<'a, str>,
        data: &'a RawValue,
    },
}

const CLIENT_PREFIX: &str = "client-";

/// # Errors
/// `nesting_too_deep`, `invalid_json`, `invalid_request`, `unknown_operation`, `event_name_invalid`: to be told by `pusher:error`; the
/// connection stays.
pub fn decode(text: &str) -> Result<ClientFrame<'_>, Refusal> {
    let frame = Fields::parse(text)?;
    let event = frame.required_text("event")?;
    Ok(match &*event {
        "pusher:subscribe" => {
            let data = Params::of(&frame)?;
            ClientFrame::Subscribe {
                channel: data.required("channel")?,
                auth: data.text("auth")?.filter(|auth| !auth.is_empty()),
                channel_data: data.text("channel_data")?,
            }
        }
        "pusher:unsubscribe" => ClientFrame::Unsubscribe { channel: Params::of(&frame)?.required("channel")? },
        "pusher:signin" => {
            let data = Params::of(&frame)?;
            ClientFrame::Signin { auth: data.required("auth")?, user_data: data.required("user_data")? }
        }
        "pusher:ping" => ClientFrame::Ping,
        "pusher:pong" => ClientFrame::Pong,
        name if name.starts_with(CLIENT_PREFIX) => {
            event_name::validate(name)?;
            let channel = frame.required_text("channel")?;
            ClientFrame::ClientEvent { channel, data: frame.raw("data")?.unwrap_or(RawValue::NULL), event }
        }
        name if name.starts_with("pusher:") || name.starts_with("pusher_internal:") => {
            return Err(Refusal::new(
                ErrorCode::UnknownOperation,
                "Clients send pusher:subscribe, unsubscribe, signin, ping and pong; no other event that begins with pusher.",
            ));
        }
        _ => {
            return Err(Refusal::new(ErrorCode::EventNameInvalid, "Events that a client sends must have a name that begins with client-"));
        }
    })
}

/// A client event as it goes to the broker: its data keep their JSON type.
#[must_use]
pub fn client_event_message(event: &str, data: &RawValue) -> Message {
    Message::new(event, Data::Json(data.get().into()))
}

/// `data` of a `pusher:` frame: an object, or (tolerated) a string that holds one.
enum Params<'a> {
    Object(Fields<'a>),
    Encoded(String),
}

impl<'a> Params<'a> {
    fn of(frame: &Fields<'a>) -> Result<Self, Refusal> {
        let data = frame.get("data")?.ok_or_else(|| json::missing("data"))?;
        match json::string(data) {
            Some(text) => Ok(Self::Encoded(text.into_owned())),
            None => Fields::of("data", data).map(Self::Object),
        }
    }

    fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
        match self {
            Self::Object(fields) => fields.text(name),
            Self::Encoded(text) => Ok(Fields::parse(text)?.text(name)?.map(|value| Cow::Owned(value.into_owned()))),
        }
    }

    fn required(&self, name: &str) -> Result<Cow<'a, str>, Refusal> {
        self.text(name)?.ok_or_else(|| json::missing(name))
    }
}
