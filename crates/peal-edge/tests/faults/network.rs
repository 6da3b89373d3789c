//! What happens between a node and Redis.

use std::time::Duration;

use peal_testkit::redis::RedisServer;

use crate::deep;
use crate::fleet::Fleet;
use crate::load::Load;
use crate::redis::{judge, observers};

const ROOM: &str = "room";

/// The other node goes on; what this one missed is in the history, so its clients miss nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_cut_off_from_redis_catches_up() {
    let redis = RedisServer::start();
    let fleet = Fleet::start(2, redis.port()).await;
    let observers = observers(&fleet, deep(2, 20)).await;
    let load = Load::start(&fleet.urls(), ROOM);
    for _ in 0..deep(1, 6) {
        load.more(10).await;
        fleet.ways[1].partition();
        fleet.is_unready(1).await;
        fleet.is_ready(0).await;
        fleet.ways[1].heal();
        fleet.is_ready(1).await;
        load.more(10).await;
    }
    let accepted = load.stop().await;
    judge(&fleet, &observers, &accepted).await;
    assert!(observers.iter().all(|observer| observer.lost().is_empty()), "all of it was kept");
    fleet.stop().await;
}

/// More than is kept was published meanwhile: exactly what is gone is announced.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_trimmed_while_a_node_is_cut_off_is_announced_by_its_range() {
    let redis = RedisServer::start();
    let fleet = Fleet::start(2, redis.port()).await;
    let observers = observers(&fleet, 1).await;
    let load = Load::start(&fleet.urls()[..1], ROOM);
    load.more(5).await;
    fleet.ways[1].partition();
    fleet.is_unready(1).await;
    load.more(deep(260, 1_000)).await;
    fleet.ways[1].heal();
    fleet.is_ready(1).await;
    load.more(5).await;
    let accepted = load.stop().await;
    judge(&fleet, &observers, &accepted).await;
    assert_eq!(observers[0].lost(), []);
    assert!(!observers[1].lost().is_empty(), "a hundred are kept");
    fleet.stop().await;
}

/// The connection on which the node listens stays open and brings nothing: found by the node itself, while publishing goes on as if nothing were.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_connection_that_is_silently_dead_is_noticed_and_repaired() {
    let redis = RedisServer::start();
    let fleet = Fleet::start(2, redis.port()).await;
    let observers = observers(&fleet, 2).await;
    let load = Load::start(&fleet.urls(), ROOM);
    for _ in 0..deep(1, 6) {
        load.more(10).await;
        fleet.ways[1].silence_marked();
        fleet.is_unready(1).await;
        fleet.is_ready(1).await;
        load.more(10).await;
    }
    let accepted = load.stop().await;
    judge(&fleet, &observers, &accepted).await;
    assert!(observers.iter().all(|observer| observer.lost().is_empty()));
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_answers_slowly_delays_and_loses_nothing() {
    let redis = RedisServer::start();
    let fleet = Fleet::start(2, redis.port()).await;
    let observers = observers(&fleet, 2).await;
    let load = Load::start(&fleet.urls(), ROOM);
    load.more(10).await;
    fleet.ways.iter().for_each(|way| way.answer_late(Duration::from_millis(200)));
    load.more(deep(10, 100)).await;
    fleet.ways.iter().for_each(peal_testkit::proxy::FaultProxy::heal);
    load.more(10).await;
    let accepted = load.stop().await;
    judge(&fleet, &observers, &accepted).await;
    assert!(observers.iter().all(|observer| observer.lost().is_empty()));
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_redis_that_break_again_and_again_lose_and_double_nothing() {
    let redis = RedisServer::start();
    let fleet = Fleet::start(2, redis.port()).await;
    let observers = observers(&fleet, 2).await;
    let load = Load::start(&fleet.urls(), ROOM);
    for n in 0..deep(4, 30) {
        fleet.ways[n % 2].cut();
        load.more(5).await;
    }
    let accepted = load.stop().await;
    judge(&fleet, &observers, &accepted).await;
    assert!(observers.iter().all(|observer| observer.lost().is_empty()));
    fleet.stop().await;
}
