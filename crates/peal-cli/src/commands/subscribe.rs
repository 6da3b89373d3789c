//! `peal subscribe`: prints what arrives on channels, over the native protocol with recovery, until it has seen enough.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use peal_client::{Client, ConnectOptions, Event, Message, Payload, Rewind, SubscribeOptions, Subscription};
use peal_core::token::Claims;
use peal_core::{Capabilities, ChannelName, Operation, Operations};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::target::{SigningKey, TargetArgs};
use super::{channel_name, failure_of};
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
        Event::Message(message) if json => message_json(channel, &message).to_string(),
        Event::Message(message) => format!("{channel}  {}  {}", message.event, message.data),
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

fn message_json(channel: &str, message: &Message) -> Value {
    let (data, encoding) = match &message.data {
        Payload::Json(text) => (serde_json::from_str(text).unwrap_or(Value::Null), None),
        Payload::Text(text) => (Value::String(text.to_string()), Some("text")),
        Payload::Binary(_) => (Value::String(message.data.to_string()), Some("base64")),
    };
    let mut line = json!({
        "channel": channel,
        "event": *message.event,
        "data": data,
        "id": *message.id,
        "position": message.position.map(|position| position.to_string()),
        "ts": message.ts,
    });
    if let Some(encoding) = encoding {
        line["encoding"] = encoding.into();
    }
    if let Some(client_id) = &message.client_id {
        line["client_id"] = Value::String(client_id.to_string());
    }
    line
}
