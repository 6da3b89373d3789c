//! Everybody comes at once: each WebSocket waits for its turn or is told to come back, and nobody is refused before the upgrade.

use std::num::NonZeroU32;

use futures_util::future::join_all;
use http_body_util::BodyExt;
use peal_edge::EdgeConfig;
use serde_json::json;
use tower::ServiceExt;

use crate::support::{APP, TestNode};

#[tokio::test(flavor = "multi_thread")]
async fn in_a_storm_some_wait_and_the_others_are_told_when_to_come_back() {
    let node = TestNode::start_with(EdgeConfig { handshakes_per_core: NonZeroU32::new(10), ..EdgeConfig::default() }).await;
    let native = async || {
        let mut socket = node.websocket("/v1/connect").await;
        socket.send(&json!({"id": 1, "connect": {"token": APP.full_token("ada"), "version": 1}})).await;
        let reply = socket.json().await;
        match reply["error"]["name"].as_str() {
            None => assert!(reply["ok"].is_object(), "{reply}"),
            Some(name) => {
                assert_eq!((name, &reply["error"]["retryable"]), ("overloaded", &json!(true)), "{reply}");
                assert_eq!(reply["error"]["retry_after"], 2_000, "{reply}");
                assert_eq!(socket.closed().await, Some(4105));
                return None;
            }
        }
        Some(socket)
    };
    let pusher = async || {
        let mut socket = node.websocket("/app/appkey?protocol=7").await;
        let first = socket.json().await;
        if first["event"] == "pusher:connection_established" {
            return Some(socket);
        }
        assert_eq!((&first["event"], &first["data"]["code"]), (&json!("pusher:error"), &json!(4100)), "{first}");
        assert_eq!(socket.closed().await, Some(4100));
        None
    };
    let (natives, pushers) = tokio::join!(join_all((0..40).map(|_| native())), join_all((0..40).map(|_| pusher())));
    let admitted: Vec<_> = natives.into_iter().chain(pushers).flatten().collect();
    // Two cores, each with a burst of two and ten for the second that one may wait; a slow machine opens them over a longer time.
    assert!(admitted.len() >= 12, "{} came in", admitted.len());
    let metrics = metrics(&node).await;
    let count = |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<usize>().ok()).expect(name);
    assert!(count("peal_handshakes_delayed_total ") > 0, "{metrics}");
    assert_eq!(count("peal_handshakes_refused_total "), 80 - admitted.len());
    node.stop().await;
}

async fn metrics(node: &TestNode) -> String {
    let request = http::Request::get("/metrics").body(axum::body::Body::empty()).expect("a request");
    let answer = peal_edge::admin_router(&node.edge).oneshot(request).await.expect("answers");
    String::from_utf8(answer.into_body().collect().await.expect("a body").to_bytes().to_vec()).expect("text")
}
