//! Publications that never arrive and that nothing follows: found by the digest of who wrote them, else by comparing heads.

use std::sync::Arc;
use std::time::Duration;

use peal_broker::{Broker, RedisBroker};
use peal_testkit::redis::RedisServer;

use super::deaf::Deaf;
use super::{open, options_for};
use crate::support::*;

fn metric(broker: &RedisBroker, name: &str, label: Option<&str>) -> f64 {
    let families = broker.collectors().into_iter().flat_map(|collector| collector.collect());
    let metrics = families.filter(|family| family.name() == name).flat_map(|family| family.get_metric().to_vec());
    let labelled = metrics.filter(|metric| label.is_none_or(|label| metric.get_label().iter().any(|pair| pair.value() == label)));
    labelled.map(|metric| metric.get_counter().get_value() + metric.get_histogram().get_sample_count() as f64).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_last_publication_is_found_by_the_digest_of_its_node() {
    let server = RedisServer::start();
    let way = Deaf::to(&server).await;
    let received = Arc::new(Received::default());
    let publisher = open(&server, Arc::default()).await;
    let listener = RedisBroker::open(options_for(&way.url())).await.expect("opens").broker(Arc::<Received>::clone(&received));
    let (topic, other) = (fresh_topic(), fresh_topic());
    listener.attach(vec![topic.clone()]).await.expect("attached");
    publisher.publish(vec![publish(&topic, "arrives")]).await.remove(0).expect("accepted");
    assert_eq!(received.next_id().await, "arrives");
    way.loses(&["swallowed"]);
    let last = publisher.publish(vec![publish(&topic, "swallowed"), publish(&other, "elsewhere")]).await.remove(0).expect("accepted");
    way.lost(1).await;
    assert_eq!(received.interruption_of().await, std::slice::from_ref(&topic), "only what this node holds, and only that");
    assert_eq!(Some(listener.attach(vec![topic.clone()]).await.expect("attached")[0]), last.position);
    assert_eq!(metric(&listener, "tail_losses_total", Some("digest")), 1.0);
    assert_eq!(metric(&listener, "tail_loss_detection_seconds", None), 1.0);
    assert!(metric(&listener, "probe_latency_seconds", None) > 0.0);
    // The head is known by then, so later digests that name it find nothing.
    publisher.publish(vec![publish(&topic, "follows")]).await.remove(0).expect("accepted");
    assert_eq!(received.next_id().await, "follows");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_node_sends_no_digest() {
    let server = RedisServer::start();
    let received = Arc::new(Received::default());
    let mut options = super::options(&server);
    options.digest_every = Duration::from_millis(10);
    let broker = RedisBroker::open(options).await.expect("opens").broker(Arc::<Received>::clone(&received));
    let topic = fresh_topic();
    broker.attach(vec![topic.clone()]).await.expect("attached");
    broker.publish(vec![publish(&topic, "a")]).await.remove(0).expect("accepted");
    let publishes = || calls(&server, "publish");
    peal_testkit::redis::wait_until("the digest is sent", || {
        let digests = publishes();
        digests >= 1
    });
    let (before, probes) = (publishes(), calls(&server, "evalsha"));
    // Probes go on, so time passes; they publish from within a script, which counts as a call of its own.
    peal_testkit::redis::wait_until("several probes were sent", || calls(&server, "evalsha") >= probes + 20);
    let scripts = calls(&server, "evalsha") - probes;
    assert!(publishes() - before <= scripts, "{} publishes in {scripts} scripts", publishes() - before);
}

/// How often a command was called, by clients or scripts.
fn calls(server: &RedisServer, command: &str) -> u64 {
    let stats = server.command(&["INFO", "commandstats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls="))).unwrap_or("0,");
    line.split(',').next().and_then(|calls| calls.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_digest_tells_is_found_by_comparing_heads() {
    let server = RedisServer::start();
    let way = Deaf::to(&server).await;
    let received = Arc::new(Received::default());
    let publisher = open(&server, Arc::default()).await;
    let mut options = options_for(&way.url());
    options.sweep_every = Duration::from_millis(200);
    let listener = RedisBroker::open(options).await.expect("opens").broker(Arc::<Received>::clone(&received));
    let topics: Vec<_> = (0..300).map(|_| fresh_topic()).collect();
    listener.attach(topics.clone()).await.expect("attached");
    // The digest is lost as well, as if its node had died first.
    way.loses(&["swallowed", "}digest"]);
    publisher.publish(vec![publish(&topics[7], "swallowed"), publish(&topics[8], "arrives")]).await.remove(0).expect("accepted");
    assert_eq!(received.next_id().await, "arrives");
    assert_eq!(received.interruption_of().await, [topics[7].clone()]);
    assert!(metric(&listener, "tail_losses_total", Some("sweep")) >= 1.0);
    assert_eq!(metric(&listener, "tail_losses_total", Some("digest")), 0.0);
}
