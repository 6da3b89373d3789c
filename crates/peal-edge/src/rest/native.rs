//! Native REST: publish to a channel, read its history (protocol 7).

use axum::body::Body;
use axum::extract::{Path, State};
use http::Response;
use peal_core::exchange::{HistoryQuery, Publish};
use peal_core::usage::Protocol;
use peal_core::{ChannelName, Draft, Now, Operation, PublicationKind, Refusal, Topic};
use peal_hub::retention;
use peal_wire::native::rest::{
    PublishMessage, decode_history_query, decode_publish, encode_history, encode_published, encode_published_batch,
};

use super::auth::{self, Caller};
use super::publish::{Publisher, broker_refusal, new_message_id, rule_size};
use super::{Answer, Call, json, query_pairs, refused};
use crate::node::SharedNode;
use crate::usage::local;

/// `POST /v1/channels/{channel}/messages`: one message or an array of them.
pub(crate) async fn publish(node: &SharedNode, channel: &str, call: &Call) -> Answer {
    let caller = auth::native(node, call).await?;
    let publisher = Publisher::of(node, &caller)?;
    let channel = ChannelName::parse(channel)?;
    caller.require(Operation::Publish, &channel)?;
    let body = decode_publish(&call.body, caller.app.limits.message_bytes as usize)?;
    for message in &body.messages {
        rule_size(&caller.app, &channel, &message.message)?;
    }
    publisher.admit(body.messages.len())?;
    let now = node.now();
    let drafts = body.messages.into_iter().map(|message| draft(&caller, &channel, message, now)).collect();
    let results = publisher.publish(drafts, Protocol::Native).await;
    let results: Vec<_> = results.into_iter().map(|result| result.map_err(|error| broker_refusal(&error))).collect();
    if body.batch {
        // An item that failed answers for itself: the others are published.
        let items = results.iter().map(|result| result.as_ref().map(|published| (&published.id, published.position)));
        return Ok(json(encode_published_batch(items)));
    }
    let published = results.into_iter().next().ok_or(Refusal::of(peal_core::ErrorCode::Internal))??;
    Ok(json(encode_published(&published.id, published.position)))
}

fn draft(caller: &Caller, channel: &ChannelName, message: PublishMessage, now: Now) -> Publish {
    let PublishMessage { message, id, exclude, ephemeral } = message;
    let draft = Draft {
        idempotent: id.is_some(),
        id: id.unwrap_or_else(|| new_message_id(now)),
        origin: exclude,
        client_id: caller.client_id(),
        ephemeral,
        client_event: false,
        kind: PublicationKind::Messages(vec![message]),
    };
    let rule = caller.app.rules.resolve(channel);
    let topic = Topic::messages(caller.app.id, channel.clone());
    Publish { topic, draft, retention: retention(rule, channel), durability: rule.durability }
}

/// `GET /v1/channels/{channel}/messages`
pub(crate) async fn history(State(node): State<SharedNode>, Path(channel): Path<String>, call: Call) -> Response<Body> {
    read_history(&node, &channel, &call).await.unwrap_or_else(|refusal| refused(&node, &refusal))
}

async fn read_history(node: &SharedNode, channel: &str, call: &Call) -> Answer {
    let caller = auth::native(node, call).await?;
    let channel = ChannelName::parse(channel)?;
    caller.require(Operation::History, &channel)?;
    let asked = decode_history_query(channel, query_pairs(&call.uri))?;
    let query = HistoryQuery {
        topic: Topic::messages(caller.app.id, asked.channel),
        after: asked.after,
        before: asked.before,
        since_ms: None,
        direction: asked.direction,
        limit: asked.limit,
    };
    let page = node.mux.history(query).await.map_err(|error| broker_refusal(&error))?;
    let returned = page.publications.iter().map(|publication| publication.messages().len()).sum();
    local::count_history(node.now(), &caller, returned);
    Ok(json(encode_history(&page.publications, page.more)))
}
