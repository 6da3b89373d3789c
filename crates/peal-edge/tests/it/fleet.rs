//! Two nodes on one Redis: one order for everybody, members of both, and a Redis that dies and comes back empty.

use peal_broker::{RedisBroker, RedisOptions};
use peal_edge::EdgeConfig;
use peal_store::Store;
use peal_testkit::postgres::TestDb;
use peal_testkit::redis::RedisServer;
use serde_json::{Value, json};

use crate::support::{APP, Socket, TestNode, channel_auth, within};

pub(crate) struct Fleet {
    pub(crate) redis: RedisServer,
    pub(crate) nodes: [TestNode; 2],
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        let redis = RedisServer::start();
        let database = TestDb::create().await;
        let store = TestNode::store(database.url()).await;
        let first = node(&redis, Some(database), store.clone()).await;
        let second = node(&redis, None, store).await;
        let fleet = Self { redis, nodes: [first, second] };
        fleet.ready().await;
        fleet
    }

    async fn ready(&self) {
        within(async {
            while self.nodes.iter().any(|node| !node.edge.unready().is_empty()) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    pub(crate) async fn stop(self) {
        let [first, second] = self.nodes;
        second.stop().await;
        first.stop().await;
    }
}

async fn node(redis: &RedisServer, database: Option<TestDb>, store: Store) -> TestNode {
    let opening = RedisBroker::open(RedisOptions::new(&redis.url()).expect("a URL")).await.expect("opens");
    let config = EdgeConfig { node: opening.node(), ..EdgeConfig::default() };
    TestNode::start_around(config, database, store, |inbox, _| opening.broker(inbox)).await
}

/// The next of these pushes.
async fn push(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let frame = socket.json().await;
        if !frame[kind].is_null() {
            return frame[kind].clone();
        }
        assert!(frame["discontinuity"].is_null(), "{frame}");
    }
}

async fn native_subscriber(node: &TestNode, client: &str, channel: &str) -> Socket {
    let mut socket = node.native(&APP, client).await;
    let reply = socket.request(json!({"id": 2, "subscribe": {"channel": channel}})).await;
    assert!(reply["ok"].is_object(), "{reply}");
    socket
}

async fn pusher_subscriber(node: &TestNode, channel: &str) -> Socket {
    let mut socket = node.pusher(&APP).await.0;
    socket.subscribe(channel).await;
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_both_protocols_on_both_nodes_see_one_order() {
    let fleet = Fleet::start().await;
    let [one, two] = &fleet.nodes;
    let mut natives = [native_subscriber(one, "a", "room").await, native_subscriber(two, "b", "room").await];
    let mut pushers = [pusher_subscriber(one, "room").await, pusher_subscriber(two, "room").await];
    let publish = async |node: &TestNode, from: usize| {
        for n in from..from + 20 {
            assert_eq!(node.trigger(&APP, "room", "n", &n.to_string()).await.status, 200);
        }
    };
    tokio::join!(publish(one, 0), publish(two, 100));
    let mut orders = Vec::new();
    for native in &mut natives {
        let mut order = Vec::new();
        for _ in 0..40 {
            order.push(push(native, "message").await["data"].clone());
        }
        orders.push(order);
    }
    for pusher in &mut pushers {
        let mut order = Vec::new();
        for _ in 0..40 {
            order.push(pusher.json().await["data"].clone());
        }
        orders.push(order);
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "{orders:?}");
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_resumes_on_another_node_without_a_gap() {
    let fleet = Fleet::start().await;
    let [one, two] = &fleet.nodes;
    let mut ada = one.native(&APP, "ada").await;
    let reply = ada.request(json!({"id": 2, "subscribe": {"channel": "room"}})).await;
    let position = reply["ok"]["position"].clone();
    drop(ada);
    for n in 0..30 {
        assert_eq!(one.trigger(&APP, "room", "n", &n.to_string()).await.status, 200);
    }
    let mut ada = two.native(&APP, "ada").await;
    let reply = ada.request(json!({"id": 2, "subscribe": {"channel": "room", "position": position}})).await;
    assert_eq!((&reply["ok"]["recovered"], &reply["ok"]["replay"]), (&json!(true), &json!(30)), "{reply}");
    for n in 0..30 {
        assert_eq!(push(&mut ada, "message").await["data"], n.to_string());
    }
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_on_both_nodes_see_each_other() {
    let fleet = Fleet::start().await;
    let [one, two] = &fleet.nodes;
    let join = async |node: &TestNode, user: &str| {
        let (mut socket, id) = node.pusher(&APP).await;
        let data = json!({"user_id": user, "user_info": {}}).to_string();
        let auth = channel_auth(&APP, id, "presence-room", Some(&data));
        socket.send(&json!({"event": "pusher:subscribe", "data": {"channel": "presence-room", "auth": auth, "channel_data": data}})).await;
        let answer = socket.json().await;
        assert_eq!(answer["event"], "pusher_internal:subscription_succeeded", "{answer}");
        let data: Value = serde_json::from_str(answer["data"].as_str().expect("text")).expect("JSON");
        (socket, data["presence"]["ids"].clone())
    };
    let (mut ada, ids) = join(one, "ada").await;
    assert_eq!(ids, json!(["ada"]));
    let (bob, ids) = join(two, "bob").await;
    assert_eq!(ids, json!(["ada", "bob"]));
    let added = ada.json().await;
    assert_eq!(added["event"], "pusher_internal:member_added", "{added}");
    drop(bob);
    let removed = ada.json().await;
    assert_eq!(removed["event"], "pusher_internal:member_removed", "{removed}");
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_dies_and_comes_back_empty_costs_a_pause_and_no_connection() {
    let mut fleet = Fleet::start().await;
    let quiet = native_subscriber(&fleet.nodes[1], "quiet", "quiet").await;
    let mut native = native_subscriber(&fleet.nodes[0], "a", "room").await;
    let mut pusher = pusher_subscriber(&fleet.nodes[1], "room").await;
    let mut idle = pusher_subscriber(&fleet.nodes[0], "idle").await;
    let before = fleet.nodes[0].trigger(&APP, "room", "n", "before").await;
    assert_eq!(before.status, 200);
    assert_eq!(push(&mut native, "message").await["data"], "before");
    assert_eq!(pusher.json().await["data"], "before");

    fleet.redis.kill();
    within(async {
        while fleet.nodes.iter().any(|node| !node.edge.unready().iter().any(|why| why.contains("Redis"))) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for node in &fleet.nodes {
        assert_eq!(node.http("GET", "/readyz", &[], b"").await.status, 503);
        node.trigger(&APP, "room", "n", "lost").await.refused(503, "unavailable");
    }
    let refused = native.request(json!({"id": 3, "publish": {"channel": "room", "event": "n", "data": 1}})).await;
    assert_eq!(refused["error"]["name"], "unavailable", "{refused}");
    pusher.alive().await;

    fleet.redis.restart();
    fleet.ready().await;
    for (node, text) in fleet.nodes.iter().zip(["one", "two"]) {
        assert_eq!(node.trigger(&APP, "room", "n", text).await.status, 200);
        assert_eq!(push(&mut native, "message").await["data"], text);
        assert_eq!(pusher.json().await["data"], text, "the connection is the same");
    }
    assert_eq!(fleet.nodes[1].trigger(&APP, "idle", "n", "first").await.status, 200);
    assert_eq!(idle.json().await["data"], "first", "an idle channel lost nothing");
    drop(quiet);
    fleet.stop().await;
}
