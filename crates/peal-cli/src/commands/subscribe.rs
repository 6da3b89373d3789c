//! `peal subscribe`: prints what arrives on channels, over the native protocol with recovery, until it has seen enough.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use peal_client::{Client, ConnectOptions, Event, Message, Payload, Rewind, SubscribeOptions, Subscription};
use peal_core::token::Claims;
use peal_core::{Capabilities, ChannelName, Operation, Operations};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::mpsc;

use super::target::{SigningKey, TargetArgs};
use super::{channel_name, failure_of, printable};
use crate::failure::{Failure, Kind};
use crate::node;
use crate::shutdown::StopSignals;

/// Events between the subscriptions and the printing. When full, the subscriptions wait, and the client's own bounds apply.
const WAITING_MAX: usize = 1_000;
const TOKEN_LIFETIME_S: u64 = 3_600;

#[derive(Debug, Args)]
pub(crate) struct SubscribeArgs {
    /// The channels
    #[arg(required = true, value_parser = channel_name)]
    channels: Vec<ChannelName>,
    /// Stop after so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// First print up to so many messages that the channel has kept
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rewind: Option<u32>,
    /// Use this client token instead of minting one with the key
    #[arg(long, env = "PEAL_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<SecretString>,
    /// One JSON line per message
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(crate) fn run(args: &SubscribeArgs) -> Result<(), Failure> {
    let url = args.target.edge_url()?;
    let options = connect_options(args, &url)?;
    node::runtime()?.block_on(async {
        let mut signals = StopSignals::listen()?;
        tokio::select! {
            done = subscribe(args, options, &url) => done,
            _ = signals.next() => Err(Failure::new(Kind::Interrupted, "interrupted")),
        }
    })
}

fn connect_options(args: &SubscribeArgs, url: &str) -> Result<ConnectOptions, Failure> {
    let mut options = match &args.token {
        Some(token) => ConnectOptions::with_token(url, secrecy::ExposeSecret::expose_secret(token)),
        None => {
            let key = args.target.key()?;
            ConnectOptions::with_token_source(url, move || std::future::ready(own_token(&key)))
        }
    };
    options.client = concat!("peal-cli/", env!("CARGO_PKG_VERSION")).to_owned();
    Ok(options)
}

/// For whoever holds the key: every channel, reading only.
fn own_token(key: &SigningKey) -> Result<String, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let reading = Operations::of(&[Operation::Subscribe, Operation::History]);
    let claims = Claims {
        sub: Some("peal-cli".to_owned()),
        exp: now + TOKEN_LIFETIME_S,
        iat: Some(now),
        cap: Some(Capabilities::from_pairs([("*", reading), ("private-*", reading), ("presence-*", reading)])?),
        ..Claims::default()
    };
    peal_client::mint_token(&key.id, &key.secret, &claims).map_err(|_| "the token could not be signed".to_owned())
}

async fn subscribe(args: &SubscribeArgs, options: ConnectOptions, url: &str) -> Result<(), Failure> {
    let client = Client::connect(options).await.map_err(|error| failure_of(&error, url))?;
    let (sender, mut events) = mpsc::channel(WAITING_MAX);
    for channel in &args.channels {
        let mut wanted = SubscribeOptions::new(channel.as_str());
        wanted.rewind = args.rewind.map(Rewind::Count);
        let subscription = client.subscribe(wanted).await.map_err(|error| failure_of(&error, url))?;
        // On standard error, so that standard output holds messages alone.
        eprintln!("subscribed to {channel} from {}", subscription.began.position);
        tokio::spawn(forward(subscription, sender.clone()));
    }
    drop(sender);
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let Some((channel, event)) = events.recv().await else { break };
        left -= u64::from(matches!(event, Event::Message(_)));
        if !show(&channel, event, args.json, url)? {
            break;
        }
    }
    client.close().await;
    Ok(())
}

async fn forward(mut subscription: Subscription, events: mpsc::Sender<(String, Event)>) {
    let channel = subscription.channel().to_owned();
    while let Some(event) = subscription.next().await {
        if events.send((channel.clone(), event)).await.is_err() {
            return;
        }
    }
}

/// Whether anybody still reads.
fn show(channel: &str, event: Event, json: bool, url: &str) -> Result<bool, Failure> {
    let line = match event {
        Event::Message(message) if json => message_json(channel, &message)?,
        Event::Message(message) => message_text(channel, &message),
        Event::Discontinuity(missing) if json => {
            let position = |position: Option<peal_core::Position>| position.map(|position| position.to_string());
            json!({ "channel": channel, "discontinuity": { "reason": missing.reason, "from": position(missing.from), "to": position(missing.to) } })
                .to_string()
        }
        Event::Discontinuity(missing) => format!("{channel}  (messages are missing: {})", missing.reason),
        Event::Unsubscribed(error) => return Err(failure_of(&error, url)),
        Event::Presence(_) | Event::Members(_) => return Ok(true),
    };
    match writeln!(std::io::stdout(), "{line}") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::because("cannot print", &error)),
    }
}

fn message_text(channel: &str, message: &Message) -> String {
    let data = match &message.data {
        Payload::Json(json) => printable::json(json),
        Payload::Text(_) | Payload::Binary(_) => printable::text(&message.data.to_string()),
    };
    format!("{channel}  {}  {data}", printable::text(&message.event))
}

#[derive(Serialize)]
struct Line<'a> {
    channel: &'a str,
    event: &'a str,
    /// As published: parsing would round large numbers and refuse what only some parsers take.
    data: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    id: &'a str,
    position: Option<String>,
    ts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
}

fn message_json(channel: &str, message: &Message) -> Result<String, Failure> {
    let (data, encoding) = match &message.data {
        Payload::Json(text) => (RawValue::from_string(text.to_string()), None),
        Payload::Text(text) => (to_raw_value(text), Some("text")),
        Payload::Binary(_) => (to_raw_value(&message.data.to_string()), Some("base64")),
    };
    let line = data.and_then(|data| {
        serde_json::to_string(&Line {
            channel,
            event: &message.event,
            data,
            encoding,
            id: &message.id,
            position: message.position.map(|position| position.to_string()),
            ts: message.ts,
            client_id: message.client_id.as_deref(),
        })
    });
    line.map(|line| printable::json(&line)).map_err(|error| Failure::because("cannot print a message", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(event: &str, data: Payload) -> Message {
        Message { position: None, id: "i".into(), ts: 1, event: event.into(), data, client_id: None }
    }

    #[test]
    fn a_json_line_holds_the_data_exactly() {
        for data in ["1e400", r#""\ud800""#, "123456789012345678901234567890123", r#"{"b":1,"a":1.0,"a":2}"#] {
            let line = message_json("room", &message("e", Payload::Json(data.into()))).unwrap();
            assert_eq!(line, format!(r#"{{"channel":"room","event":"e","data":{data},"id":"i","position":null,"ts":1}}"#));
        }
    }

    #[test]
    fn what_is_no_json_says_so() {
        let line = message_json("room", &message("e", Payload::Text("hi\u{9b}\n".into()))).unwrap();
        assert!(line.contains(r#""data":"hi\u009b\n","encoding":"text""#), "{line}");
    }

    #[test]
    fn no_escape_sequence_reaches_the_terminal() {
        for data in [Payload::Text("\u{1b}[31m\n".into()), Payload::Json("\"\u{9b}31m\"".into())] {
            let line = message_text("room", &message("e\0\u{1b}[31mred", data));
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }
}
