//! What happens to Redis itself.

use peal_testkit::redis::{RedisServer, wait_until};

use crate::deep;
use crate::fleet::Fleet;
use crate::load::{Accepted, Load};
use crate::observer::Observer;

const ROOM: &str = "room";

pub(crate) async fn observers(fleet: &Fleet, each: usize) -> Vec<Observer> {
    let mut observers = Vec::new();
    for node in 0..fleet.nodes.len() {
        for n in 0..each {
            let name = format!("{node}.{n}");
            observers.push(Observer::start(fleet.client(node, &name).await, &name, ROOM).await);
        }
    }
    observers
}

pub(crate) async fn judge(fleet: &Fleet, observers: &[Observer], accepted: &Accepted) {
    for observer in observers {
        observer.judge(accepted, &fleet.urls()[0], ROOM).await;
    }
}

/// A Sentinel promotes the replica that kept up, or did not by some messages.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_killed_under_load_loses_nothing_unannounced() {
    for _ in 0..deep(1, 4) {
        let mut primary = RedisServer::start();
        let _replica = RedisServer::start_replica_of(&primary);
        let sentinel = RedisServer::start_sentinel(&primary, "main");
        let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port());
        let fleet = Fleet::start_on(vec![url.clone(), url]).await;
        let observers = observers(&fleet, deep(2, 20)).await;
        let load = Load::start(&fleet.urls(), ROOM);
        load.more(30).await;
        primary.kill();
        load.more(30).await;
        let accepted = load.stop().await;
        judge(&fleet, &observers, &accepted).await;
        assert!(observers.iter().all(|observer| observer.count() >= 50), "they heard most of it");
        fleet.stop().await;
    }
}

/// One node heard messages that the new primary has not; the other did not, and its clients are told which.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_missed_what_a_lagging_replica_lost_is_told_its_range() {
    let mut primary = RedisServer::start();
    let replica = RedisServer::start_replica_of(&primary);
    let fleet = Fleet::start(2, primary.port()).await;
    let observers = observers(&fleet, 1).await;
    let load = Load::start(&fleet.urls()[..1], ROOM);
    load.more(10).await;
    wait_until("the replica has something", || replica.command(&["KEYS", "peal{*}s*room"]).contains("room"));
    primary.command(&["CLIENT", "KILL", "TYPE", "replica"]);
    replica.promote();
    // From here on the second node hears nothing, and the replica has nothing.
    fleet.ways[1].partition();
    let before = observers[0].count();
    load.more(deep(10, 60)).await;
    let accepted = load.stop().await;
    observers[0].stands_at(*accepted.keys().next_back().expect("some")).await;
    assert!(observers[0].count() >= before + 10);
    fleet.ways.iter().for_each(peal_testkit::proxy::FaultProxy::refuse);
    primary.become_what(&replica);
    fleet.ways.iter().for_each(peal_testkit::proxy::FaultProxy::heal);
    for node in 0..2 {
        fleet.is_ready(node).await;
    }
    let load = Load::start(&fleet.urls(), ROOM);
    load.more(5).await;
    let mut all = load.stop().await;
    let after = *all.keys().next().expect("some");
    assert!(accepted.keys().all(|before| before.era < after.era), "no position is used again");
    all.extend(accepted);
    judge(&fleet, &observers, &all).await;
    assert_eq!(observers[0].lost(), [], "it had heard everything");
    assert_eq!(observers[1].lost().len(), 1, "{:?}", observers[1].lost());
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_empty_under_load_loses_nothing_unannounced() {
    let mut redis = RedisServer::start();
    let fleet = Fleet::start(2, redis.port()).await;
    let observers = observers(&fleet, deep(2, 20)).await;
    let load = Load::start(&fleet.urls(), ROOM);
    for _ in 0..deep(1, 6) {
        load.more(20).await;
        redis.restart();
        load.more(20).await;
    }
    let accepted = load.stop().await;
    judge(&fleet, &observers, &accepted).await;
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_without_memory_refuses_and_loses_nothing() {
    let redis = RedisServer::start();
    let fleet = Fleet::start(2, redis.port()).await;
    let observers = observers(&fleet, 2).await;
    let load = Load::start(&fleet.urls(), ROOM);
    for _ in 0..deep(1, 6) {
        load.more(10).await;
        redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
        fleet.is_unready(0).await;
        redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
        load.more(10).await;
    }
    let accepted = load.stop().await;
    judge(&fleet, &observers, &accepted).await;
    assert!(observers.iter().all(|observer| observer.lost().is_empty()));
    fleet.stop().await;
}
