//! Bad input on the Pusher wire: answered with an error that says why, the connection kept, nothing left behind.

use serde_json::{Value, json};

use crate::support::{APP, CANARY, Socket, TestNode, channel_auth};

/// Sends a frame and expects `pusher:error`, whose data it returns; the connection stays.
async fn error(socket: &mut Socket, frame: &str) -> Value {
    socket.send_text(frame).await;
    let answer = socket.json().await;
    assert_eq!(answer["event"], "pusher:error", "{answer}");
    assert!(answer["data"]["message"].is_string(), "{answer}");
    socket.alive().await;
    answer["data"].clone()
}

/// Subscribes and expects a refusal: `pusher:subscription_error` on the channel and `pusher:error`, in this order.
async fn refused(socket: &mut Socket, data: Value) -> Value {
    socket.send(&json!({"event": "pusher:subscribe", "data": data})).await;
    let answer = socket.json().await;
    assert_eq!(answer["event"], "pusher:subscription_error", "{answer}");
    assert_eq!(socket.json().await["event"], "pusher:error");
    socket.alive().await;
    match &answer["data"] {
        Value::String(text) => serde_json::from_str(text).expect("JSON"),
        data => data.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_no_events_are_answered_and_the_connection_stays() {
    let node = TestNode::start().await;
    let (mut socket, _) = node.pusher(&APP).await;
    let deep = "[".repeat(20_000);
    for frame in [
        "",
        "{",
        "null",
        "[]",
        "42",
        "{}",
        r#"{"event":1}"#,
        r#"{"event":"pusher:frobnicate","data":{}}"#,
        r#"{"event":"pusher:subscribe"}"#,
        r#"{"event":"pusher:subscribe","data":{}}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":7}}"#,
        &deep,
        &format!(r#"{{"event":"client-x","channel":"private-a","data":{deep}}}"#),
        r#"{"event":"pusher_internal:member_added","channel":"presence-a","data":{}}"#,
    ] {
        error(&mut socket, frame).await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_that_may_not_be_joined_are_refused_with_a_reason() {
    let node = TestNode::start().await;
    let (mut socket, id) = node.pusher(&APP).await;
    for name in ["", "a b", "a#b", "ä", &"c".repeat(165)] {
        refused(&mut socket, json!({ "channel": name })).await;
    }
    refused(&mut socket, json!({"channel": "private-a"})).await;
    refused(&mut socket, json!({"channel": "private-a", "auth": "nonsense"})).await;
    refused(&mut socket, json!({"channel": "private-a", "auth": channel_auth(&APP, id, "private-b", None)})).await;
    refused(&mut socket, json!({"channel": "private-a", "auth": channel_auth(&CANARY, id, "private-a", None)})).await;
    let (_, other) = node.pusher(&APP).await;
    refused(&mut socket, json!({"channel": "private-a", "auth": channel_auth(&APP, other, "private-a", None)})).await;
    for data in [
        r#"{"user_info":{}}"#,
        "{}",
        "[]",
        "nonsense",
        r#"{"user_id":null}"#,
        r#"{"user_id":""}"#,
        &format!(r#"{{"user_id":"{}"}}"#, "u".repeat(129)),
    ] {
        let auth = channel_auth(&APP, id, "presence-a", Some(data));
        let answer = refused(&mut socket, json!({"channel": "presence-a", "auth": auth, "channel_data": data})).await;
        assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{answer}");
    }
    let tampered = channel_auth(&APP, id, "presence-a", Some(r#"{"user_id":"ada"}"#));
    refused(&mut socket, json!({"channel": "presence-a", "auth": tampered, "channel_data": r#"{"user_id":"eve"}"#})).await;
    refused(&mut socket, json!({"channel": "presence-a", "auth": channel_auth(&APP, id, "presence-a", None)})).await;
    let large = json!({"user_id": "ada", "user_info": "x".repeat(1_100)}).to_string();
    refused(
        &mut socket,
        json!({"channel": "presence-a", "auth": channel_auth(&APP, id, "presence-a", Some(&large)), "channel_data": large}),
    )
    .await;
    refused(&mut socket, json!({"channel": "#server-to-user-ada"})).await;
    drop(socket);
    node.settled().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_subscribe_is_harmless() {
    let node = TestNode::start().await;
    let (mut socket, _) = node.pusher(&APP).await;
    socket.subscribe("room").await;
    socket.send(&json!({"event": "pusher:subscribe", "data": {"channel": "room"}})).await;
    socket.alive().await;
    assert_eq!(node.trigger(&APP, "room", "once", "1").await.status, 200);
    assert_eq!(node.trigger(&APP, "room", "last", "2").await.status, 200);
    assert_eq!(socket.json().await["event"], "once");
    assert_eq!(socket.json().await["event"], "last");
    drop(socket);
    node.settled().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_and_protocols_are_told_after_the_upgrade() {
    let node = TestNode::start().await;
    for (path, code) in [
        ("/app/nobody?protocol=7", 4001),
        ("/app/appkey", 4008),
        ("/app/appkey?protocol=3", 4007),
        ("/app/appkey?protocol=8", 4007),
        ("/app/appkey?protocol=x", 4007),
        ("/behind/a/prefix/app/nobody?protocol=7", 4001),
    ] {
        let mut socket = node.websocket(path).await;
        assert_eq!(socket.closed().await, Some(code), "{path}");
    }
    for protocol in 4..=7 {
        let mut socket = node.websocket(&format!("/app/appkey?protocol={protocol}&flash=false&unknown=1")).await;
        assert_eq!(socket.json().await["event"], "pusher:connection_established");
    }
    node.settled().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_events_where_none_are_allowed_are_refused() {
    let node = TestNode::start().await;
    let (mut socket, id) = node.pusher(&APP).await;
    socket.subscribe("public").await;
    error(&mut socket, r#"{"event":"client-x","channel":"public","data":{}}"#).await;
    error(&mut socket, r#"{"event":"client-x","channel":"private-not-joined","data":{}}"#).await;
    let auth = channel_auth(&APP, id, "private-a", None);
    socket.send(&json!({"event": "pusher:subscribe", "data": {"channel": "private-a", "auth": auth}})).await;
    assert_eq!(socket.json().await["event"], "pusher_internal:subscription_succeeded");
    error(&mut socket, &json!({"event": "client-x", "channel": "private-a", "data": "x".repeat(10_241)}).to_string()).await;
    error(&mut socket, r#"{"event":"not-a-client-event","channel":"private-a","data":{}}"#).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bad_frames_ends_in_a_close_that_says_to_back_off() {
    let node = TestNode::start().await;
    let (mut socket, _) = node.pusher(&APP).await;
    for _ in 0..101 {
        socket.send_text("{").await;
    }
    assert_eq!(socket.closed().await, Some(4100));
    let mut native = node.native(&APP, "ada").await;
    for _ in 0..101 {
        native.send_text("{").await;
    }
    assert_eq!(native.closed().await, Some(4108));
    node.settled().await;
    node.stop().await;
}
