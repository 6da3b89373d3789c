//! Fields that several requests share, with one rule each.

use peal_core::exchange::Direction;
use peal_core::{ChannelName, ConnectionId, Data, ErrorCode, Message, MessageId, Position, Refusal};
use serde_json::value::RawValue;

use super::LIMIT_MAX;
use crate::event_name;
use crate::json::{self, Fields};

const EVENT_DEFAULT: &str = "message";
const ID_MAX: u64 = (1 << 53) - 1;
/// A rewind may reach this far back: more than any plan keeps.
const DURATION_MAX_S: u64 = 30 * 24 * 3600;

pub(super) fn request_id(frame: &Fields<'_>) -> Result<u64, Refusal> {
    let id = frame.raw("id")?.ok_or_else(|| json::missing("id"))?;
    let id = id.get().parse().ok().filter(|id| (1..=ID_MAX).contains(id));
    id.ok_or_else(|| json::invalid("`id` must be an integer from 1 to 2^53 - 1."))
}

pub(super) fn channel(fields: &Fields<'_>) -> Result<ChannelName, Refusal> {
    ChannelName::parse(&fields.required_text("channel")?)
}

/// Event and data. Either may be left out, but not both: that is a mistake in the names of the fields.
pub(super) fn message(fields: &Fields<'_>) -> Result<Message, Refusal> {
    let (event, data) = (fields.text("event")?, fields.raw("data")?);
    if event.is_none() && data.is_none() {
        return Err(json::invalid("Give `event`, `data` or both."));
    }
    let event = event_name::parse(event.as_deref().unwrap_or(EVENT_DEFAULT))?;
    Ok(Message::new(event, Data::Json(data.map_or("null", RawValue::get).into())))
}

pub(super) fn message_id(fields: &Fields<'_>) -> Result<Option<MessageId>, Refusal> {
    let id = fields.text("id")?;
    id.map(|id| id.parse().map_err(|_| ErrorCode::MessageIdInvalid.into())).transpose()
}

pub(super) fn connection_id(fields: &Fields<'_>, name: &str) -> Result<Option<ConnectionId>, Refusal> {
    let id = fields.text(name)?;
    id.map(|id| id.parse().map_err(|_| json::invalid(format!("`{name}` is not the id of a connection.")))).transpose()
}

pub(super) fn position(fields: &Fields<'_>, name: &str) -> Result<Option<Position>, Refusal> {
    fields.text(name)?.map(|position| parse_position(&position)).transpose()
}

pub(super) fn parse_position(position: &str) -> Result<Position, Refusal> {
    position.parse().map_err(|_| ErrorCode::PositionInvalid.into())
}

pub(super) fn limit(limit: &str) -> Result<u32, Refusal> {
    let limit = limit.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| json::invalid("`limit` must be an integer from 1 to 1,000."))
}

pub(super) fn direction(direction: &str) -> Result<Direction, Refusal> {
    match direction {
        "backwards" => Ok(Direction::Backwards),
        "forwards" => Ok(Direction::Forwards),
        _ => Err(json::invalid("`direction` must be \"backwards\" or \"forwards\".")),
    }
}

/// `30s`, `2m`, `1h`.
pub(super) fn duration_ms(text: &str) -> Option<u64> {
    let (digits, unit_s) = match text.as_bytes().last()? {
        b's' => (&text[..text.len() - 1], 1),
        b'm' => (&text[..text.len() - 1], 60),
        b'h' => (&text[..text.len() - 1], 3_600),
        _ => return None,
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit_s)?;
    (1..=DURATION_MAX_S).contains(&seconds).then_some(seconds * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration_ms("30s"), Some(30_000));
        assert_eq!(duration_ms("2m"), Some(120_000));
        assert_eq!(duration_ms("720h"), Some(2_592_000_000));
        for bad in ["", "s", "0s", "-1s", "+1s", "1.5h", "1", "1d", "721h", "99999999999999999999h", "1é", "é"] {
            assert_eq!(duration_ms(bad), None, "{bad}");
        }
    }
}
