//! What the operator's port tells: what happened is there, by kind, and no tenant is named where many would be too many.

use std::time::Duration;

use futures_util::SinkExt;
use peal_edge::EdgeConfig;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{APP, CANARY, TestNode, metrics, metrics_at};

/// Counters of usage are a collection old, and a closed socket is noticed a moment later.
async fn wait_for(node: &TestNode, path: &str, lines: &[&str]) {
    let mut last = String::new();
    let there = async {
        loop {
            last = metrics_at(node, path).await;
            if lines.iter().all(|line| last.lines().any(|found| found == *line)) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(crate::support::PATIENCE, there).await.is_err() {
        let missing: Vec<_> = lines.iter().filter(|line| !last.lines().any(|found| found == **line)).collect();
        panic!("missing {missing:#?} in {last}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_messages_and_requests_are_told_by_kind() {
    let node = TestNode::start_with(EdgeConfig { usage_every: Duration::from_millis(100), ..EdgeConfig::default() }).await;
    let (mut stays, _) = node.pusher(&APP).await;
    stays.subscribe("room").await;
    let (mut leaves, _) = node.pusher(&APP).await;
    leaves.stream.send(Message::Close(None)).await.expect("sends");
    drop(node.native(&APP, "ada").await);
    let mut refused = node.websocket("/v1/connect").await;
    refused.send(&json!({"id": 1, "connect": {"token": "x.y.z", "version": 1}})).await;
    refused.closed().await;
    node.websocket("/app/nosuchkey?protocol=7").await.closed().await;
    for _ in 0..2 {
        assert_eq!(node.trigger(&APP, "room", "said", "x").await.status, 200);
    }
    node.trigger(&APP, "no spaces", "said", "x").await.refused(400, "channel_name_invalid");
    assert_eq!(node.http("GET", "/healthz", &[], b"").await.status, 200);
    node.http("GET", "/nothing/here", &[], b"").await.refused(404, "not_found");
    wait_for(
        &node,
        "/metrics",
        &[
            r#"peal_connections_opened_total{protocol="pusher",transport="websocket"} 2"#,
            r#"peal_connections_opened_total{protocol="native",transport="websocket"} 1"#,
            r#"peal_connections_closed_total{protocol="pusher",reason="client",transport="websocket"} 1"#,
            r#"peal_connections_closed_total{protocol="native",reason="lost",transport="websocket"} 1"#,
            r#"peal_websocket_refusals_total{name="token_invalid"} 1"#,
            r#"peal_websocket_refusals_total{name="unknown_key"} 1"#,
            r#"peal_refusals_total{name="channel_name_invalid"} 1"#,
            r#"peal_messages_in_total{protocol="pusher"} 2"#,
            r#"peal_messages_out_total{protocol="pusher"} 2"#,
            r#"peal_http_requests_total{route="events",status="2xx"} 2"#,
            r#"peal_http_requests_total{route="events",status="4xx"} 1"#,
            r#"peal_http_requests_total{route="health",status="2xx"} 1"#,
            r#"peal_http_requests_total{route="other",status="4xx"} 1"#,
            r#"peal_queue_capacity{core="1",queue="core"} 1024"#,
        ],
    )
    .await;
    let all = metrics(&node).await;
    assert!(all.contains(r#"peal_queue_length{core="",queue="mux"} "#), "{all}");
    assert!(!all.contains(APP.id) && !all.contains(APP.key), "a tenant is named: {all}");
    node.stop().await;
}

/// A connection is a task, which ends with it.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_told_by_runtime_and_end_with_their_connections() {
    let node = TestNode::start().await;
    let tasks = |text: &str| -> Vec<(String, u64)> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("peal_tasks{runtime=\"")?.split_once("\"} "));
        lines.map(|(runtime, count)| (runtime.to_owned(), count.parse().expect("a number"))).collect()
    };
    let of_cores =
        |tasks: &[(String, u64)]| tasks.iter().filter(|(name, _)| name.starts_with("core-")).map(|(_, count)| count).sum::<u64>();
    node.settled().await;
    let idle = tasks(&metrics(&node).await);
    assert_eq!(idle.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["core-0", "core-1", "main", "mux"], "{idle:?}");
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(node.pusher(&APP).await);
    }
    let busy = tasks(&metrics(&node).await);
    assert!(of_cores(&busy) >= of_cores(&idle) + 10, "{idle:?} {busy:?}");
    drop(open);
    let back = async {
        while of_cores(&tasks(&metrics(&node).await)) > of_cores(&idle) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, back).await.expect("the tasks of closed connections end");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_app_that_uses_the_node_is_told_apart_on_a_page_of_its_own() {
    let node = TestNode::start_with(EdgeConfig { usage_every: Duration::from_millis(100), ..EdgeConfig::default() }).await;
    let (mut subscriber, _) = node.pusher(&APP).await;
    subscriber.subscribe("room").await;
    assert_eq!(node.trigger(&APP, "room", "said", "x").await.status, 200);
    let lines = [
        r#"peal_app_connections{app="411111111"} 1"#,
        r#"peal_app_messages_in_total{app="411111111"} 1"#,
        r#"peal_app_messages_out_total{app="411111111"} 1"#,
        r#"peal_app_api_requests_total{app="411111111"} 1"#,
    ];
    wait_for(&node, "/metrics/apps", &lines).await;
    assert!(!metrics_at(&node, "/metrics/apps").await.contains(CANARY.id), "an app that does nothing costs nothing");
    node.stop().await;
}
