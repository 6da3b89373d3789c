//! What connections leave behind: nothing.

use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{APP, TestNode, channel_auth};

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_end_in_any_way_leave_no_subscription_member_or_timer() {
    let node = TestNode::start().await;
    for round in 0..20 {
        let (mut pusher, id) = node.pusher(&APP).await;
        pusher.subscribe("room").await;
        let data = json!({"user_id": format!("user{round}")}).to_string();
        let auth = channel_auth(&APP, id, "presence-room", Some(&data));
        pusher.send(&json!({"event": "pusher:subscribe", "data": {"channel": "presence-room", "auth": auth, "channel_data": data}})).await;
        let mut native = node.native(&APP, "ada").await;
        native.request(json!({"id": 2, "subscribe": {"channel": "room", "presence": true}})).await;
        native.request(json!({"id": 3, "presence.enter": {"channel": "room"}})).await;
        if round % 2 == 0 {
            // A proper goodbye; otherwise the sockets are just dropped.
            pusher.stream.send(Message::Close(None)).await.expect("sends");
            native.stream.send(Message::Close(None)).await.expect("sends");
        }
    }
    node.settled().await;
    let users = node.pusher_request(&APP, "GET", "/channels/presence-room/users", &[], "").await;
    assert_eq!(users.json(), json!({"users": []}));
    let channels = node.pusher_request(&APP, "GET", "/channels", &[], "").await;
    assert_eq!(channels.json(), json!({"channels": {}}));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_never_say_anything_are_let_go() {
    let node = TestNode::start().await;
    let mut silent = node.websocket("/v1/connect").await;
    assert_eq!(silent.closed().await, Some(4107));
    node.settled().await;
    node.stop().await;
}
