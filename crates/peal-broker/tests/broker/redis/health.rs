//! A node is ready while its probes come back, partition by partition, and says which do not and why.

use std::sync::Arc;
use std::time::Duration;

use peal_broker::{Broker, RedisBroker};
use peal_testkit::redis::RedisServer;

use super::deaf::Deaf;
use super::{open, options_for};
use crate::support::*;

async fn becomes(broker: &RedisBroker, what: &str, is_so: impl Fn(&[String]) -> bool) -> Vec<String> {
    let waiting = async {
        loop {
            let reasons = broker.away();
            if is_so(&reasons) {
                return reasons;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    waited.unwrap_or_else(|_| panic!("{what} does not come about: {:?}", broker.away()))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_partition_that_cannot_be_written_is_named_with_the_reason_and_the_others_serve() {
    let server = RedisServer::start();
    let broker = open(&server, Arc::default()).await;
    becomes(&broker, "ready", <[String]>::is_empty).await;
    let fence = server.command(&["DUMP", "peal{2}f"]);
    assert!(!fence.is_empty());
    server.command(&["DEL", "peal{2}f"]);
    server.command(&["SET", "peal{2}f", "not a fence"]);
    let reasons = becomes(&broker, "one is out", |reasons| reasons.len() == 1).await;
    assert!(reasons[0].starts_with("partition 2 of Redis: ") && reasons[0].contains("WRONGTYPE"), "{reasons:?}");
    let mut accepted = 0;
    for n in 0..40 {
        accepted += usize::from(broker.publish(vec![publish(&fresh_topic(), &format!("m{n}"))]).await.remove(0).is_ok());
    }
    assert!((10..40).contains(&accepted), "{accepted} of 40 are in the other three");
    server.command(&["DEL", "peal{2}f"]);
    becomes(&broker, "ready again", <[String]>::is_empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory_makes_every_partition_unready() {
    let server = RedisServer::start();
    let broker = open(&server, Arc::default()).await;
    becomes(&broker, "ready", <[String]>::is_empty).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let reasons = becomes(&broker, "all are out", |reasons| reasons.len() == 4).await;
    assert!(reasons.iter().all(|why| why.contains("OOM")), "{reasons:?}");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    becomes(&broker, "ready again", <[String]>::is_empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_gone_is_named_once_and_not_for_each_of_its_partitions() {
    let mut server = RedisServer::start();
    let broker = open(&server, Arc::default()).await;
    becomes(&broker, "ready", <[String]>::is_empty).await;
    server.kill();
    becomes(&broker, "it is named", |reasons| matches!(reasons, [why] if why.starts_with("Redis: "))).await;
    server.restart();
    becomes(&broker, "ready again", <[String]>::is_empty).await;
}

/// Nothing is wrong but that nothing arrives: the connections are made anew, and the node is not ready until something does.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_connection_that_is_silently_deaf_makes_the_node_unready_until_it_hears_again() {
    let server = RedisServer::start();
    let way = Deaf::to(&server).await;
    let received = Arc::new(Received::default());
    let broker = RedisBroker::open(options_for(&way.url())).await.expect("opens").broker(Arc::<Received>::clone(&received));
    let topic = fresh_topic();
    broker.attach(vec![topic.clone()]).await.expect("attached");
    becomes(&broker, "ready", <[String]>::is_empty).await;
    way.loses(&["peal{"]);
    becomes(&broker, "unready", |reasons| !reasons.is_empty()).await;
    received.interruption().await;
    let reasons = becomes(&broker, "the reason of each partition", |reasons| reasons.len() == 4).await;
    assert!(reasons[3].contains("no probe has come back"), "{reasons:?}");
    way.loses(&[]);
    becomes(&broker, "ready again", <[String]>::is_empty).await;
    broker.publish(vec![publish(&topic, "heard")]).await.remove(0).expect("accepted");
    assert_eq!(received.next_id().await, "heard");
}
