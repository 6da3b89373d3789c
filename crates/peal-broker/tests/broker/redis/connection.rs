//! Connections that break, hang or are refused: nothing is stored twice, and callers are told quickly.

use std::sync::Arc;
use std::time::{Duration, Instant};

use peal_broker::{Broker, RedisBroker, RedisError, RedisOptions};
use peal_core::Position;
use peal_core::exchange::BrokerError;
use peal_testkit::redis::RedisServer;

use super::{open, options};
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn publishes_over_killed_connections_are_stored_once_and_in_order() {
    let server = RedisServer::start();
    let received = Arc::new(Received::default());
    let broker = Arc::new(open(&server, Arc::clone(&received)).await);
    let topic = fresh_topic();
    broker.attach(vec![topic.clone()]).await.expect("attached");
    let publisher = tokio::spawn({
        let (broker, topic) = (Arc::clone(&broker), topic.clone());
        async move {
            let mut positions = Vec::new();
            for n in 0..300 {
                // Without an id of its own: only the batch record stands between a blind retry and a second message.
                let published = broker.publish(vec![publish(&topic, &format!("m{n}"))]).await.remove(0);
                positions.push(published.expect("a short break is waited out").position.expect("kept"));
            }
            positions
        }
    });
    let mut kills = 0;
    while !publisher.is_finished() {
        server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        kills += 1;
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    let positions = publisher.await.expect("publishes");
    assert!(kills > 2);
    assert!(positions.windows(2).all(|pair| pair[1].follows(pair[0])), "no position is missing or doubled");
    let from = Position::new(positions[0].era, 0);
    // The last kill may only now be noticed; a read is not repeated by the broker but by who asked.
    let mut page = broker.history(everything_after(&topic, Some(from))).await;
    for _ in 0..3 {
        if page.is_ok() {
            break;
        }
        page = broker.history(everything_after(&topic, Some(from))).await;
    }
    let kept = page.expect("read").publications;
    let ids: Vec<_> = kept.iter().map(|publication| publication.id.to_string()).collect();
    let expected: Vec<_> = (300 - ids.len()..300).map(|n| format!("m{n}")).collect();
    assert_eq!(ids, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_subscriber_connection_is_noticed_and_everything_is_subscribed_again() {
    let server = RedisServer::start();
    let received = Arc::new(Received::default());
    let broker = open(&server, Arc::clone(&received)).await;
    let topics: Vec<_> = (0..1_500).map(|_| fresh_topic()).collect();
    let heads = broker.attach(topics.clone()).await.expect("attached");
    server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    received.interruption().await;
    assert_eq!(broker.attach(topics.clone()).await.expect("attached"), heads, "nothing moved");
    for n in [0, 700, 1_499] {
        broker.publish(vec![publish(&topics[n], &format!("m{n}"))]).await.remove(0).expect("accepted");
        assert_eq!(received.next_id().await, format!("m{n}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_given_up_within_seconds_and_taken_back() {
    let server = RedisServer::start();
    let received = Arc::new(Received::default());
    let broker = open(&server, Arc::clone(&received)).await;
    let topic = fresh_topic();
    broker.attach(vec![topic.clone()]).await.expect("attached");
    server.freeze();
    let began = Instant::now();
    let refused = broker.publish(vec![idempotent(&topic, "x")]).await.remove(0);
    assert!(matches!(refused, Err(BrokerError::Away(_))), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(!broker.away().is_empty());
    let began = Instant::now();
    let refused = broker.publish(vec![publish(&topic, "y")]).await.remove(0);
    assert!(refused.is_err() && began.elapsed() < Duration::from_millis(1_500), "later ones are refused at once");
    server.thaw();
    received.interruption().await;
    // What hung was carried out when the server woke, or is carried out now: once in any case.
    broker.publish(vec![idempotent(&topic, "x")]).await.remove(0).expect("accepted");
    let kept = broker.history(everything_after(&topic, None)).await.expect("read").publications;
    assert_eq!(kept.iter().filter(|publication| publication.id.as_str() == "x").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory_refuses_publishes_and_loses_nothing() {
    let server = RedisServer::start();
    let broker = open(&server, Arc::default()).await;
    let topic = fresh_topic();
    let first = broker.publish(vec![publish(&topic, "a")]).await.remove(0).expect("accepted").position.expect("kept");
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = broker.publish(vec![publish(&topic, "b")]).await.remove(0);
    assert!(matches!(&refused, Err(BrokerError::Away(why)) if why.contains("OOM")), "{refused:?}");
    let page = broker.history(everything_after(&topic, Some(Position::new(first.era, 0)))).await.expect("reading needs no memory");
    assert_eq!(page.publications.len(), 1);
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    let next = broker.publish(vec![publish(&topic, "c")]).await.remove(0).expect("accepted").position.expect("kept");
    assert!(next.follows(first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_not_be_used_is_refused_with_the_reason() {
    let server = RedisServer::start();
    let refused = async |options: RedisOptions| RedisBroker::open(options).await.expect_err("refused").to_string();
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    assert!(refused(options(&server)).await.contains("maxmemory-policy is allkeys-lru"));
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let replica = RedisServer::start_replica_of(&server);
    assert!(refused(options(&replica)).await.contains("replica"));
    drop(replica);
    let cluster = RedisServer::start_with(&["--cluster-enabled", "yes"]);
    assert!(refused(options(&cluster)).await.contains("Redis Cluster, which is not supported"));
    drop(open(&server, Arc::default()).await);
    let mut others = options(&server);
    others.partitions = 8;
    assert_eq!(RedisBroker::open(others).await.expect_err("refused"), RedisError::Partitions { theirs: 4, ours: 8 });
    let mut gone = RedisServer::start();
    let options = options(&gone);
    gone.kill();
    assert!(RedisBroker::open(options).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_key_is_not_a_stream_fails_alone() {
    let server = RedisServer::start();
    let broker = open(&server, Arc::default()).await;
    let (good, bad) = (fresh_topic(), fresh_topic());
    broker.publish(vec![publish(&bad, "a")]).await.remove(0).expect("accepted");
    let stream = server.command(&["KEYS", "peal{*}s*"]);
    server.command(&["DEL", &stream]);
    server.command(&["SET", &stream, "not a stream"]);
    let results = broker.publish(vec![publish(&good, "1"), publish(&bad, "2"), publish(&good, "3")]).await;
    assert!(results[0].is_ok() && results[1].is_err() && results[2].is_ok(), "{results:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_trimmed_by_the_next_reader() {
    let server = RedisServer::start();
    let broker = open(&server, Arc::default()).await;
    let topic = fresh_topic();
    let short = |text: &str| {
        let mut publish = publish(&topic, text);
        publish.retention.ttl_ms = 300;
        publish
    };
    let old = broker.publish(vec![short("old")]).await.remove(0).expect("accepted").position.expect("kept");
    let stream = server.command(&["KEYS", "peal{*}s*"]);
    peal_testkit::redis::wait_until("it is too old", || {
        let sent: u64 = server.command(&["XRANGE", &stream, "-", "+"]).lines().nth(2).expect("a time").parse().expect("a number");
        let now: u64 = server.command(&["TIME"]).lines().next().expect("seconds").parse::<u64>().expect("a number") * 1_000;
        now > sent + 300
    });
    let new = broker.publish(vec![short("new")]).await.remove(0).expect("accepted").position.expect("kept");
    let page = broker.history(everything_after(&topic, Some(Position::new(old.era, 0)))).await.expect("read");
    assert_eq!(page.continuity, peal_core::exchange::Continuity::Trimmed { kept_after: old });
    assert_eq!(page.publications.iter().map(|publication| publication.position).collect::<Vec<_>>(), [Some(new)]);
    assert_eq!(server.command(&["XLEN", &stream]), "1");
}
