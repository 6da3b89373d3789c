//! Publishing with Pusher's server libraries: `POST /apps/{app}/events` and `/batch_events` (Pusher protocol 7).
//!
//! Order: signature, whether the app may send at all, the body as a whole, what the key may do, publish. So nothing of a bad batch is delivered.

use peal_core::exchange::Publish;
use peal_core::usage::Protocol;
use peal_core::{App, ChannelName, ConnectionId, Draft, Message, Now, Operation, PublicationKind, Refusal, Topic};
use peal_hub::retention;
use peal_wire::pusher::rest::{Attributes, EMPTY, Info, decode_batch, decode_events, encode_batch_answer, encode_trigger_answer};

use super::auth::{self, Caller};
use super::publish::{Publisher, broker_refusal, new_message_id, rule_size};
use super::queries::attributes;
use super::{Answer, Call, json};
use crate::node::SharedNode;

pub(crate) async fn events(node: &SharedNode, app: &str, call: &Call) -> Answer {
    let caller = auth::pusher(node, Some(app), call).await?;
    let publisher = Publisher::of(node, &caller)?;
    let trigger = decode_events(&call.body, caller.app.limits.pusher_data_bytes as usize)?;
    for channel in &trigger.channels {
        require_publish(&caller, channel, &trigger.message)?;
    }
    publisher.admit(trigger.channels.len())?;
    let info = trigger.info;
    let now = node.now();
    let drafts =
        trigger.channels.iter().map(|channel| draft(&caller.app, channel, trigger.message.clone(), trigger.exclude, now)).collect();
    publish(&publisher, drafts).await?;
    if info.is_empty() {
        return Ok(json(EMPTY));
    }
    let mut answers = Vec::with_capacity(trigger.channels.len());
    for channel in &trigger.channels {
        answers.push((channel.as_str(), Box::pin(attributes(node, &caller.app, channel, info)).await?));
    }
    Ok(json(encode_trigger_answer(answers)))
}

pub(crate) async fn batch_events(node: &SharedNode, app: &str, call: &Call) -> Answer {
    let caller = auth::pusher(node, Some(app), call).await?;
    let publisher = Publisher::of(node, &caller)?;
    let batch = decode_batch(&call.body, caller.app.limits.pusher_data_bytes as usize)?;
    for event in &batch {
        require_publish(&caller, &event.channel, &event.message)?;
    }
    publisher.admit(batch.len())?;
    let wants = batch.iter().any(|event| !event.info.is_empty());
    let asked: Vec<(ChannelName, Info)> = batch.iter().filter(|_| wants).map(|event| (event.channel.clone(), event.info)).collect();
    let now = node.now();
    let drafts = batch.into_iter().map(|event| draft(&caller.app, &event.channel, event.message, event.exclude, now)).collect();
    publish(&publisher, drafts).await?;
    if asked.is_empty() {
        return Ok(json(EMPTY));
    }
    let mut answers: Vec<Attributes> = Vec::with_capacity(asked.len());
    for (channel, info) in &asked {
        answers.push(Box::pin(attributes(node, &caller.app, channel, *info)).await?);
    }
    Ok(json(encode_batch_answer(answers)))
}

/// What the key may do on this channel, and what the channel's rule allows.
fn require_publish(caller: &Caller, channel: &ChannelName, message: &Message) -> Result<(), Refusal> {
    caller.require(Operation::Publish, channel)?;
    rule_size(&caller.app, channel, message)
}

fn draft(app: &App, channel: &ChannelName, message: Message, exclude: Option<ConnectionId>, now: Now) -> Publish {
    let draft = Draft {
        id: new_message_id(now),
        idempotent: false,
        origin: exclude,
        client_id: None,
        ephemeral: false,
        client_event: false,
        kind: PublicationKind::Messages(vec![message]),
    };
    let rule = app.rules.resolve(channel);
    let topic = Topic::messages(app.id, channel.clone());
    Publish { topic, draft, retention: retention(rule, channel), durability: rule.durability }
}

async fn publish(publisher: &Publisher<'_>, drafts: Vec<Publish>) -> Result<(), Refusal> {
    let results = publisher.publish(drafts, Protocol::Pusher).await;
    results.into_iter().try_for_each(|result| result.map(drop)).map_err(|error| broker_refusal(&error))
}
