//! `POST /events` and `POST /batch_events`.
//!
//! A body that holds what libraries send and nothing else is read in one pass, into [`Event`]. Any other is read again field by field,
//! which is where every refusal of a shape comes from. The first way takes nothing that the second does not, and nothing nests
//! deeper than its structs do: fields that are not known send a body the second way, which looks at its depth before anything else.

use std::sync::Arc;

use peal_core::{ChannelName, ConnectionId, Data, ErrorCode, Message, Refusal};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Info;
use crate::event_name;
use crate::json::{self, AtMost, Fields, Kept, Text};

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
    let text = json::utf8(body)?;
    match serde_json::from_str(text) {
        Ok(event) => trigger(event, data_bytes_max),
        Err(_) => trigger(Event::read(&Fields::parse(text)?, Channels::OneOrMany)?, data_bytes_max),
    }
}

fn trigger(event: Event<'_>, data_bytes_max: usize) -> Result<Trigger, Refusal> {
    let mut channels = Vec::new();
    match (&event.channels, &event.channel) {
        (Some(AtMost(names)), None) => {
            channels.reserve_exact(names.len());
            for Text(name) in names {
                let name = ChannelName::parse_with_server_to_user(name)?;
                if !channels.contains(&name) {
                    channels.push(name);
                }
            }
        }
        (None, Some(Text(name))) => channels.push(ChannelName::parse_with_server_to_user(name)?),
        (Some(_), Some(_)) => return Err(json::invalid("Give `channel` or `channels`, not both.")),
        (None, None) => {}
    }
    if channels.is_empty() {
        return Err(json::invalid("No channel is given; `channels` needs 1 to 100 names."));
    }
    let info = event.info()?;
    for channel in &channels {
        info.check(channel)?;
    }
    Ok(Trigger { exclude: event.exclude()?, message: event.message(data_bytes_max)?, info, channels })
}

/// The body of `POST /batch_events`.
///
/// # Errors
/// What is wrong with the first bad event; nothing may be delivered then.
pub fn decode_batch(body: &[u8], data_bytes_max: usize) -> Result<Vec<BatchEvent>, Refusal> {
    let text = json::utf8(body)?;
    if let Ok(Batch { batch: AtMost(events) }) = serde_json::from_str(text)
        && events.iter().all(|event: &Event<'_>| event.channel.is_some() && event.channels.is_none())
    {
        return events
            .into_iter()
            .enumerate()
            .map(|(i, event)| batch_event(event, data_bytes_max).map_err(|refusal| at(i, refusal)))
            .collect();
    }
    let fields = Fields::parse(text)?;
    let batch = fields.get("batch")?.ok_or_else(|| json::missing("batch"))?;
    let events = json::array(batch).ok_or_else(|| json::invalid("`batch` must be an array of events."))?;
    if events.len() > BATCH_MAX {
        return Err(Refusal::new(
            ErrorCode::BatchTooLarge,
            format!("The batch holds {} events; at most {BATCH_MAX} are allowed.", events.len()),
        ));
    }
    let read = |event: &RawValue| batch_event(Event::read(&Fields::of("batch", event)?, Channels::One)?, data_bytes_max);
    events.into_iter().enumerate().map(|(i, event)| read(event).map_err(|refusal| at(i, refusal))).collect()
}

fn batch_event(event: Event<'_>, data_bytes_max: usize) -> Result<BatchEvent, Refusal> {
    let Some(Text(channel)) = &event.channel else { return Err(json::missing("channel")) };
    let channel = ChannelName::parse_with_server_to_user(channel)?;
    let info = event.info()?;
    info.check(&channel)?;
    Ok(BatchEvent { exclude: event.exclude()?, message: event.message(data_bytes_max)?, info, channel })
}

/// The body of `POST /batch_events`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: AtMost<Event<'a>, BATCH_MAX>,
}

/// An event as it is written; `null` is nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event<'a> {
    #[serde(borrow)]
    channel: Option<Text<'a>>,
    #[serde(borrow)]
    channels: Option<AtMost<Text<'a>, CHANNELS_MAX>>,
    #[serde(borrow)]
    info: Option<Text<'a>>,
    #[serde(borrow)]
    socket_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Text<'a>,
    data: Kept,
}

/// Where an event may name its channels.
enum Channels {
    OneOrMany,
    One,
}

impl<'a> Event<'a> {
    /// Field by field, saying what is wrong.
    fn read(fields: &Fields<'a>, channels: Channels) -> Result<Self, Refusal> {
        let list = match channels {
            Channels::OneOrMany => fields.get("channels")?,
            Channels::One => None,
        };
        let text = |name| Ok::<_, Refusal>(fields.text(name)?.map(Text));
        Ok(Self {
            channels: list.map(names).transpose()?.map(AtMost),
            channel: text("channel")?,
            info: text("info")?,
            socket_id: text("socket_id")?,
            name: Text(fields.required_text("name")?),
            data: Kept(Arc::from(&*fields.required_text("data")?)),
        })
    }

    fn info(&self) -> Result<Info, Refusal> {
        let info = self.info.as_ref().map_or(Ok(Info::default()), |Text(list)| Info::parse(list))?;
        if info.cache {
            return Err(Refusal::new(ErrorCode::InfoNotAvailable, "The cache can be asked of GET /channels/NAME only."));
        }
        Ok(info)
    }

    fn exclude(&self) -> Result<Option<ConnectionId>, Refusal> {
        self.socket_id.as_ref().map_or(Ok(None), |Text(id)| parse_socket_id(id))
    }

    fn message(self, data_bytes_max: usize) -> Result<Message, Refusal> {
        let (Text(name), Kept(data)) = (self.name, self.data);
        let name = event_name::parse(&name)?;
        if data.len() > data_bytes_max {
            let why = format!("`data` has {} bytes; at most {data_bytes_max} are allowed.", data.len());
            return Err(Refusal::new(ErrorCode::MessageTooLarge, why).with_limit(data_bytes_max as u64, data.len() as u64));
        }
        Ok(Message::new(name, Data::Text(data)))
    }
}

fn names(list: &RawValue) -> Result<Vec<Text<'_>>, Refusal> {
    let not_names = || json::invalid("`channels` must be an array of names.");
    let names = json::array(list).ok_or_else(not_names)?;
    if names.len() > CHANNELS_MAX {
        return Err(ErrorCode::TooManyChannels.into());
    }
    names.into_iter().map(|name| json::string(name).map(Text).ok_or_else(not_names)).collect()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One field of an event, rarely a wrong one.
    fn field() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["name", "data", "channel", "channels", "info", "socket_id", "unknown", "na\\u006de"]);
        let value = prop::sample::select(vec![
            r#""a""#,
            r#""a""#,
            r#""a""#,
            r#""{\"a\":\"\\u00e9\"}""#,
            r#""longer than ten""#,
            r#""1.2""#,
            r#""user_count""#,
            r#""\ud800""#,
            r#""pusher:a""#,
            "null",
            "1",
            "[]",
            r#"["a","b"]"#,
            r#"["a",null]"#,
            "{}",
            "[[1]]",
        ]);
        (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"))
    }

    fn event() -> impl Strategy<Value = String> {
        let good = [r#""name":"a""#, r#""data":"{\"a\":1}""#, r#""channel":"a""#].map(str::to_owned);
        (prop::sample::subsequence(good.to_vec(), 0..=3), prop::collection::vec(field(), 0..3)).prop_map(|(mut fields, more)| {
            fields.extend(more);
            format!("{{{}}}", fields.join(","))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// What one pass takes, and what it then says, is what reading field by field takes and says.
        #[test]
        fn one_pass_and_field_by_field_agree(event in event()) {
            let slow = Fields::parse(&event).and_then(|fields| Event::read(&fields, Channels::OneOrMany)).and_then(|event| trigger(event, 10));
            if let Ok(fast) = serde_json::from_str::<Event<'_>>(&event) {
                prop_assert_eq!(&trigger(fast, 10), &slow);
            }
            prop_assert_eq!(decode_events(event.as_bytes(), 10), slow);
        }

        #[test]
        fn the_events_of_a_batch_agree_too(events in prop::collection::vec(event(), 0..12)) {
            let body = format!("{{\"batch\":[{}]}}", events.join(","));
            // A field that is not known sends the same batch the second way.
            let second = format!("{{\"unknown\":1,{}", &body[1..]);
            prop_assert_eq!(decode_batch(body.as_bytes(), 10), decode_batch(second.as_bytes(), 10));
        }
    }

    #[test]
    fn what_libraries_send_is_read_in_one_pass() {
        for body in
            [r#"{"name":"a","channels":["a","b"],"data":"{\"a\":1}","socket_id":null}"#, r#"{"data":"x","channel":"a","name":"\u00e9"}"#]
        {
            assert!(serde_json::from_str::<Event<'_>>(body).is_ok(), "{body}");
        }
        let batch =
            r#"{"batch":[{"channel":"a","name":"a","data":"{}","info":"subscription_count"},{"channel":"b","name":"a","data":""}]}"#;
        assert!(serde_json::from_str::<Batch<'_>>(batch).is_ok());
        assert!(
            serde_json::from_str::<Batch<'_>>(&format!("{{\"batch\":[{}]}}", ["{\"name\":\"a\",\"data\":\"\"}"; 11].join(","))).is_err()
        );
    }
}
