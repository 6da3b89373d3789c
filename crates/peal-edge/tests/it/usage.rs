//! A known mix through both protocols and HTTP counts exactly what docs/counting.md says, to the unit.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use peal_core::token::{Claims, mint};
use peal_core::usage::Metric;
use peal_core::{AppId, Capabilities, OrgId, Plan};
use peal_edge::EdgeConfig;
use peal_store::{AppSettings, Resolution, Store};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::changes::owner;
use crate::support::{APP, App, CANARY, Socket, TestNode, channel_auth, now_s};

/// Collected often, so that the mix is spread over several batches.
pub(crate) fn config() -> EdgeConfig {
    EdgeConfig { usage_every: Duration::from_millis(100), ..EdgeConfig::default() }
}

/// Everything an app used, by metric.
pub(crate) async fn used(store: &Store, app: &App) -> BTreeMap<Metric, u64> {
    let now = time::OffsetDateTime::now_utc();
    let (from, to) = (now - time::Duration::minutes(30), now + time::Duration::minutes(2));
    let app: AppId = app.id.parse().expect("digits");
    let mut used = BTreeMap::new();
    for point in store.usage_read(app, from, to, Resolution::Minute).await.expect("usage is read") {
        let total = used.entry(point.metric).or_insert(0);
        *total = if point.metric == Metric::PeakConnections { point.value.max(*total) } else { *total + point.value };
    }
    used
}

/// Reads frames until so many messages have come.
async fn messages(socket: &mut Socket, count: usize) {
    let mut seen = 0;
    while seen < count {
        let frame = socket.json().await;
        let of_pusher = frame["event"].as_str().is_some_and(|event| !event.starts_with("pusher"));
        seen += usize::from(of_pusher || frame["message"].is_object());
    }
}

async fn ok(socket: &mut Socket, request: Value) -> Value {
    let reply = socket.request(request).await;
    assert!(reply["ok"].is_object(), "{reply}");
    reply["ok"].clone()
}

async fn native_publish(node: &TestNode, channel: &str, body: Value) {
    let authorization = format!("Basic {}", STANDARD.encode(format!("{}:{}", APP.key, APP.secret().expose_secret())));
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let answer = node.http("POST", &format!("/v1/channels/{channel}/messages"), &headers, body.to_string().as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// More than the app may send in a second, so the refusal depends on no clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_publish_over_http_that_a_rate_refuses_is_one_refusal() {
    let node = TestNode::start_with(config()).await;
    let owner = owner(&node).await;
    let slow = |settings: &mut AppSettings, plan: &Plan| {
        settings.limits.change(&plan.limits, "messages_per_second", Some(1)).expect("less than the plan's");
        Ok(())
    };
    node.store.app_update(owner.org, owner.app, &owner.actor, slow).await.expect("changes");
    node.edge.refresh_directory().await;
    let two = json!({"name": "said", "channels": ["a", "b"], "data": "x"}).to_string();
    node.pusher_request(&APP, "POST", "/events", &[], &two).await.refused(429, "rate_limited");
    let event = json!({"name": "said", "channel": "a", "data": "x"});
    let batch = json!({"batch": [event, event, event]}).to_string();
    node.pusher_request(&APP, "POST", "/batch_events", &[], &batch).await.refused(429, "rate_limited");
    let authorization = format!("Bearer {}", APP.full_token("ada"));
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let body = json!([{"event": "e", "data": 1}, {"event": "e", "data": 2}]).to_string();
    node.http("POST", "/v1/channels/a/messages", &headers, body.as_bytes()).await.refused(429, "rate_limited");

    let (store, _database) = node.stop_and_keep().await;
    let used = used(&store, &APP).await;
    assert_eq!(used[&Metric::RejectedRate], 3, "one for each request");
    assert_eq!((used.get(&Metric::MessagesIn), used.get(&Metric::ApiRequests)), (None, None));
}

async fn console(node: &TestNode) -> Socket {
    let org = OrgId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
    let key = node.store.console_key(org, APP.id.parse().expect("digits")).await.expect("every app has one");
    let claims = Claims {
        sub: Some("console".into()),
        exp: now_s() + 300,
        cap: Some(Capabilities::all()),
        cls: Some("console".into()),
        ..Claims::default()
    };
    let token = mint(&key.id, &key.secret, &claims).expect("claims print");
    let mut socket = node.websocket("/v1/connect").await;
    ok(&mut socket, json!({"id": 1, "connect": {"token": token, "version": 1}})).await;
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_both_protocols_and_http_count_exactly() {
    let node = TestNode::start_with(config()).await;
    let (mut pusher, pusher_id) = node.pusher(&APP).await;
    let (mut other, other_id) = node.pusher(&APP).await;
    let (mut ada, mut bob) = (node.native(&APP, "ada").await, node.native(&APP, "bob").await);
    let mut console = console(&node).await;
    pusher.subscribe("room.a").await;
    other.subscribe("room.a").await;
    for native in [&mut ada, &mut bob, &mut console] {
        ok(native, json!({"id": 2, "subscribe": {"channel": "room.a"}})).await;
    }
    let (mut published, mut delivered, mut requests) = (0, 0, 0);
    // Three triggers to four subscribers, and the console, which is free.
    for _ in 0..3 {
        assert_eq!(node.trigger(&APP, "room.a", "said", "hello").await.status, 200);
        (published, delivered, requests) = (published + 1, delivered + 4, requests + 1);
    }
    // One to two channels, one of them empty; one that excludes a connection.
    let two = json!({"name": "said", "channels": ["room.a", "nobody"], "data": "x"}).to_string();
    assert_eq!(node.pusher_request(&APP, "POST", "/events", &[], &two).await.status, 200);
    (published, delivered, requests) = (published + 2, delivered + 4, requests + 1);
    let without = json!({"name": "said", "channels": ["room.a"], "data": "x", "socket_id": pusher_id.socket_id().to_string()}).to_string();
    assert_eq!(node.pusher_request(&APP, "POST", "/events", &[], &without).await.status, 200);
    (published, delivered, requests) = (published + 1, delivered + 3, requests + 1);
    // A batch over HTTP, whose first id comes again: a repeat is free. One of its messages has two units.
    let large = "y".repeat(20_000);
    native_publish(&node, "room.a", json!([{"event": "e", "data": 1, "id": "m1"}, {"event": "e", "data": large}])).await;
    native_publish(&node, "room.a", json!({"event": "e", "data": 1, "id": "m1"})).await;
    (published, delivered, requests) = (published + 1 + 2, delivered + 4 + 8, requests + 2);
    messages(&mut ada, 3 + 1 + 1 + 2).await;
    // From a connection: without and with echo, and a repeat.
    ok(&mut ada, json!({"id": 3, "publish": {"channel": "room.a", "event": "e", "data": 1, "id": "m2"}})).await;
    ok(&mut ada, json!({"id": 4, "publish": {"channel": "room.a", "event": "e", "data": 1, "id": "m2"}})).await;
    ada.send(&json!({"id": 5, "publish": {"channel": "room.a", "event": "e", "data": 1, "echo": true}})).await;
    messages(&mut ada, 1).await;
    messages(&mut console, 3 + 1 + 1 + 2 + 2).await;
    (published, delivered) = (published + 2, delivered + 3 + 4);
    // The console publishes for nothing; who receives it has received it.
    ok(&mut console, json!({"id": 6, "publish": {"channel": "room.a", "event": "e", "data": 1}})).await;
    delivered += 4;
    // Triggers: 3 + 1 + 1; native: 2 + 1 + 1 and the console's.
    messages(&mut pusher, 3 + 1 + 2 + 2 + 1).await;
    messages(&mut other, 3 + 1 + 1 + 2 + 2 + 1).await;
    messages(&mut bob, 3 + 1 + 1 + 2 + 2 + 1).await;
    messages(&mut ada, 1).await;
    // A client event, to the one other subscriber.
    for (socket, id) in [(&mut pusher, pusher_id), (&mut other, other_id)] {
        let auth = channel_auth(&APP, id, "private-b", None);
        socket.send(&json!({"event": "pusher:subscribe", "data": {"channel": "private-b", "auth": auth}})).await;
        assert_eq!(socket.json().await["event"], "pusher_internal:subscription_succeeded");
    }
    pusher.send(&json!({"event": "client-typing", "channel": "private-b", "data": {"at": 1}})).await;
    messages(&mut other, 1).await;
    (published, delivered) = (published + 1, delivered + 1);
    // A cached event.
    assert_eq!(node.trigger(&APP, "cache-c", "now", "42").await.status, 200);
    pusher.subscribe("cache-c").await;
    messages(&mut pusher, 1).await;
    (published, delivered, requests) = (published + 1, delivered + 1, requests + 1);
    // Refused, unknown, pinged, asked about: nothing, but a question is a request.
    assert_eq!(node.trigger(&APP, "no spaces", "said", "x").await.status, 400);
    assert!(ada.request(json!({"id": 7, "publish": {"channel": "no spaces", "event": "e", "data": 1}})).await["error"].is_object());
    ok(&mut ada, json!({"id": 8, "ping": {}})).await;
    pusher.alive().await;
    assert_eq!(node.pusher_request(&APP, "GET", "/channels", &[], "").await.status, 200);
    requests += 1;
    // Another app does not notice any of it.
    let (mut stranger, _) = node.pusher(&CANARY).await;
    stranger.subscribe("room.a").await;
    assert_eq!(node.trigger(&CANARY, "room.a", "said", "mine").await.status, 200);
    messages(&mut stranger, 1).await;

    let (store, _database) = node.stop_and_keep().await;
    let used_by_app = used(&store, &APP).await;
    assert_eq!(used_by_app[&Metric::MessagesIn], published);
    assert_eq!(used_by_app[&Metric::MessagesOut], delivered);
    assert_eq!(used_by_app[&Metric::ApiRequests], requests);
    assert_eq!(used_by_app[&Metric::ConnectionsOpened], 4);
    assert_eq!(used_by_app[&Metric::PeakConnections], 4);
    assert_eq!(used_by_app.get(&Metric::HistoryReads), None);
    assert_eq!(used_by_app.get(&Metric::PresenceOps), None);
    let others = used(&store, &CANARY).await;
    assert_eq!((others[&Metric::MessagesIn], others[&Metric::MessagesOut], others[&Metric::PeakConnections]), (1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_again_is_a_history_read_and_no_message_out() {
    let node = TestNode::start_with(config()).await;
    let mut ada = node.native(&APP, "ada").await;
    let before = ok(&mut ada, json!({"id": 2, "subscribe": {"channel": "room"}})).await;
    ok(&mut ada, json!({"id": 3, "unsubscribe": {"channel": "room"}})).await;
    for _ in 0..5 {
        assert_eq!(node.trigger(&APP, "room", "said", "x").await.status, 200);
    }
    let mut reads = 0;
    let mut rewound = node.native(&APP, "bob").await;
    assert_eq!(ok(&mut rewound, json!({"id": 2, "subscribe": {"channel": "room", "rewind": 3}})).await["replay"], 3);
    messages(&mut rewound, 3).await;
    reads += 3;
    let mut resumed = node.native(&APP, "cyd").await;
    let resume = json!({"id": 2, "subscribe": {"channel": "room", "position": before["position"]}});
    assert_eq!(ok(&mut resumed, resume).await["replay"], 5);
    messages(&mut resumed, 5).await;
    reads += 5;
    ok(&mut ada, json!({"id": 4, "history": {"channel": "room", "limit": 2}})).await;
    reads += 2;
    let authorization = format!("Bearer {}", APP.full_token("ada"));
    let answer = node.http("GET", "/v1/channels/room/messages?limit=4", &[("authorization", &authorization)], b"").await;
    assert_eq!((answer.status, answer.json()["messages"].as_array().map(Vec::len)), (200, Some(4)), "{answer:?}");
    reads += 4;
    // Live again for two: a message out each.
    assert_eq!(node.trigger(&APP, "room", "said", "x").await.status, 200);
    messages(&mut rewound, 1).await;
    messages(&mut resumed, 1).await;

    let (store, _database) = node.stop_and_keep().await;
    let used = used(&store, &APP).await;
    assert_eq!(used[&Metric::HistoryReads], reads);
    assert_eq!(used[&Metric::MessagesIn], 6);
    assert_eq!(used[&Metric::MessagesOut], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presence_change_is_one_in_and_one_out_per_connection_and_second() {
    let node = TestNode::start_with(config()).await;
    let channel = "presence-room";
    let (mut watcher, watcher_id) = node.pusher(&APP).await;
    let join = |id, user: &str| {
        let data = json!({ "user_id": user }).to_string();
        let auth = channel_auth(&APP, id, channel, Some(&data));
        json!({"event": "pusher:subscribe", "data": {"channel": channel, "auth": auth, "channel_data": data}})
    };
    watcher.send(&join(watcher_id, "watcher")).await;
    assert_eq!(watcher.json().await["event"], "pusher_internal:subscription_succeeded");
    let mut native = node.native(&APP, "nat").await;
    ok(&mut native, json!({"id": 2, "subscribe": {"channel": channel, "presence": true}})).await;
    // A second member: both are told once, in one way or the other.
    let (mut second, second_id) = node.pusher(&APP).await;
    second.send(&join(second_id, "second")).await;
    assert_eq!(second.json().await["event"], "pusher_internal:subscription_succeeded");
    assert_eq!(watcher.json().await["event"], "pusher_internal:member_added");
    assert!(native.json().await["presence"].is_object());
    // Two enters, then everybody else goes: nobody is left to be told.
    ok(&mut native, json!({"id": 3, "unsubscribe": {"channel": channel}})).await;
    watcher.send(&json!({"event": "pusher:unsubscribe", "data": {"channel": channel}})).await;
    assert_eq!(second.json().await["event"], "pusher_internal:member_removed");
    second.send(&json!({"event": "pusher:unsubscribe", "data": {"channel": channel}})).await;
    second.alive().await;

    let (store, _database) = node.stop_and_keep().await;
    let used = used(&store, &APP).await;
    assert_eq!(used[&Metric::PresenceOps], 4, "two enters and two leaves");
    assert_eq!(used[&Metric::MessagesIn], 4);
    assert_eq!(used[&Metric::MessagesOut], 3, "three connections, each in one second");
}
