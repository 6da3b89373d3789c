//! `POST /events` and `POST /batch_events`.

use std::borrow::Cow;

use peal_core::{ChannelName, ConnectionId, Data, ErrorCode, Message, Refusal};
use serde_json::value::RawValue;

use super::Info;
use crate::event_name;
use crate::json::{self, Fields};

/// Channels of one event.
pub const CHANNELS_MAX: usize = 100;
/// Events of one batch.
pub const BATCH_MAX: usize = 10;

/// One event for one or more channels, none of them twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    pub channels: Vec<ChannelName>,
    pub message: Message,
    /// The connection that does not get it.
    pub exclude: Option<ConnectionId>,
    pub info: Info,
}

/// One event of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchEvent {
    pub channel: ChannelName,
    pub message: Message,
    pub exclude: Option<ConnectionId>,
    pub info: Info,
}

/// The body of `POST /events`. `data_bytes_max` is the app's limit.
///
/// # Errors
/// What is wrong with it; nothing may be delivered then.
pub fn decode_events(body: &[u8], data_bytes_max: usize) -> Result<Trigger, Refusal> {
    let fields = Fields::parse(json::utf8(body)?)?;
    let mut channels = Vec::new();
    match (fields.get("channels")?, fields.text("channel")?) {
        (Some(list), None) => {
            let names = json::array(list).ok_or_else(|| json::invalid("`channels` must be an array of names."))?;
            if names.len() > CHANNELS_MAX {
                return Err(ErrorCode::TooManyChannels.into());
            }
            for name in names {
                let name = json::string(name).ok_or_else(|| json::invalid("`channels` must be an array of names."))?;
                let name = ChannelName::parse_with_server_to_user(&name)?;
                if !channels.contains(&name) {
                    channels.push(name);
                }
            }
        }
        (None, Some(name)) => channels.push(ChannelName::parse_with_server_to_user(&name)?),
        (Some(_), Some(_)) => return Err(json::invalid("Give `channel` or `channels`, not both.")),
        (None, None) => {}
    }
    if channels.is_empty() {
        return Err(json::invalid("No channel is given; `channels` needs 1 to 100 names."));
    }
    let info = info(&fields)?;
    for channel in &channels {
        info.check(channel)?;
    }
    Ok(Trigger { message: message(&fields, data_bytes_max)?, exclude: exclude(&fields)?, info, channels })
}

/// The body of `POST /batch_events`.
///
/// # Errors
/// What is wrong with the first bad event; nothing may be delivered then.
pub fn decode_batch(body: &[u8], data_bytes_max: usize) -> Result<Vec<BatchEvent>, Refusal> {
    let fields = Fields::parse(json::utf8(body)?)?;
    let batch = fields.get("batch")?.ok_or_else(|| json::missing("batch"))?;
    let events = json::array(batch).ok_or_else(|| json::invalid("`batch` must be an array of events."))?;
    if events.len() > BATCH_MAX {
        return Err(Refusal::new(
            ErrorCode::BatchTooLarge,
            format!("The batch holds {} events; at most {BATCH_MAX} are allowed.", events.len()),
        ));
    }
    events.iter().enumerate().map(|(i, event)| batch_event(event, data_bytes_max).map_err(|refusal| at(i, refusal))).collect()
}

fn batch_event(event: &RawValue, data_bytes_max: usize) -> Result<BatchEvent, Refusal> {
    let fields = Fields::of("batch", event)?;
    let channel = ChannelName::parse_with_server_to_user(&fields.required_text("channel")?)?;
    let info = info(&fields)?;
    info.check(&channel)?;
    Ok(BatchEvent { message: message(&fields, data_bytes_max)?, exclude: exclude(&fields)?, info, channel })
}

fn message(fields: &Fields<'_>, data_bytes_max: usize) -> Result<Message, Refusal> {
    let name = event_name::parse(&fields.required_text("name")?)?;
    let data: Cow<'_, str> = fields.required_text("data")?;
    if data.len() > data_bytes_max {
        let why = format!("`data` has {} bytes; at most {data_bytes_max} are allowed.", data.len());
        return Err(Refusal::new(ErrorCode::MessageTooLarge, why).with_limit(data_bytes_max as u64, data.len() as u64));
    }
    Ok(Message::new(name, Data::Text((&*data).into())))
}

fn info(fields: &Fields<'_>) -> Result<Info, Refusal> {
    let info = fields.text("info")?.map_or(Ok(Info::default()), |list| Info::parse(&list))?;
    if info.cache {
        return Err(Refusal::new(ErrorCode::InfoNotAvailable, "The cache can be asked of GET /channels/NAME only."));
    }
    Ok(info)
}

fn exclude(fields: &Fields<'_>) -> Result<Option<ConnectionId>, Refusal> {
    fields.text("socket_id")?.map_or(Ok(None), |id| parse_socket_id(&id))
}

/// A `socket_id` to exclude. One that has the right form but cannot be ours is ignored, as an unknown one is.
///
/// # Errors
/// `socket_id_invalid`.
pub fn parse_socket_id(id: &str) -> Result<Option<ConnectionId>, Refusal> {
    let digits = |half: &str| !half.is_empty() && half.bytes().all(|b| b.is_ascii_digit());
    match id.split_once('.') {
        Some((a, b)) if digits(a) && digits(b) => Ok(ConnectionId::from_socket_id(id).ok()),
        _ => Err(ErrorCode::SocketIdInvalid.into()),
    }
}

/// Says which element of a list was refused.
fn at(index: usize, mut refusal: Refusal) -> Refusal {
    refusal.detail = format!("Event {index} of the batch: {}", refusal.detail);
    refusal
}
