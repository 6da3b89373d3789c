//! `rediss://`: everything over TLS, and no server whose certificate is not vouched for.

use std::sync::Arc;

use peal_broker::{Broker, RedisBroker, RedisOptions};
use peal_core::Durability;
use peal_core::exchange::BrokerError;
use peal_testkit::redis::RedisServer;

use super::failover::follows_a_failover;
use super::suited;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn commands_subscriptions_and_confirmations_go_over_tls() {
    let (server, tls) = RedisServer::start_with_tls();
    let received = Arc::new(Received::default());
    let url = format!("rediss://localhost:{}", tls.port);
    let options = suited(RedisOptions::trusting(&url, Some(tls.authorities.clone())).expect("a URL"));
    let broker = RedisBroker::open(options).await.expect("opens").broker(Arc::<Received>::clone(&received));
    let topic = fresh_topic();
    broker.attach(vec![topic.clone()]).await.expect("attached");
    let first = broker.publish(vec![publish(&topic, "secret")]).await.remove(0).expect("accepted");
    assert_eq!(received.next().await.publication.position, first.position);
    let mut replicated = publish(&topic, "safe");
    replicated.durability = Durability::Replicated;
    let second = broker.publish(vec![replicated]).await.remove(0);
    assert!(matches!(second, Err(BrokerError::Unconfirmed(_))), "there is no replica: {second:?}");
    // What this asks with comes by the other port.
    let clients = server.command(&["CLIENT", "LIST"]);
    let by_tls = format!("laddr=127.0.0.1:{}", tls.port);
    let plain = clients.lines().filter(|client| !client.contains(&by_tls) && !client.is_empty()).count();
    assert_eq!((clients.matches(&by_tls).count(), plain), (3, 1), "{clients}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_are_asked_over_tls_and_name_servers_that_are_reached_over_tls() {
    let (mut primary, tls) = RedisServer::start_with_tls();
    let (replica, replica_tls) = RedisServer::start_replica_over_tls(&primary, &tls);
    let (_sentinel, sentinel_tls) = RedisServer::start_sentinel_over_tls(&tls, "main");
    let url = format!("rediss+sentinel://localhost:{}/main", sentinel_tls.port);
    let options = suited(RedisOptions::trusting(&url, Some(tls.authorities.clone())).expect("a URL"));
    let _broker = follows_a_failover(options, &mut primary, &replica).await;
    let clients = replica.command(&["CLIENT", "LIST"]);
    assert!(clients.contains(&format!("laddr=127.0.0.1:{}", replica_tls.port)), "{clients}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_trusted_certificate_or_under_another_name_is_refused() {
    let (_server, tls) = RedisServer::start_with_tls();
    let refused = async |host: &str, authorities| {
        let options = RedisOptions::trusting(&format!("rediss://{host}:{}", tls.port), authorities).expect("a URL");
        RedisBroker::open(suited(options)).await.expect_err("refused").to_string()
    };
    let unknown = refused("localhost", None).await;
    assert!(unknown.contains("UnknownIssuer"), "{unknown}");
    let misnamed = refused("127.0.0.1", Some(tls.authorities.clone())).await;
    assert!(misnamed.contains("not valid for name"), "{misnamed}");
    let mistake = |url, authorities| RedisOptions::trusting(url, Some(authorities)).expect_err("a mistake");
    assert!(mistake("redis://localhost", tls.authorities.clone()).contains("only with rediss://"));
    assert!(mistake("rediss://localhost", b"nonsense".to_vec()).contains("holds none"));
}
