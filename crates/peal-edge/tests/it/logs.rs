//! No secret, token or signature is ever logged. Every test of this suite is watched ([`peal_testkit::log_watch`]); this one presents
//! every kind of credentials, good and bad, and makes sure that the watch sees.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use peal_core::Capabilities;
use peal_core::signature::{NativeRequest, hmac_hex, pusher_user_text};
use peal_core::token::Claims;
use peal_testkit::log_watch;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::support::{APP, TestNode, channel_auth, now_s};

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_every_kind_are_presented_and_none_is_written() {
    let node = TestNode::start().await;
    over_http(&node).await;
    native(&node).await;
    pusher(&node).await;
    node.stop().await;
    assert!(log_watch::holds("a request was refused") && log_watch::holds("a connection ended"), "the log is watched");
}

async fn over_http(node: &TestNode) {
    assert_eq!(node.trigger(&APP, "room", "said", "x").await.status, 200);
    let path = "/v1/channels/room/messages";
    let body = json!({"event": "said", "data": "x"}).to_string();
    let secret = APP.secret().expose_secret().to_owned();
    let basic = STANDARD.encode(format!("{}:{secret}", APP.key));
    let misspelt = STANDARD.encode(format!("{}:{secret}x", APP.key));
    let request = NativeRequest { method: "POST", path, query: "", body: body.as_bytes() };
    let signed = request.authorization(APP.key, &APP.secret(), now_s());
    let (front, signature) = signed.rsplit_once('=').expect("it ends with the signature");
    let forged = format!("{front}={}", signature.chars().rev().collect::<String>());
    let token = APP.full_token("ada");
    for text in [basic.as_str(), &misspelt, signature] {
        log_watch::mark(text);
    }
    let cases = [
        (format!("Basic {basic}"), 200),
        (signed.clone(), 200),
        (format!("Bearer {token}"), 200),
        (format!("Basic {misspelt}"), 401),
        (forged, 401),
        (format!("Bearer {token}x"), 401),
        (format!("Unknown {basic}"), 401),
    ];
    for (authorization, status) in cases {
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let answer = node.http("POST", path, &headers, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

async fn native(node: &TestNode) {
    let mut socket = node.native(&APP, "ada").await;
    let scoped = Claims {
        sub: Some("ada".into()),
        exp: now_s() + 600,
        cap: Some(Capabilities::all()),
        ch: Some("private-a".into()),
        ..Claims::default()
    };
    let subscribe = json!({"id": 2, "subscribe": {"channel": "private-a", "token": APP.token(&scoped)}});
    assert!(socket.request(subscribe).await["id"].is_number());
    let refresh = json!({"id": 3, "refresh": {"token": APP.full_token("ada")}});
    assert!(socket.request(refresh).await["ok"].is_object());
    let stolen = json!({"id": 4, "refresh": {"token": APP.full_token("bob")}});
    assert!(socket.request(stolen).await["error"].is_object());
    let expired = APP.token(&Claims { exp: now_s() - 1, ..scoped });
    let mut refused = node.websocket("/v1/connect").await;
    assert!(refused.request(json!({"id": 1, "connect": {"token": expired, "version": 1}})).await["error"].is_object());
}

async fn pusher(node: &TestNode) {
    let (mut socket, id) = node.pusher(&APP).await;
    let subscribe = |auth: String| json!({"event": "pusher:subscribe", "data": {"channel": "private-a", "auth": auth}});
    socket.send(&subscribe(channel_auth(&APP, id, "private-b", None))).await;
    assert_eq!(socket.json().await["event"], "pusher:subscription_error");
    socket.send(&subscribe(channel_auth(&APP, id, "private-a", None))).await;
    while socket.json().await["event"] != "pusher_internal:subscription_succeeded" {}
    let user = json!({"id": "ada"}).to_string();
    let signature = hmac_hex(&APP.secret(), pusher_user_text(id, &user).as_bytes());
    log_watch::mark(&signature);
    socket.send(&json!({"event": "pusher:signin", "data": {"auth": format!("{}:{signature}", APP.key), "user_data": user}})).await;
    while socket.json().await["event"] != "pusher:signin_success" {}
}
