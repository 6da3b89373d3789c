//! The native protocol over real sockets: both wires on one channel, resume, idempotent publish, presence.

use serde_json::{Value, json};

use crate::support::{APP, Socket, TestNode, channel_auth};

async fn message(socket: &mut Socket) -> Value {
    loop {
        let frame = socket.json().await;
        if frame["message"].is_object() {
            return frame["message"].clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_wires_see_the_same_messages_in_the_same_order_on_both_cores() {
    let node = TestNode::start().await;
    let mut natives = [node.native(&APP, "a").await, node.native(&APP, "b").await];
    let mut pushers = [node.pusher(&APP).await.0, node.pusher(&APP).await.0];
    for (id, native) in natives.iter_mut().enumerate() {
        assert!(native.request(json!({"id": id + 2, "subscribe": {"channel": "room"}})).await["ok"].is_object());
    }
    for pusher in &mut pushers {
        pusher.subscribe("room").await;
    }
    let mut sender = node.native(&APP, "sender").await;
    for n in 0..20 {
        if n % 2 == 0 {
            let reply = sender.request(json!({"id": n + 2, "publish": {"channel": "room", "event": "n", "data": {"n": n}}})).await;
            assert!(reply["ok"]["position"].is_string(), "{reply}");
        } else {
            assert_eq!(node.trigger(&APP, "room", "n", &json!({ "n": n }).to_string()).await.status, 200);
        }
    }
    for native in &mut natives {
        for n in 0..20 {
            let message = message(native).await;
            let data = match &message["data"] {
                Value::String(text) => serde_json::from_str(text).expect("JSON"),
                data => data.clone(),
            };
            assert_eq!(data, json!({ "n": n }), "{message}");
            assert_eq!(message["encoding"] == "text", n % 2 == 1, "{message}");
        }
    }
    for pusher in &mut pushers {
        for n in 0..20 {
            let frame = pusher.json().await;
            assert_eq!(frame["data"], json!({ "n": n }).to_string(), "{frame}");
        }
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_away_resumes_on_any_core_without_a_gap() {
    let node = TestNode::start().await;
    let mut first = node.native(&APP, "ada").await;
    let reply = first.request(json!({"id": 2, "subscribe": {"channel": "room"}})).await;
    assert_eq!(reply["ok"]["recovered"], false, "{reply}");
    let position = reply["ok"]["position"].clone();
    drop(first);
    for n in 0..50 {
        assert_eq!(node.trigger(&APP, "room", "n", &n.to_string()).await.status, 200);
    }
    for client in ["b", "c"] {
        let mut again = node.native(&APP, client).await;
        let reply = again.request(json!({"id": 2, "subscribe": {"channel": "room", "position": position}})).await;
        assert_eq!((&reply["ok"]["recovered"], &reply["ok"]["replay"]), (&json!(true), &json!(50)), "{reply}");
        for n in 0..50 {
            assert_eq!(message(&mut again).await["data"], n.to_string());
        }
        assert_eq!(node.trigger(&APP, "room", "live", "now").await.status, 200);
        loop {
            if message(&mut again).await["event"] == "live" {
                break;
            }
        }
        // What was published meanwhile belongs to the next client's replay as well.
        if client == "b" {
            let mut late = node.native(&APP, "late").await;
            let reply = late.request(json!({"id": 2, "subscribe": {"channel": "room", "position": position}})).await;
            assert_eq!(reply["ok"]["replay"], 51, "{reply}");
            break;
        }
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_older_than_the_retention_is_told_and_what_is_kept_comes() {
    let node = TestNode::start().await;
    let mut first = node.native(&APP, "ada").await;
    let reply = first.request(json!({"id": 2, "subscribe": {"channel": "room"}})).await;
    let position = reply["ok"]["position"].clone();
    drop(first);
    for n in 0..150 {
        assert_eq!(node.trigger(&APP, "room", "n", &n.to_string()).await.status, 200);
    }
    let mut again = node.native(&APP, "ada").await;
    let reply = again.request(json!({"id": 2, "subscribe": {"channel": "room", "position": position}})).await;
    assert_eq!((&reply["ok"]["recovered"], &reply["ok"]["reason"]), (&json!(false), &json!("retention")), "{reply}");
    let replay = reply["ok"]["replay"].as_u64().expect("a count");
    assert!((100..150).contains(&replay), "{reply}");
    for n in (150 - replay)..150 {
        assert_eq!(message(&mut again).await["data"], n.to_string());
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_message_id_returns_the_first_result_and_delivers_nothing() {
    let node = TestNode::start().await;
    let mut listener = node.native(&APP, "ada").await;
    listener.request(json!({"id": 2, "subscribe": {"channel": "room"}})).await;
    let mut sender = node.native(&APP, "bob").await;
    let publish = |id: u64| json!({"id": id, "publish": {"channel": "room", "id": "only-once", "data": 1}});
    let first = sender.request(publish(2)).await;
    let second = sender.request(publish(3)).await;
    assert_eq!(first["ok"], second["ok"]);
    sender.request(json!({"id": 4, "publish": {"channel": "room", "data": "end"}})).await;
    assert_eq!(message(&mut listener).await["id"], "only-once");
    assert_eq!(message(&mut listener).await["data"], "end");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_is_one_truth_for_both_wires() {
    let node = TestNode::start().await;
    let mut native = node.native(&APP, "nina").await;
    let reply = native.request(json!({"id": 2, "subscribe": {"channel": "presence-room", "presence": true}})).await;
    assert_eq!(reply["ok"]["presence"]["count"], 0, "{reply}");
    native.request(json!({"id": 3, "presence.enter": {"channel": "presence-room", "data": {"name": "Nina"}}})).await;

    let (mut pusher, id) = node.pusher(&APP).await;
    let data = json!({"user_id": "paul", "user_info": {"name": "Paul"}}).to_string();
    let auth = channel_auth(&APP, id, "presence-room", Some(&data));
    pusher.send(&json!({"event": "pusher:subscribe", "data": {"channel": "presence-room", "auth": auth, "channel_data": data}})).await;
    let succeeded = pusher.json().await;
    let presence: Value = serde_json::from_str(succeeded["data"].as_str().expect("text")).expect("JSON");
    assert_eq!(presence["presence"]["count"], 2, "{presence}");
    assert_eq!(presence["presence"]["hash"]["nina"], json!({"name": "Nina"}));

    let entered = loop {
        let frame = native.json().await;
        if frame["presence"]["enter"].as_array().is_some_and(|enter| enter.iter().any(|member| member["client_id"] == "paul")) {
            break frame;
        }
    };
    assert_eq!(entered["presence"]["channel"], "presence-room");
    drop(pusher);
    loop {
        let frame = native.json().await;
        if frame["presence"]["leave"].as_array().is_some_and(|leave| leave.iter().any(|member| member["client_id"] == "paul")) {
            break;
        }
    }
    node.stop().await;
}
