//! Several nodes on one server: one order, one number each, and members that go with their node.

use std::collections::BTreeSet;
use std::sync::Arc;

use peal_broker::{Broker, RedisBroker};
use peal_core::exchange::PresenceMembers;
use peal_core::{PresenceOp, PublicationKind, Topic};
use peal_testkit::redis::{RedisServer, wait_until};

use super::{open, options};
use crate::support::*;

async fn users(broker: &RedisBroker, topic: &Topic) -> Vec<String> {
    let PresenceMembers { members, .. } = broker.presence_members(topic.clone()).await.expect("read");
    members.iter().map(|member| member.user.to_string()).collect()
}

async fn users_become(broker: &RedisBroker, topic: &Topic, expected: &[&str]) {
    let waiting = async {
        while users(broker, topic).await != expected {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.is_err() {
        panic!("{:?} instead of {expected:?}", users(broker, topic).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_hears_everything_in_one_order() {
    let server = RedisServer::start();
    let topic = fresh_topic();
    let inboxes: Vec<_> = (0..3).map(|_| Arc::new(Received::default())).collect();
    let mut nodes = Vec::new();
    for inbox in &inboxes {
        let node = Arc::new(open(&server, Arc::clone(inbox)).await);
        node.attach(vec![topic.clone()]).await.expect("attached");
        nodes.push(node);
    }
    let publishing = nodes.iter().enumerate().map(|(number, node)| {
        let (node, topic) = (Arc::clone(node), topic.clone());
        tokio::spawn(async move {
            for n in 0..50 {
                node.publish(vec![publish(&topic, &format!("{number}.{n}"))]).await.remove(0).expect("accepted");
            }
        })
    });
    for publisher in publishing.collect::<Vec<_>>() {
        publisher.await.expect("publishes");
    }
    let mut orders = Vec::new();
    for inbox in &inboxes {
        let mut order = Vec::new();
        for _ in 0..150 {
            order.push(inbox.next().await.publication.position.expect("kept"));
        }
        assert!(order.windows(2).all(|pair| pair[1].follows(pair[0])));
        orders.push(order);
    }
    assert!(orders.iter().all(|order| *order == orders[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_have_different_numbers_and_a_number_outlives_a_flush() {
    let server = RedisServer::start();
    let mut numbers = BTreeSet::new();
    let mut brokers = Vec::new();
    for _ in 0..3 {
        let opening = RedisBroker::open(options(&server)).await.expect("opens");
        assert!(numbers.insert(opening.node()), "{numbers:?}");
        brokers.push(opening.broker(Arc::<Received>::default()));
    }
    server.command(&["FLUSHALL"]);
    wait_until("the leases are renewed", || server.command(&["HLEN", "peal{0}nodes"]) == "3");
    let late = RedisBroker::open(options(&server)).await.expect("opens").node();
    assert!(numbers.insert(late));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_claim_one_number_part_and_keep_their_members() {
    let server = RedisServer::start();
    let nodes = [open(&server, Arc::default()).await, open(&server, Arc::default()).await];
    let topic = fresh_presence();
    for (slot, (node, user)) in nodes.iter().zip(["ada", "bob"]).enumerate() {
        node.presence_update(presence(&topic, PresenceOp::Enter, user, slot as u32, "1")).await.expect("enters");
    }
    // A primary that had not heard of the first lease was promoted and gave its number to the second node.
    let second = server.command(&["HGET", "peal{0}nodes", "2"]);
    server.command(&["HSET", "peal{0}nodes", "1", &second]);
    server.command(&["HDEL", "peal{0}nodes", "2"]);
    wait_until("each has a lease of its own", || {
        let leases = server.command(&["HGETALL", "peal{0}nodes"]);
        let tags: BTreeSet<_> = leases.lines().filter_map(|line| line.split_once(' ')).map(|(tag, _)| tag.to_owned()).collect();
        tags.len() == 2
    });
    for node in &nodes {
        users_become(node, &topic, &["ada", "bob"]).await;
    }
    let late = RedisBroker::open(options(&server)).await.expect("opens").node();
    assert!(server.command(&["HLEN", "peal{0}nodes"]).parse::<u16>().expect("a number") >= late.min(3), "{late} is a number of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_cleanly_gives_its_number_back_at_once() {
    let server = RedisServer::start();
    let mut long = options(&server);
    long.lease = std::time::Duration::from_secs(3_600);
    let node = RedisBroker::open(long.clone()).await.expect("opens").broker(Arc::<Received>::default());
    assert_eq!(server.command(&["HLEN", "peal{0}nodes"]), "1");
    node.close().await;
    assert_eq!(server.command(&["HLEN", "peal{0}nodes"]), "0", "it had no members");

    let survivor = open(&server, Arc::default()).await;
    let node = RedisBroker::open(long).await.expect("opens").broker(Arc::<Received>::default());
    let topic = fresh_presence();
    node.presence_update(presence(&topic, PresenceOp::Enter, "ada", 1, "1")).await.expect("enters");
    node.close().await;
    node.close().await;
    assert_eq!(users(&survivor, &topic).await, ["ada"], "its clients may come back elsewhere first");
    users_become(&survivor, &topic, &[]).await;
    wait_until("its number is free", || server.command(&["HLEN", "peal{0}nodes"]) == "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_dead_node_leave_and_others_stay() {
    let server = RedisServer::start();
    let received = Arc::new(Received::default());
    let (survivor, dead) = (open(&server, Arc::clone(&received)).await, open(&server, Arc::default()).await);
    let topic = fresh_presence();
    survivor.attach(vec![topic.clone()]).await.expect("attached");
    survivor.presence_update(presence(&topic, PresenceOp::Enter, "ada", 1, "1")).await.expect("enters");
    dead.presence_update(presence(&topic, PresenceOp::Enter, "bob", 2, "2")).await.expect("enters");
    dead.presence_update(presence(&topic, PresenceOp::Enter, "ada", 3, "3")).await.expect("enters");
    assert_eq!(users(&survivor, &topic).await, ["ada", "bob", "ada"]);
    drop(dead);
    users_become(&survivor, &topic, &["ada"]).await;
    let mut left = Vec::new();
    for _ in 0..5 {
        if let PublicationKind::Presence(change) = &received.next().await.publication.kind
            && change.op == PresenceOp::Leave
        {
            left.push((change.member.user.to_string(), change.last));
        }
    }
    left.sort();
    assert_eq!(left, [("ada".to_owned(), false), ("bob".to_owned(), true)]);
    wait_until("its number is free again", || server.command(&["HLEN", "peal{0}nodes"]) == "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leave_that_a_new_primary_has_not_heard_of_is_carried_out_again() {
    let mut server = RedisServer::start();
    let received = Arc::new(Received::default());
    let node = open(&server, Arc::clone(&received)).await;
    let topic = fresh_presence();
    node.attach(vec![topic.clone()]).await.expect("attached");
    for (user, slot) in [("ada", 1), ("bob", 2)] {
        node.presence_update(presence(&topic, PresenceOp::Enter, user, slot, "1")).await.expect("enters");
    }
    let replica = RedisServer::start_replica_of(&server);
    replica.promote();
    node.presence_update(presence(&topic, PresenceOp::Leave, "bob", 2, "")).await.expect("leaves");
    let before = node.attach(vec![topic.clone()]).await.expect("attached")[0];
    server.become_what(&replica);
    received.interruption().await;
    users_become(&node, &topic, &["ada"]).await;
    let head = node.attach(vec![topic.clone()]).await.expect("attached")[0];
    assert!(head.era > before.era, "receivers load the members again: {head}");
    let page = node.history(everything_after(&topic, Some(before))).await.expect("read");
    assert!(matches!(page.continuity, peal_core::exchange::Continuity::EraLost { .. }), "{:?}", page.continuity);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_survive_a_crowd_that_comes_and_goes_while_they_are_listed() {
    let server = RedisServer::start();
    let node = Arc::new(open(&server, Arc::default()).await);
    let topic = fresh_presence();
    for slot in 0..1_200 {
        node.presence_update(presence(&topic, PresenceOp::Enter, &format!("stays{slot:04}"), slot, "1")).await.expect("enters");
    }
    let crowd = tokio::spawn({
        let (node, topic) = (Arc::clone(&node), topic.clone());
        async move {
            for round in 0..200 {
                let slot = 10_000 + round % 20;
                let op = if (round / 20) % 2 == 0 { PresenceOp::Enter } else { PresenceOp::Leave };
                node.presence_update(presence(&topic, op, &format!("comes{slot}"), slot, "1")).await.expect("accepted");
            }
        }
    });
    let mut listed = 0;
    while !crowd.is_finished() {
        let users = users(&node, &topic).await;
        let staying = users.iter().filter(|user| user.starts_with("stays")).count();
        assert_eq!(staying, 1_200, "nobody is missing or doubled");
        assert!(users.iter().collect::<BTreeSet<_>>().len() == users.len());
        listed += 1;
    }
    crowd.await.expect("comes and goes");
    assert!(listed > 0);
    assert_eq!(users(&node, &topic).await.len(), 1_200);
}
