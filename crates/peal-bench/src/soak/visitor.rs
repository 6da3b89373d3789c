//! Clients that come, do what clients do, and go, politely or not.

use std::time::Duration;

use peal_client::pusher::PusherClient;
use peal_client::{Client, ClientError, ConnectOptions, Event, HistoryOptions, SubscribeOptions};
use rand::RngExt;
use serde_json::json;

use super::work::{Place, Work, shared};
use crate::sign::{KEY, SECRET};

/// How long a visit lasts, at least and at most.
const STAY_MS: std::ops::Range<u64> = 500..15_000;

/// Channels that each visitor has of its own, in turn. Names that never come again would make memory grow as it is meant to: a broker
/// remembers how far a quiet channel has come, for as long as somebody may come back to it.
const OWN: u64 = 8;

fn stay() -> Duration {
    Duration::from_millis(rand::rng().random_range(STAY_MS))
}

/// At least one visit, as each of the following.
pub(super) async fn native(place: Place, work: Work, number: usize) {
    loop {
        let visit = work.visit();
        if let Err(error) = visit_native(&place, &work, number, visit).await {
            work.failed(format!("native: {error}"));
        }
        if work.is_stopped() {
            return;
        }
    }
}

/// A shared channel with presence, and one of its own.
async fn visit_native(place: &Place, work: &Work, number: usize, visit: u64) -> Result<(), ClientError> {
    let token = place.token(&format!("visitor-{number}")).map_err(ClientError::UnexpectedAnswer)?;
    let client = Client::connect(ConnectOptions::with_token(&place.url, token)).await?;
    let channel = shared(number);
    let mut room = client.subscribe(SubscribeOptions::new(channel.as_str()).with_presence()).await?;
    client.presence_enter(&channel, Some(&json!({"visit": visit}))).await?;
    let own = format!("own.{number}.{}", visit % OWN);
    let mut mine = client.subscribe(own.as_str()).await?;
    place.rest.publish(&own, &peal_client::rest::Outgoing::new("hello", json!({"text": "x".repeat(100)}))).await?;
    client.publish(&own, "more", &json!({"n": visit})).await?;
    client.history(&own, HistoryOptions::default()).await?;
    // Ours that was published over HTTP; a client does not get its own.
    let mut received = 0;
    if matches!(mine.next().await, Some(Event::Message(_))) {
        received += 1;
    }
    work.pause(stay()).await;
    while let Some(event) = room.try_next() {
        received += u64::from(matches!(event, Event::Message(_)));
    }
    work.count(|done| done.received += received);
    if visit.is_multiple_of(2) {
        client.presence_leave(&channel).await?;
        drop(room);
        drop(mine);
        client.ping().await?;
    }
    client.close().await;
    Ok(())
}

pub(super) async fn pusher(place: Place, work: Work, number: usize) {
    loop {
        let visit = work.visit();
        if let Err(error) = visit_pusher(&place, &work, number, visit).await {
            work.failed(format!("Pusher: {error}"));
        }
        if work.is_stopped() {
            return;
        }
    }
}

/// A private channel of its own, a shared private and a shared presence channel. Two in three are just gone in the end.
async fn visit_pusher(place: &Place, work: &Work, number: usize, visit: u64) -> Result<(), ClientError> {
    let secret = SECRET.into();
    let mut client = PusherClient::connect(&place.url, KEY).await?;
    let (own, room) = (format!("private-own.{number}.{}", visit % OWN), format!("presence-room.{}", number % 3));
    client.subscribe_private(&own, &secret).await?;
    client.subscribe_private("private-shared", &secret).await?;
    client.subscribe_presence(&room, &secret, &format!("visitor-{number}"), json!({"visit": visit})).await?;
    client.subscribe(&shared(number)).await?;
    client.client_event("private-shared", "client-hello", json!({"from": visit})).await?;
    let staying = work.pause(stay());
    tokio::pin!(staying);
    let mut received = 0;
    loop {
        tokio::select! {
            () = &mut staying => break,
            event = client.next() => { event?; received += 1 }
        }
    }
    work.count(|done| done.received += received);
    if visit.is_multiple_of(3) {
        for channel in [own.as_str(), "private-shared", room.as_str(), shared(number).as_str()] {
            client.unsubscribe(channel).await?;
        }
        client.send("pusher:ping", json!({})).await?;
        client.wait_for("pusher:pong").await?;
    } else {
        work.count(|done| done.cuts += 1);
    }
    Ok(())
}
