//! Pusher's questions about channels: `GET /apps/{app}/channels…` (Pusher protocol 7).

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::{Path, State};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Response;
use peal_core::exchange::{Direction, HistoryQuery};
use peal_core::{App, ChannelName, Data, ErrorCode, Operation, Refusal, Topic};
use peal_hub::Occupancy;
use peal_wire::pusher::rest::{Attributes, CacheEntry, Info, encode_channel, encode_channels, encode_users};

use super::publish::broker_refusal;
use super::{Answer, Call, auth, json, query_parameter, refused};
use crate::node::SharedNode;

pub(crate) async fn channels(State(node): State<SharedNode>, Path(app): Path<String>, call: Call) -> Response<Body> {
    answer(&node, list(&node, &app, &call).await)
}

pub(crate) async fn channel(State(node): State<SharedNode>, Path((app, name)): Path<(String, String)>, call: Call) -> Response<Body> {
    answer(&node, one(&node, &app, &name, &call).await)
}

pub(crate) async fn users(State(node): State<SharedNode>, Path((app, name)): Path<(String, String)>, call: Call) -> Response<Body> {
    answer(&node, members(&node, &app, &name, &call).await)
}

fn answer(node: &SharedNode, answer: Answer) -> Response<Body> {
    answer.unwrap_or_else(|refusal| refused(node, &refusal))
}

async fn list(node: &SharedNode, app: &str, call: &Call) -> Answer {
    let caller = auth::pusher(node, Some(app), call).await?;
    caller.require_key(Operation::Inspect)?;
    let info = info_parameter(call)?;
    let prefix = query_parameter(&call.uri, "filter_by_prefix");
    info.check_list(prefix.as_deref())?;
    let counted = caller.app.features.subscription_count;
    let occupied = node.occupancy(caller.app.id, prefix).await;
    let listed = occupied.iter().filter(|entry| entry.channel.user().is_none()).map(|entry| {
        let attributes = Attributes {
            user_count: info.user_count.then(|| entry.users.unwrap_or(0).into()),
            subscription_count: (info.subscription_count && counted && !entry.channel.is_presence()).then(|| subscriptions(entry)),
        };
        (entry.channel.as_str(), attributes)
    });
    Ok(json(encode_channels(listed)))
}

fn info_parameter(call: &Call) -> Result<Info, Refusal> {
    query_parameter(&call.uri, "info").map_or(Ok(Info::default()), |list| Info::parse(&list))
}

async fn one(node: &SharedNode, app: &str, name: &str, call: &Call) -> Answer {
    let caller = auth::pusher(node, Some(app), call).await?;
    let channel = ChannelName::parse(name)?;
    caller.require(Operation::Inspect, &channel)?;
    let info = info_parameter(call)?;
    info.check(&channel)?;
    let values = attributes(node, &caller.app, &channel, info).await?;
    let occupied = occupancy(node, &caller.app, &channel).await.is_some();
    let cached = if info.cache { Some(cached(node, &caller.app, &channel).await?) } else { None };
    let entry = cached.as_ref().map(|cached| cached.as_ref().map(|(data, ttl_s)| CacheEntry { data, ttl_s: *ttl_s }));
    Ok(json(encode_channel(occupied, values, entry)))
}

/// Of the whole deployment, as far as this node knows.
fn subscriptions(entry: &Occupancy) -> u64 {
    u64::from(entry.subscriptions) + u64::from(entry.elsewhere)
}

async fn occupancy(node: &SharedNode, app: &App, channel: &ChannelName) -> Option<Occupancy> {
    node.occupancy(app.id, Some(channel.as_str().to_owned())).await.into_iter().find(|entry| entry.channel == *channel)
}

/// The counts asked for, of one channel.
///
/// # Errors
/// `info_not_available` where the app has not switched subscription counts on.
pub(crate) async fn attributes(node: &SharedNode, app: &App, channel: &ChannelName, info: Info) -> Result<Attributes, Refusal> {
    let mut attributes = Attributes::default();
    if info.user_count {
        attributes.user_count = Some(user_ids(node, app, channel).await?.len() as u64);
    }
    if info.subscription_count {
        if !app.features.subscription_count {
            return Err(Refusal::new(
                ErrorCode::InfoNotAvailable,
                "This app does not count subscriptions; switch subscription counts on for it.",
            ));
        }
        attributes.subscription_count = Some(occupancy(node, app, channel).await.map_or(0, |entry| subscriptions(&entry)));
    }
    Ok(attributes)
}

/// A cache channel keeps its last event for this long.
const CACHE_TTL_MS: u64 = 30 * 60 * 1000;

/// The last event of a cache channel and the seconds it will still be kept.
async fn cached(node: &SharedNode, app: &App, channel: &ChannelName) -> Result<Option<(String, u64)>, Refusal> {
    let now_ms = node.now().wall_ms;
    let query = HistoryQuery {
        topic: Topic::messages(app.id, channel.clone()),
        after: None,
        before: None,
        since_ms: Some(now_ms.saturating_sub(CACHE_TTL_MS)),
        direction: Direction::Backwards,
        limit: 1,
    };
    let page = node.mux.history(query).await.map_err(|error| broker_refusal(&error))?;
    let last = page.publications.first().and_then(|publication| Some((publication.ts, publication.messages().last()?)));
    Ok(last.map(|(ts, message)| {
        let data = match &message.data {
            Data::Text(text) | Data::Json(text) => text.to_string(),
            Data::Binary(bytes) => STANDARD.encode(bytes),
        };
        (data, CACHE_TTL_MS.saturating_sub(now_ms.saturating_sub(ts)) / 1000)
    }))
}

async fn members(node: &SharedNode, app: &str, name: &str, call: &Call) -> Answer {
    let caller = auth::pusher(node, Some(app), call).await?;
    let channel = ChannelName::parse(name)?;
    caller.require(Operation::Inspect, &channel)?;
    if !channel.is_presence() {
        return Err(Refusal::of(ErrorCode::NotAPresenceChannel));
    }
    let users = user_ids(node, &caller.app, &channel).await?;
    Ok(json(encode_users(users.iter().map(String::as_str))))
}

async fn user_ids(node: &SharedNode, app: &App, channel: &ChannelName) -> Result<BTreeSet<String>, Refusal> {
    let topic = Topic::presence(app.id, channel.clone());
    let members = node.mux.presence_members(topic).await.map_err(|error| broker_refusal(&error))?;
    Ok(members.members.iter().map(|member| member.user.to_string()).collect())
}
