//! What an app of Pusher's may switch on, over cores and nodes: subscription counts and watchlists. `--seed-app` has both on.

use std::sync::Arc;
use std::time::Duration;

use peal_broker::{Broker, RedisBroker, RedisOptions};
use peal_core::exchange::PresenceUpdate;
use peal_core::id::Place;
use peal_core::signature::{hmac_hex, pusher_user_text};
use peal_core::{AppId, ChannelName, ConnectionId, Member, PresenceOp, Topic};
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::support::{APP, PATIENCE, Socket, TestNode};

/// The data of an event, which is JSON in a string.
fn data(frame: &Value) -> Value {
    serde_json::from_str(frame["data"].as_str().expect("text")).expect("JSON")
}

async fn subscriber(node: &TestNode, channel: &str) -> Socket {
    let mut socket = node.pusher(&APP).await.0;
    socket.subscribe(channel).await;
    socket
}

/// Reads on until the client is told this number.
async fn told(socket: &mut Socket, count: u64) {
    loop {
        let frame = socket.any_json().await;
        assert_eq!(frame["event"], "pusher_internal:subscription_count", "{frame}");
        let told = data(&frame)["subscription_count"].as_u64().expect("a number");
        assert_ne!(told, 0);
        if told == count {
            return;
        }
    }
}

async fn asked(node: &TestNode, channel: &str) -> Value {
    let path = format!("/channels/{channel}");
    node.pusher_request(&APP, "GET", &path, &[("info", "subscription_count")], "").await.json()
}

/// Signs in and answers the first list.
async fn sign_in(node: &TestNode, user: &str, watchlist: &[&str]) -> (Socket, Value) {
    let (mut socket, id) = node.pusher(&APP).await;
    let user_data = json!({"id": user, "watchlist": watchlist}).to_string();
    let auth = format!("{}:{}", APP.key, hmac_hex(&APP.secret(), pusher_user_text(id, &user_data).as_bytes()));
    socket.send(&json!({"event": "pusher:signin", "data": {"auth": auth, "user_data": user_data}})).await;
    assert_eq!(socket.json().await["event"], "pusher:signin_success");
    let list = if watchlist.is_empty() { Value::Null } else { watched(&mut socket).await };
    (socket, list)
}

async fn watched(socket: &mut Socket) -> Value {
    let frame = socket.json().await;
    assert_eq!(frame["event"], "pusher_internal:watchlist_events", "{frame}");
    data(&frame)["events"].clone()
}

fn one(name: &str, user: &str) -> Value {
    json!([{"name": name, "user_ids": [user]}])
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_on_all_cores_are_one_number() {
    let node = TestNode::start().await;
    // More than the kernel gives one core.
    let mut sockets = Vec::new();
    for _ in 0..12 {
        sockets.push(subscriber(&node, "news").await);
    }
    for socket in &mut sockets {
        told(socket, 12).await;
    }
    assert_eq!(asked(&node, "news").await, json!({"occupied": true, "subscription_count": 12}));
    let mut last = sockets.pop().expect("one");
    drop(sockets);
    told(&mut last, 1).await;
    drop(last);
    node.settled().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_on_all_nodes_are_one_number() {
    let fleet = Fleet::start().await;
    let [one, two] = &fleet.nodes;
    let mut ada = subscriber(one, "news").await;
    told(&mut ada, 1).await;
    let mut others = [subscriber(two, "news").await, subscriber(two, "news").await, subscriber(one, "news").await];
    told(&mut ada, 4).await;
    for other in &mut others {
        told(other, 4).await;
    }
    for node in [one, two] {
        assert_eq!(asked(node, "news").await["subscription_count"], 4);
    }
    drop(others);
    told(&mut ada, 1).await;
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_online_from_the_first_connection_on_any_node_to_the_last() {
    let fleet = Fleet::start().await;
    let [first, second] = &fleet.nodes;
    let (bob, _) = sign_in(second, "bob", &[]).await;
    let (mut ada, list) = sign_in(first, "ada", &["bob", "eve"]).await;
    assert_eq!(list, json!([{"name": "online", "user_ids": ["bob"]}, {"name": "offline", "user_ids": ["eve"]}]));
    let (mut eve, list) = sign_in(second, "eve", &["ada"]).await;
    assert_eq!((list, watched(&mut ada).await), (one("online", "ada"), one("online", "eve")));
    let again = sign_in(first, "eve", &[]).await;
    eve.alive().await;
    drop(eve);
    drop(bob);
    assert_eq!(watched(&mut ada).await, one("offline", "bob"), "eve has another connection");
    drop(again);
    assert_eq!(watched(&mut ada).await, one("offline", "eve"));
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_of_a_dead_node_are_offline_once_its_lease_has_ended() {
    let fleet = Fleet::start().await;
    let mut options = RedisOptions::new(&fleet.redis.url()).expect("a URL");
    options.lease = Duration::from_millis(500);
    let opening = RedisBroker::open(options).await.expect("opens");
    let place = Place { node: opening.node(), core: 0, slot: 1, generation: 0 };
    let doomed = opening.broker(Arc::<peal_edge::MuxInbox>::default());
    let topic = Topic::presence(APP.id.parse::<AppId>().expect("an id"), ChannelName::online("bob").expect("a name"));
    let member = Member { user: "bob".into(), connection: ConnectionId::new(place, 1), data: None };
    let update = PresenceUpdate { topic: topic.clone(), op: PresenceOp::Enter, member, users_max: None };
    doomed.presence_update(update).await.expect("enters");
    let (mut ada, list) = sign_in(&fleet.nodes[0], "ada", &["bob"]).await;
    assert_eq!(list, one("online", "bob"));
    drop(doomed);
    let options = RedisOptions::new(&fleet.redis.url()).expect("a URL");
    let witness = RedisBroker::open(options).await.expect("opens").broker(Arc::<peal_edge::MuxInbox>::default());
    let buried = async {
        while !witness.presence_members(topic.clone()).await.expect("reads").members.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(3 * PATIENCE, buried).await.expect("a survivor puts the dead node's members away");
    assert_eq!(watched(&mut ada).await, one("offline", "bob"));
    fleet.stop().await;
}
