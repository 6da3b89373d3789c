//! Clients that do not read, of a channel on which more comes than sockets hold. A Pusher client is closed for it, a native one goes on from
//! history or is told what it missed.

use std::io;
use std::time::Duration;

use peal_client::rest::Outgoing;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::resumer::Connection;
use super::work::{Place, Work};
use crate::sign::KEY;
use crate::storm::{Client, Seen};
use crate::wire;

const CHANNEL: &str = "flood";
const FLOOD_BYTES: usize = 8 * 1024;
const FLOOD_EVERY: Duration = Duration::from_millis(20);
/// Far more than sockets and queues hold comes meanwhile.
const ASLEEP: Duration = Duration::from_secs(20);
/// How long a client reads before and after.
const AWAKE: Duration = Duration::from_secs(5);
const SUBSCRIBED: &[u8] = b"pusher_internal:subscription_succeeded";

/// Messages without end.
pub(super) async fn flood(place: Place, work: Work) {
    let text = "x".repeat(FLOOD_BYTES);
    let mut every = tokio::time::interval(FLOOD_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut n = 0;
    while !work.is_stopped() {
        every.tick().await;
        n += 1;
        match place.rest.publish(CHANNEL, &Outgoing::new("flood", json!({"n": n, "text": text}))).await {
            Ok(_) => work.count(|done| done.flooded += 1),
            Err(error) => work.failed(format!("flood: {error}")),
        }
    }
}

pub(super) async fn native(place: Place, work: Work, _: usize) {
    while !work.is_stopped() {
        if let Err(error) = sleep_native(&place, &work).await {
            work.failed(format!("slow native: {error}"));
        }
    }
}

async fn sleep_native(place: &Place, work: &Work) -> io::Result<()> {
    let mut client = Client::new(CHANNEL.into());
    // It misses what it misses; the others check that nothing is lost.
    let mut seen = Seen::default();
    let mut connection = Connection::open(place, &mut client).await?;
    while !client.is_live() {
        if !connection.round(&mut client, &mut seen).await? {
            return Err(io::Error::other("it cannot subscribe"));
        }
    }
    work.pause(ASLEEP).await;
    let received = seen.received;
    let reading = async {
        while connection.round(&mut client, &mut seen).await? {}
        Ok::<(), io::Error>(())
    };
    if let Ok(ended) = tokio::time::timeout(AWAKE, reading).await {
        ended?;
    }
    if seen.received > received {
        work.count(|done| done.slow_went_on += 1);
    }
    Ok(())
}

pub(super) async fn pusher(place: Place, work: Work) {
    while !work.is_stopped() {
        match sleep_pusher(&place, &work).await {
            Ok(true) => work.count(|done| done.slow_closed += 1),
            Ok(false) => {}
            Err(error) => work.failed(format!("slow Pusher: {error}")),
        }
    }
}

/// Whether the server closed it.
async fn sleep_pusher(place: &Place, work: &Work) -> io::Result<bool> {
    let mut stream = TcpStream::connect(place.addr).await?;
    let head = format!(
        "GET /app/{KEY}?protocol=7&client=soak&version=1.0 HTTP/1.1\r\nHost: peal.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut bytes = Vec::new();
    let mut buffer = vec![0; FLOOD_BYTES];
    let mut asked = false;
    while wire::find(&bytes, SUBSCRIBED).is_none() {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(io::Error::other("it cannot subscribe"));
        }
        bytes.extend_from_slice(&buffer[..count]);
        if !asked && wire::find(&bytes, b"connection_established").is_some() {
            asked = true;
            let subscribe = json!({"event": "pusher:subscribe", "data": {"channel": CHANNEL}}).to_string();
            stream.write_all(&wire::masked(wire::TEXT, subscribe.as_bytes())).await?;
        }
    }
    work.pause(ASLEEP).await;
    let reading = async { while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {} };
    Ok(tokio::time::timeout(AWAKE, reading).await.is_ok())
}
