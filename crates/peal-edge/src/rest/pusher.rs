//! Publishing with Pusher's server libraries: `POST /apps/{app}/events` and `/batch_events` (Pusher protocol 7).
//!
//! Order: signature, whether the app may send at all, the body as a whole, what the key may do, publish. So nothing of a bad batch is delivered.

use std::sync::Arc;
use std::time::Duration;

use peal_core::exchange::{BrokerError, Publish, Published};
use peal_core::gate::Gate;
use peal_core::usage::Protocol;
use peal_core::{App, ChannelName, ConnectionId, Draft, ErrorCode, Message, MessageId, Now, Operation, PublicationKind, Refusal, Topic};
use peal_hub::retention;
use peal_wire::pusher::rest::{Attributes, EMPTY, Info, decode_batch, decode_events, encode_batch_answer, encode_trigger_answer};
use uuid::Uuid;

use super::auth::{self, Caller};
use super::queries::attributes;
use super::{Answer, Call, json};
use crate::node::SharedNode;
use crate::usage::{Payer, local};

pub(crate) async fn events(node: &SharedNode, app: &str, call: &Call) -> Answer {
    let caller = auth::pusher(node, Some(app), call).await?;
    peek(node, &caller)?;
    let trigger = decode_events(&call.body, caller.app.limits.pusher_data_bytes as usize)?;
    for channel in &trigger.channels {
        require_publish(&caller, channel, &trigger.message)?;
    }
    admit(node, &caller, trigger.channels.len())?;
    let info = trigger.info;
    let now = node.now();
    let drafts =
        trigger.channels.iter().map(|channel| draft(&caller.app, channel, trigger.message.clone(), trigger.exclude, now)).collect();
    publish(node, &caller, drafts).await?;
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
    peek(node, &caller)?;
    let batch = decode_batch(&call.body, caller.app.limits.pusher_data_bytes as usize)?;
    for event in &batch {
        require_publish(&caller, &event.channel, &event.message)?;
    }
    admit(node, &caller, batch.len())?;
    let wants = batch.iter().any(|event| !event.info.is_empty());
    let asked: Vec<(ChannelName, Info)> = batch.iter().filter(|_| wants).map(|event| (event.channel.clone(), event.info)).collect();
    let now = node.now();
    let drafts = batch.into_iter().map(|event| draft(&caller.app, &event.channel, event.message, event.exclude, now)).collect();
    publish(node, &caller, drafts).await?;
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

/// Refuses before the body is parsed what [`admit`] would refuse whatever is in it.
pub(crate) fn peek(node: &SharedNode, caller: &Caller) -> Result<(), Refusal> {
    at_gate(node, caller, |gate, now| gate.peek(now.mono_ms, caller.app.limits.messages_per_second))
}

/// Whether the month's quota lets messages through, then takes them from what the app may send in a second, all or none.
pub(crate) fn admit(node: &SharedNode, caller: &Caller, count: usize) -> Result<(), Refusal> {
    at_gate(node, caller, |gate, now| gate.admit(now.mono_ms, caller.app.limits.messages_per_second, count as u32))
}

fn at_gate(node: &SharedNode, caller: &Caller, ask: impl FnOnce(&Gate, Now) -> Result<(), Refusal>) -> Result<(), Refusal> {
    let (directory, now) = (node.directory.current(), node.now());
    let Some(gate) = directory.gate(caller.app.id) else { return Ok(()) };
    let admitted = gate.quota_admit(now).and_then(|()| ask(gate, now));
    admitted.inspect_err(|refusal| local::count_rejected(now, caller, refusal))
}

/// # Errors
/// `message_too_large` by the channel's rule.
pub(crate) fn rule_size(app: &App, channel: &ChannelName, message: &Message) -> Result<(), Refusal> {
    let size = message.data.len() as u64;
    match app.rules.resolve(channel).message_bytes {
        Some(limit) if size > u64::from(limit) => {
            Err(Refusal::new(ErrorCode::MessageTooLarge, format!("The data has {size} bytes; the rule of {channel} allows {limit}."))
                .with_limit(limit.into(), size))
        }
        Some(_) | None => Ok(()),
    }
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

async fn publish(node: &SharedNode, caller: &Caller, drafts: Vec<Publish>) -> Result<(), Refusal> {
    let results = publish_paced(node, caller, drafts, Protocol::Pusher).await;
    results.into_iter().try_for_each(|result| result.map(drop)).map_err(|error| broker_refusal(&error))
}

/// Publishes at once. The answer waits while the app's fan-outs are behind, for [`PACE_MAX`] at most: whoever publishes in a loop goes as fast as cores
/// hand out, before anybody has to be refused.
pub(crate) async fn publish_paced(
    node: &SharedNode,
    caller: &Caller,
    drafts: Vec<Publish>,
    protocol: Protocol,
) -> Vec<Result<Published, BrokerError>> {
    let results = node.mux.publish(drafts, Payer::of(caller, protocol)).await;
    let behind = node.directory.current().gate(caller.app.id).filter(|gate| gate.is_paced()).map(Arc::clone);
    if let Some(gate) = behind {
        node.stats.publishes_paced.inc();
        // Boxed, since a request is small that need not wait here. Late is no error: then it is answered while they are behind.
        let _ = Box::pin(tokio::time::timeout(PACE_MAX, gate.caught_up())).await;
    }
    results
}

/// How long an answer may wait; with it the most that one who publishes in a loop can be slowed down for each publish.
const PACE_MAX: Duration = Duration::from_millis(100);

pub(crate) fn new_message_id(now: Now) -> MessageId {
    new_uuid(now).into()
}

/// A UUIDv7: sorts by time, unique without coordination. Its random part comes from this thread's generator, not from a system call.
pub(crate) fn new_uuid(now: Now) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(now.wall_ms, &rand::random()).into_uuid()
}

pub(crate) fn broker_refusal(error: &BrokerError) -> Refusal {
    match error {
        BrokerError::Away(why) => {
            tracing::warn!(why, "the broker is away");
            Refusal::new(ErrorCode::Unavailable, "Messages cannot be accepted right now; nothing was lost. Try again after retry_after.")
                .retry_after(1_000)
        }
        BrokerError::Unconfirmed(stored) => Refusal::of(ErrorCode::StoredNotConfirmed).stored_as(stored.id.clone()),
        BrokerError::PresenceFull { users_max } => {
            Refusal::of(ErrorCode::PresenceMembers).with_limit((*users_max).into(), u64::from(*users_max) + 1)
        }
    }
}
