//! The raw Pusher client signs as a customer's server would.

use peal_core::ConnectionId;
use peal_core::signature::pusher_channel_matches;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::script::*;
use crate::ClientError;
use crate::dial::Address;
use crate::pusher::PusherClient;

fn secret() -> SecretString {
    "7ad3773142a6692b25b8".into()
}

async fn connected(script: &mut Script, dial: &crate::dial::Dial) -> (PusherClient, Peer) {
    let address = Address::parse("http://test").expect("valid");
    let serve = async {
        let mut peer = script.accept().await;
        let data = json!({"socket_id": "1234.1234", "activity_timeout": 120}).to_string();
        peer.send(json!({"event": "pusher:connection_established", "data": data})).await;
        peer
    };
    let (client, peer) = tokio::join!(PusherClient::connect_over(&address, dial, "k1"), serve);
    (client.expect("connected"), peer)
}

async fn frame(peer: &mut Peer) -> Value {
    serde_json::from_str(&peer.text().await).expect("JSON")
}

#[tokio::test(start_paused = true)]
async fn a_presence_subscription_is_signed_over_its_data() {
    let (dial, mut script) = script();
    let (mut client, mut peer) = connected(&mut script, &dial).await;
    assert_eq!(client.socket_id(), "1234.1234");
    let serve = async {
        let frame = frame(&mut peer).await;
        let (auth, data) = (frame["data"]["auth"].as_str().expect("auth"), frame["data"]["channel_data"].as_str().expect("data"));
        let connection = ConnectionId::from_socket_id("1234.1234").expect("valid");
        assert!(pusher_channel_matches(&secret(), connection, "presence-a", Some(data), auth.strip_prefix("k1:").expect("the key")));
        peer.send(json!({"event": "x", "channel": "presence-a", "data": "early"})).await;
        peer.send(json!({"event": "pusher_internal:subscription_succeeded", "channel": "presence-a", "data": "{\"presence\":{}}"})).await;
        peer.send(json!({"event": "y", "channel": "presence-a", "data": "{\"n\":1}"})).await;
    };
    let secret = secret();
    let (answer, ()) = tokio::join!(client.subscribe_presence("presence-a", &secret, "7", Value::Null), serve);
    assert_eq!(answer.expect("subscribed").json()["presence"], json!({}));
    assert_eq!(client.wait_for("y").await.expect("arrives").json()["n"], 1);
    assert_eq!(client.next().await.expect("passed over").data(), "early");
}

#[tokio::test(start_paused = true)]
async fn refusals_and_pings_are_as_pusher_has_them() {
    let (dial, mut script) = script();
    let (mut client, mut peer) = connected(&mut script, &dial).await;
    peer.send(json!({"event": "pusher:ping", "data": {}})).await;
    assert_eq!(client.next().await.expect("shown").event, "pusher:ping");
    assert_eq!(frame(&mut peer).await["event"], "pusher:pong");
    peer.send(json!({"event": "pusher:subscription_error", "channel": "private-a", "data": {"type": "AuthError"}})).await;
    let error = client.subscribe_private("private-a", &secret()).await.expect_err("refused");
    assert!(error.to_string().contains("AuthError"));
    let close = peer.close(4009);
    let (error, ()) = tokio::join!(client.next(), close);
    assert_eq!(error.expect_err("closed"), ClientError::ClosedByServer { code: 4009, reason: "because".into() });
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_shows_its_close_code() {
    let (dial, mut script) = script();
    let address = Address::parse("http://test").expect("valid");
    let serve = async {
        let mut peer = script.accept().await;
        peer.send(json!({"event": "pusher:error", "data": {"code": 4001, "message": "no app"}})).await;
        peer.close(4001).await;
    };
    let (client, ()) = tokio::join!(PusherClient::connect_over(&address, &dial, "k1"), serve);
    assert!(matches!(client.expect_err("refused"), ClientError::ClosedByServer { code: 4001, .. }));
}
