//! Bad input on the native wire: wrong, expired, foreign and forged tokens, unknown operations, nesting.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use peal_core::Capabilities;
use peal_core::token::Claims;
use serde_json::{Value, json};

use crate::support::{APP, CANARY, TestNode, now_s};

/// Connects with a token that must be refused; the reply's error name and the close code.
async fn refused(node: &TestNode, connect: Value) -> (String, Option<u16>) {
    let mut socket = node.websocket("/v1/connect").await;
    let reply = socket.request(json!({"id": 1, "connect": connect})).await;
    let name = reply["error"]["name"].as_str().unwrap_or_else(|| panic!("no error in {reply}")).to_owned();
    assert!(reply["error"]["message"].is_string() && reply["error"]["code"].is_number(), "{reply}");
    (name, socket.closed().await)
}

fn claims() -> Claims {
    Claims { sub: Some("ada".into()), exp: now_s() + 60, cap: Some(Capabilities::all()), ..Claims::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_prove_nothing_are_refused() {
    let node = TestNode::start().await;
    let token = async |token: String| refused(&node, json!({"token": token, "version": 1})).await;
    let good = APP.token(&claims());
    let (head, rest) = good.split_once('.').expect("a JWT");
    let (payload, _) = rest.split_once('.').expect("a JWT");

    assert_eq!(token("nonsense".into()).await.0, "token_invalid");
    assert_eq!(token("x".repeat(3_000)).await.0, "token_invalid");
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT","kid":"appkey"}"#);
    assert_eq!(token(format!("{none}.{payload}.")).await.0, "token_invalid");
    for alg in ["HS512", "RS256", "ES256"] {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "kid": "appkey"}).to_string());
        assert_eq!(token(format!("{header}.{payload}.AAAA")).await.0, "token_invalid");
    }
    assert_eq!(token(format!("{head}.{payload}.{}", URL_SAFE_NO_PAD.encode([0; 32]))).await.0, "token_invalid");
    let more = URL_SAFE_NO_PAD.encode(json!({"sub": "root", "exp": now_s() + 60}).to_string());
    assert_eq!(token(good.replace(payload, &more)).await.0, "token_invalid");
    assert_eq!(token(APP.token(&Claims { exp: now_s() - 1, ..claims() })).await, ("token_expired".into(), Some(4401)));
    assert_eq!(token(APP.token(&Claims { exp: now_s() + 90_000, ..claims() })).await.0, "token_invalid");
    assert_eq!(token(APP.token(&Claims { iat: Some(now_s() + 100), ..claims() })).await.0, "token_invalid");
    assert_eq!(token(APP.token(&Claims { nbf: Some(now_s() + 100), ..claims() })).await.0, "token_invalid");
    let foreign = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "kid": "nobody"}).to_string());
    assert_eq!(token(format!("{foreign}.{payload}.AAAA")).await.0, "unknown_key");
    // Signed by the other app, but claiming this app's key.
    let signature = CANARY.token(&claims()).rsplit('.').next().expect("a signature").to_owned();
    assert_eq!(token(format!("{head}.{payload}.{signature}")).await.0, "token_invalid");
    assert_eq!(refused(&node, json!({"key": "nobody", "version": 1})).await, ("unknown_key".into(), Some(4001)));
    assert_eq!(refused(&node, json!({"version": 1})).await.0, "credentials_missing");
    assert_eq!(refused(&node, json!({"key": "appkey", "version": 99})).await.0, "protocol_version");
    node.settled().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_no_requests_are_answered_and_the_connection_stays() {
    let node = TestNode::start().await;
    let mut socket = node.native(&APP, "ada").await;
    let deep = "[".repeat(20_000);
    for frame in ["", "{", "[]", "7", &deep, &format!(r#"{{"id":2,"publish":{{"channel":"a","data":{deep}}}}}"#)] {
        socket.send_text(frame).await;
        let answer = socket.json().await;
        assert!(answer["error"]["name"].is_string(), "{frame:.60} was answered by {answer}");
    }
    for (request, name) in [
        (json!({"id": 3, "frobnicate": {}}), "unknown_operation"),
        (json!({"id": 4}), "unknown_operation"),
        (json!({"id": 5, "connect": {"key": "appkey", "version": 1}}), "already_connected"),
        (json!({"id": 6, "subscribe": {"channel": "a b"}}), "channel_name_invalid"),
        (json!({"id": 7, "subscribe": {"channel": "c".repeat(165)}}), "channel_name_invalid"),
        (json!({"id": 8, "subscribe": {"channel": "a", "position": "nonsense"}}), "position_invalid"),
        (json!({"id": 9, "publish": {"channel": "a", "event": "pusher:x", "data": 1}}), "event_name_invalid"),
        (json!({"id": 10, "publish": {"channel": "a", "id": "sp ace", "data": 1}}), "message_id_invalid"),
        (json!({"id": 11, "publish": {"channel": "a", "data": "x".repeat(66_000)}}), "message_too_large"),
        (json!({"id": 12, "history": {"channel": "a", "limit": 5000}}), "invalid_request"),
        (json!({"id": 13, "subscribe": {}}), "invalid_request"),
        (json!({"id": 14, "presence.enter": {"channel": "a", "data": "x".repeat(2_000)}}), "presence_data_too_large"),
    ] {
        let reply = socket.request(request.clone()).await;
        assert_eq!(reply["error"]["name"], name, "{request:.80} was answered by {reply}");
    }
    assert_eq!(socket.request(json!({"id": 99, "ping": {}})).await["ok"], json!({}));
    drop(socket);
    node.settled().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_works_before_connect_and_too_much_closes() {
    let node = TestNode::start().await;
    let mut socket = node.websocket("/v1/connect").await;
    let reply = socket.request(json!({"id": 1, "subscribe": {"channel": "a"}})).await;
    assert_eq!(reply["error"]["name"], "not_connected");
    let mut socket = node.websocket("/v1/connect").await;
    socket.send_text(&"x".repeat(5_000)).await;
    assert!(socket.closed().await.is_some());
    node.settled().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_it_names_and_nothing_else() {
    let node = TestNode::start().await;
    let connect = async |claims: Claims| {
        let mut socket = node.websocket("/v1/connect").await;
        let reply = socket.request(json!({"id": 1, "connect": {"token": APP.token(&claims), "version": 1}})).await;
        assert!(reply["ok"].is_object(), "{reply}");
        socket
    };
    let mut plain = connect(Claims { cap: None, ..claims() }).await;
    assert!(plain.request(json!({"id": 2, "subscribe": {"channel": "public"}})).await["ok"].is_object());
    for (id, request) in [
        (3, json!({"subscribe": {"channel": "private-a"}})),
        (4, json!({"publish": {"channel": "public", "data": 1}})),
        (5, json!({"history": {"channel": "public"}})),
    ] {
        let mut request = request;
        request["id"] = json!(id);
        assert_eq!(plain.request(request).await["error"]["name"], "not_authorised");
    }
    // A channel token opens one more channel.
    let channel_token = APP.token(&Claims { cap: None, ch: Some("private-a".into()), ..claims() });
    let reply = plain.request(json!({"id": 6, "subscribe": {"channel": "private-a", "token": channel_token}})).await;
    assert!(reply["ok"].is_object(), "{reply}");
    let foreign = CANARY.token(&Claims { cap: None, ch: Some("private-b".into()), ..claims() });
    let reply = plain.request(json!({"id": 7, "subscribe": {"channel": "private-b", "token": foreign}})).await;
    assert!(reply["error"]["name"].is_string(), "{reply}");
    node.stop().await;
}
