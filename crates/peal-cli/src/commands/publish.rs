//! `peal publish`: messages signed with a key, as a customer's server sends them.

use std::io::Read;

use clap::Args;
use peal_client::rest::{Outgoing, Rest};
use peal_core::ChannelName;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::target::TargetArgs;
use super::{channel_name, failure_of};
use crate::failure::Failure;
use crate::node;

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// The channel
    #[arg(value_parser = channel_name)]
    channel: ChannelName,
    /// What to publish: JSON, or a text; - reads it from standard input
    data: String,
    /// The message's name
    #[arg(long, value_name = "EVENT", default_value = "message")]
    event: String,
    /// The message's id: a repeat within two minutes changes nothing; by default one is made up
    #[arg(long, value_name = "ID", conflicts_with = "count")]
    id: Option<String>,
    /// Deliver in order but do not keep
    #[arg(long)]
    ephemeral: bool,
    /// Publish it so many times
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// One JSON line per published message
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(crate) fn run(args: &PublishArgs) -> Result<(), Failure> {
    let (url, key) = (args.target.edge_url()?, args.target.key()?);
    let data = data(&args.data)?;
    let rest = Rest::new(&url, key.id.as_str(), key.secret.expose_secret()).map_err(|error| failure_of(&error, &url))?;
    node::runtime()?.block_on(async {
        for _ in 0..args.count {
            let mut message = Outgoing::new(args.event.as_str(), data.clone());
            message.ephemeral = args.ephemeral;
            message.id = args.id.clone().or(message.id);
            let published = rest.publish(args.channel.as_str(), &message).await.map_err(|error| failure_of(&error, &url))?;
            let position = published.position.map(|position| position.to_string());
            crate::print(&if args.json {
                format!("{}\n", json!({ "channel": args.channel.as_str(), "id": published.id, "position": position }))
            } else {
                format!("published {} to {} at {}\n", published.id, args.channel, position.as_deref().unwrap_or("no position (ephemeral)"))
            })?;
        }
        Ok(())
    })
}

/// A text that is not JSON needs no quotes, which shells make hard to type.
fn data(given: &str) -> Result<Value, Failure> {
    let mut text = given.to_owned();
    if given == "-" {
        text.clear();
        std::io::stdin().read_to_string(&mut text).map_err(|error| Failure::because("cannot read standard input", &error))?;
    }
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_json_is_a_text() {
        assert_eq!(data(r#"{"text":"hi"}"#).unwrap(), json!({ "text": "hi" }));
        assert_eq!(data("42").unwrap(), json!(42));
        assert_eq!(data("hello there").unwrap(), json!("hello there"));
        assert_eq!(data("{broken").unwrap(), json!("{broken"));
    }
}
