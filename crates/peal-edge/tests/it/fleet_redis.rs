//! What clients and operators see of the Redis behind a fleet: which partition does not deliver, whether a replica has a message, a lease
//! that is given back.

use peal_core::Durability;
use peal_store::VersionedRules;
use peal_testkit::redis::{RedisServer, wait_until};
use serde_json::json;

use crate::changes::owner;
use crate::fleet::Fleet;
use crate::support::{APP, TestNode, metrics, within};

async fn health(node: &TestNode, status: u16) -> serde_json::Value {
    let waiting = async {
        loop {
            let answer = node.http("GET", "/readyz", &[], b"").await;
            if answer.status == status {
                return answer.json();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    within(waiting).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_does_not_deliver_is_named_by_readyz_and_metrics_tell_of_probes_and_gaps() {
    let fleet = Fleet::start().await;
    let node = &fleet.nodes[0];
    fleet.redis.command(&["DEL", "peal{2}f"]);
    fleet.redis.command(&["SET", "peal{2}f", "not a fence"]);
    let health_now = health(node, 503).await;
    let reasons = health_now["reasons"].as_array().expect("reasons");
    assert!(reasons.iter().any(|why| why.as_str().is_some_and(|why| why.starts_with("partition 2 of Redis: "))), "{health_now}");
    assert!(!reasons.iter().any(|why| why.as_str().is_some_and(|why| why.starts_with("partition 1"))), "{health_now}");
    fleet.redis.command(&["DEL", "peal{2}f"]);
    health(node, 200).await;
    let text = metrics(node).await;
    for line in ["peal_gap_detected_total 0", "peal_gap_repaired_total 0", "peal_gap_unrepaired_total 0", "peal_unconfirmed_total 0"] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    let probes = text.lines().find_map(|line| line.strip_prefix("peal_probe_latency_seconds_count "));
    assert!(probes.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count >= 4), "{text}");
    assert!(text.contains("peal_era_changes_total{reason=\"first\"}") && text.contains("peal_tail_loss_detection_seconds_count"), "{text}");
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_asks_for_a_replica_tells_what_none_confirmed_and_the_repeat_is_safe() {
    let fleet = Fleet::start().await;
    let node = &fleet.nodes[0];
    let owner = owner(node).await;
    let mut saved = node.store.rules_get(owner.org, owner.app).await.expect("reads");
    saved.rules.default.durability = Durability::Replicated;
    let VersionedRules { version, rules } = saved;
    node.store.rules_replace(owner.org, owner.app, &VersionedRules { version, rules }, &owner.actor).await.expect("changes");
    for node in &fleet.nodes {
        node.edge.refresh_directory().await;
    }
    let mut ada = node.native(&APP, "ada").await;
    // Until ada's core has the rule, which it is told beside her connection.
    within(async {
        let ask = json!({"id": 9, "publish": {"channel": "before", "data": 0}});
        while ada.request(ask.clone()).await["error"]["name"] != "stored_not_confirmed" {}
    })
    .await;
    let reply = ada.request(json!({"id": 2, "publish": {"channel": "room", "data": 1, "id": "m-1"}})).await;
    assert_eq!((&reply["error"]["name"], &reply["error"]["message_id"]), (&json!("stored_not_confirmed"), &json!("m-1")), "{reply}");
    let refused = node.trigger(&APP, "room", "said", "x").await;
    refused.refused(503, "stored_not_confirmed");
    assert!(refused.json()["message_id"].is_string(), "{}", refused.json());

    let replica = RedisServer::start_replica_of(&fleet.redis);
    let reply = ada.request(json!({"id": 3, "publish": {"channel": "room", "data": 1, "id": "m-1"}})).await;
    assert_eq!(reply["ok"]["id"], "m-1", "{reply}");
    assert_eq!(node.trigger(&APP, "room", "said", "y").await.status, 200);
    let history = ada.request(json!({"id": 4, "history": {"channel": "room"}})).await;
    assert_eq!(history["ok"]["messages"].as_array().map(Vec::len), Some(3), "{history}");
    let stream = fleet.redis.command(&["KEYS", "peal{*}s*room"]);
    assert_eq!(replica.command(&["XLEN", &stream]), "3");
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_gives_its_lease_back() {
    let Fleet { redis, nodes: [first, second] } = Fleet::start().await;
    assert_eq!(redis.command(&["HLEN", "peal{0}nodes"]), "2");
    second.stop().await;
    assert_eq!(redis.command(&["HLEN", "peal{0}nodes"]), "1");
    first.stop().await;
    wait_until("nobody holds one", || redis.command(&["HLEN", "peal{0}nodes"]) == "0");
}
