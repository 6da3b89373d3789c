//! Publishes that ask for a replica: confirmed, or stored and said not to be, and then safe to repeat.

use std::sync::Arc;

use peal_broker::{Broker, RedisBroker};
use peal_core::exchange::{BrokerError, Publish, Published};
use peal_core::{Durability, Topic};
use peal_testkit::redis::{RedisServer, wait_until};

use super::open;
use crate::support::*;

fn replicated(topic: &Topic, text: &str) -> Publish {
    let mut publish = publish(topic, text);
    publish.durability = Durability::Replicated;
    publish
}

async fn once(broker: &RedisBroker, publish: Publish) -> Result<Published, BrokerError> {
    broker.publish(vec![publish]).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_confirms_and_a_stopped_one_does_not_and_the_repeat_is_no_second_message() {
    let primary = RedisServer::start();
    let replica = RedisServer::start_replica_of(&primary);
    let received = Arc::new(Received::default());
    let broker = open(&primary, Arc::clone(&received)).await;
    let topic = fresh_topic();
    broker.attach(vec![topic.clone()]).await.expect("attached");
    let first = once(&broker, replicated(&topic, "a")).await.expect("confirmed");
    assert!(!first.duplicate);
    let stream = primary.command(&["KEYS", "peal{*}s*"]);
    assert_eq!(replica.command(&["XLEN", &stream]), "1", "it was there before the answer");

    replica.freeze();
    let Err(BrokerError::Unconfirmed(stored)) = once(&broker, replicated(&topic, "b")).await else { panic!("nobody can confirm") };
    assert_eq!((stored.id.as_str(), stored.duplicate), ("b", false));
    assert!(stored.position.expect("it is stored").follows(first.position.expect("kept")));
    for text in ["a", "b"] {
        assert_eq!(received.next_id().await, text, "what is not confirmed is delivered all the same");
    }
    let Err(BrokerError::Unconfirmed(again)) = once(&broker, replicated(&topic, "b")).await else { panic!("still nobody") };
    assert_eq!((again.position, again.duplicate), (stored.position, true));
    once(&broker, publish(&topic, "fast")).await.expect("others do not wait for replicas");

    replica.thaw();
    let mut confirmed = once(&broker, replicated(&topic, "b")).await;
    let waiting = async {
        while confirmed.is_err() {
            confirmed = once(&broker, replicated(&topic, "b")).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.expect("the replica catches up");
    assert_eq!(confirmed, Ok(Published { id: id("b"), position: stored.position, duplicate: true }));
    assert_eq!(received.next_id().await, "fast");
    assert_eq!(primary.command(&["XLEN", &stream]), "3", "stored once");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_replica_nothing_is_confirmed_and_what_asks_for_less_is_not_held_up() {
    let server = RedisServer::start();
    let broker = open(&server, Arc::default()).await;
    let topic = fresh_topic();
    let mut ephemeral = ephemeral(&topic, "e");
    ephemeral.durability = Durability::Replicated;
    let results = broker.publish(vec![publish(&topic, "fast"), replicated(&topic, "safe"), ephemeral]).await;
    assert!(results[0].is_ok(), "{results:?}");
    assert!(matches!(&results[1], Err(BrokerError::Unconfirmed(stored)) if stored.id.as_str() == "safe"), "{results:?}");
    assert!(results[2].is_ok(), "what is not kept is not confirmed either: {results:?}");
}

/// The primary is demoted, loses what it had stored, and is promoted again while the confirmation waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lost_the_message_meanwhile_does_not_confirm_it() {
    let (a, topic) = (RedisServer::start(), fresh_topic());
    let b = RedisServer::start_replica_of(&a);
    let broker = Arc::new(open(&a, Arc::default()).await);
    once(&broker, replicated(&topic, "a")).await.expect("confirmed");
    b.freeze();
    let publishing = tokio::spawn({
        let (broker, topic) = (Arc::clone(&broker), topic.clone());
        async move { once(&broker, replicated(&topic, "b")).await }
    });
    let stream = a.command(&["KEYS", "peal{*}s*"]);
    wait_until("it is stored", || a.command(&["XLEN", &stream]) == "2");
    // A demotion unblocks whoever waits; the id is another one when it is promoted again.
    a.command(&["REPLICAOF", "127.0.0.1", "1"]);
    a.promote();
    b.thaw();
    let result = publishing.await.expect("answers");
    assert!(matches!(result, Err(BrokerError::Unconfirmed(_) | BrokerError::Away(_))), "{result:?}");
}
