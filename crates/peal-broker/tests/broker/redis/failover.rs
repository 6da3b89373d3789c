//! A primary that loses something, is replaced or comes back empty: positions are never used twice, and who missed something is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use peal_broker::{Broker, RedisBroker, RedisOptions};
use peal_core::exchange::{BrokerError, Continuity, Direction, HistoryPage, HistoryQuery, Publish};
use peal_core::{Position, Topic};
use peal_testkit::redis::{RedisServer, wait_until};

use super::{open, options_for};
use crate::support::*;

async fn once(broker: &RedisBroker, publish: Publish) -> Result<Position, BrokerError> {
    broker.publish(vec![publish]).await.remove(0).map(|published| published.position.expect("kept"))
}

/// As a publisher does that is told to come back: the same id until it is accepted.
async fn until_accepted(broker: &RedisBroker, topic: &Topic, text: &str) -> Position {
    within(async {
        loop {
            if let Ok(position) = once(broker, idempotent(topic, text)).await {
                return position;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this takes no 20 seconds")
}

async fn attach(broker: &RedisBroker, topic: &Topic) -> Position {
    within(async {
        loop {
            if let Ok(heads) = broker.attach(vec![topic.clone()]).await {
                return heads[0];
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

async fn resume(broker: &RedisBroker, topic: &Topic, after: Position) -> (Continuity, Vec<String>) {
    let page = broker.history(everything_after(topic, Some(after))).await.expect("read");
    (page.continuity, page.publications.iter().map(|publication| publication.id.to_string()).collect())
}

async fn newest(broker: &RedisBroker, topic: &Topic) -> HistoryPage {
    let query = HistoryQuery { direction: Direction::Backwards, ..everything_after(topic, None) };
    broker.history(query).await.expect("read")
}

fn inbox() -> Arc<Received> {
    Arc::default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_empty_begins_a_later_generation() {
    let mut server = RedisServer::start();
    let (received, topic, idle) = (inbox(), fresh_topic(), fresh_topic());
    let broker = open(&server, Arc::clone(&received)).await;
    let idle_at = attach(&broker, &idle).await;
    attach(&broker, &topic).await;
    let mut last = Position::new(0, 0);
    for text in ["a", "b", "c"] {
        last = once(&broker, publish(&topic, text)).await.expect("accepted");
        assert_eq!(received.next_id().await, text);
    }
    server.kill();
    within(async {
        while broker.away().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.restart();
    received.interruption().await;
    within(async {
        while !broker.away().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let next = until_accepted(&broker, &topic, "d").await;
    assert!(next.era > last.era && next.seq == 1, "{next} after {last}");
    let delivery = received.next().await;
    assert_eq!(
        (delivery.publication.position, delivery.publication.era_start),
        (Some(next), None),
        "it does not vouch for what came before"
    );
    assert_eq!(resume(&broker, &topic, last).await, (Continuity::Complete, vec!["d".into()]), "this node saw everything up to there");
    let missed = Position::new(last.era, 1);
    assert_eq!(resume(&broker, &topic, missed).await, (Continuity::EraLost { kept_after: last }, vec!["d".into()]));
    assert_eq!(attach(&broker, &idle).await, idle_at, "nothing happened to a quiet channel");
    assert_eq!(resume(&broker, &idle, idle_at).await.0, Continuity::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn flushing_everything_never_repeats_a_position() {
    let server = RedisServer::start();
    let (received, topic) = (inbox(), fresh_topic());
    let broker = open(&server, Arc::clone(&received)).await;
    let mut positions = BTreeSet::new();
    for round in 0..5 {
        // Many channels, so that eras run ahead of the clock.
        for n in 0..50 {
            positions.insert(once(&broker, publish(&fresh_topic(), &format!("{round}.{n}"))).await.expect("accepted"));
        }
        positions.insert(once(&broker, publish(&topic, &format!("{round}"))).await.expect("accepted"));
        server.command(&["FLUSHALL"]);
    }
    assert_eq!(positions.len(), 255);
    // Five losses in one second have made generations run ahead of the clock.
    let last_generation = positions.last().expect("many").era >> 21;
    let seconds = || server.command(&["TIME"]).lines().next().expect("seconds").parse::<u64>().expect("a number");
    wait_until("the clock has caught up", || seconds() > last_generation);
    let fresh = open(&server, inbox()).await;
    server.command(&["FLUSHALL"]);
    let next = once(&fresh, publish(&topic, "last")).await.expect("accepted");
    assert!(next.era > positions.last().expect("many").era, "a node that knows no generation begins later");
}

#[tokio::test(flavor = "multi_thread")]
async fn chaos_over_streams_fences_and_replication_ids_never_repeats_a_position() {
    let server = RedisServer::start();
    let topics: Vec<_> = (0..6).map(|_| fresh_topic()).collect();
    let mut brokers = Vec::new();
    for _ in 0..4 {
        brokers.push(open(&server, inbox()).await);
    }
    let publishers = brokers.into_iter().enumerate().map(|(publisher, broker)| {
        let topics = topics.clone();
        tokio::spawn(async move {
            let mut positions = Vec::new();
            for n in 0..150 {
                let topic = &topics[n % topics.len()];
                let text = format!("{publisher}.{n}");
                positions.push((topic.clone(), until_accepted(&broker, topic, &text).await));
            }
            positions
        })
    });
    let publishers: Vec<_> = publishers.collect();
    let mut round = 0;
    while publishers.iter().any(|publisher| !publisher.is_finished()) {
        round += 1;
        match round % 4 {
            0 => drop(server.command(&["FLUSHALL"])),
            // A replica that never was: the replication id changes.
            1 => {
                server.command(&["REPLICAOF", "127.0.0.1", "1"]);
                server.promote();
            }
            2 => {
                let fences = server.command(&["KEYS", "peal{*}f"]);
                fences.lines().for_each(|fence| drop(server.command(&["DEL", fence])));
            }
            _ => {
                let streams = server.command(&["KEYS", "peal{*}s*"]);
                streams.lines().take(2).for_each(|stream| drop(server.command(&["DEL", stream])));
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut seen = BTreeSet::new();
    for publisher in publishers {
        for (topic, position) in publisher.await.expect("publishes") {
            assert!(seen.insert((topic, position)), "{position} was given twice");
        }
    }
    assert_eq!(seen.len(), 600);
    assert!(round > 3, "{round}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_demoted_and_promoted_again_never_repeats_a_position() {
    let (a, topic) = (RedisServer::start(), fresh_topic());
    let b = RedisServer::start_replica_of(&a);
    let broker = open(&a, inbox()).await;
    let first = once(&broker, publish(&topic, "a")).await.expect("accepted");
    wait_until("the replica has it", || b.command(&["KEYS", "peal{*}s*"]).contains(topic.channel().expect("a channel").as_str()));
    b.promote();
    let lost = once(&broker, publish(&topic, "b")).await.expect("accepted");
    assert!(lost.follows(first));
    a.follow(&b);
    a.promote();
    let next = until_accepted(&broker, &topic, "c").await;
    assert!(next.era > lost.era && next.seq == 1, "{next} after {lost}");
}

/// Two nodes; the replica has not got the last two messages, one node has not either.
#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_replica_is_promoted_and_who_missed_the_lost_tail_is_told_its_range() {
    let (mut primary, topic) = (RedisServer::start(), fresh_topic());
    let replica = RedisServer::start_replica_of(&primary);
    let (seen, missed) = (inbox(), inbox());
    let witness = open(&primary, Arc::clone(&seen)).await;
    let other = open(&primary, Arc::clone(&missed)).await;
    attach(&witness, &topic).await;
    let mut at = Vec::new();
    for text in ["1", "2", "3"] {
        at.push(once(&witness, publish(&topic, text)).await.expect("accepted"));
    }
    let stream = primary.command(&["KEYS", "peal{*}s*"]);
    wait_until("the replica has three", || replica.try_command(&["XLEN", &stream]).is_ok_and(|count| count == "3"));
    primary.command(&["CLIENT", "KILL", "TYPE", "replica"]);
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    for text in ["4", "5"] {
        at.push(once(&witness, publish(&topic, text)).await.expect("accepted"));
    }
    for text in ["1", "2", "3", "4", "5"] {
        assert_eq!(seen.next_id().await, text);
    }
    // The replica takes the place of the primary, under its address.
    primary.become_what(&replica);
    drop(replica);
    seen.interruption().await;
    missed.interruption().await;
    let lost = Continuity::EraLost { kept_after: at[4] };
    // The head says that more was there, as soon as the witness has written it down.
    within(async { while attach(&other, &topic).await != at[4] {} }).await;
    assert_eq!(resume(&other, &topic, at[3]).await, (lost, vec![]), "told before anything is published");
    assert_eq!(newest(&other, &topic).await.head, at[4], "whoever asks for the last messages learns how far it had gone");
    let next = until_accepted(&other, &topic, "6").await;
    assert!(next.era > at[4].era);
    let six = || vec!["6".to_owned()];
    assert_eq!(resume(&other, &topic, at[2]).await, (lost, six()));
    assert_eq!(resume(&other, &topic, at[3]).await, (lost, six()));
    assert_eq!(resume(&other, &topic, at[4]).await, (Continuity::Complete, six()), "whoever saw five missed nothing");
    let page = newest(&other, &topic).await;
    assert_eq!(page.publications[0].id.as_str(), "6");
    assert_eq!(page.publications[0].era_start, None, "it does not connect to the third, because two were lost between them");
    // Before the loss everything is there; the page ends where it begins, and the read after it says so.
    assert_eq!(resume(&other, &topic, at[0]).await, (Continuity::Complete, vec!["2".into(), "3".into()]));
}

/// What Sentinels name is used until it dies, and then what they name in its place.
pub(super) async fn follows_a_failover(options: RedisOptions, primary: &mut RedisServer, replica: &RedisServer) -> RedisBroker {
    let received = inbox();
    let topic = fresh_topic();
    let broker = RedisBroker::open(options).await.expect("opens").broker(Arc::<Received>::clone(&received));
    attach(&broker, &topic).await;
    let first = once(&broker, publish(&topic, "a")).await.expect("accepted");
    assert_eq!(received.next_id().await, "a");
    wait_until("the replica has it", || replica.command(&["KEYS", "peal{*}s*"]).contains('s'));
    primary.kill();
    received.interruption().await;
    let next = until_accepted(&broker, &topic, "b").await;
    assert!(next.era > first.era);
    assert_eq!(received.next_id().await, "b");
    assert_eq!(resume(&broker, &topic, first).await, (Continuity::Complete, vec!["b".into()]));
    broker
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_name_the_primary_and_its_successor() {
    let mut primary = RedisServer::start();
    let replica = RedisServer::start_replica_of(&primary);
    let sentinel = RedisServer::start_sentinel(&primary, "main");
    let options = options_for(&format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port()));
    follows_a_failover(options, &mut primary, &replica).await;
}
