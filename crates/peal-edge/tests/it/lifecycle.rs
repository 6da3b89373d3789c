//! Readiness means delivery; revocation and pauses reach open connections; stopping tells clients to come back.

use peal_core::token::Claims;
use peal_core::{AppId, Capabilities};
use peal_store::{Actor, Revocation};
use serde_json::json;

use crate::support::{APP, TestNode, now_s, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_ready_once_its_probe_came_back_on_every_core() {
    let node = TestNode::start().await;
    within(async {
        while !node.edge.unready().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let ready = node.http("GET", "/readyz", &[], b"").await;
    assert_eq!((ready.status, ready.json()["status"].as_str()), (200, Some("ready")));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_client_is_closed_and_its_old_token_refused() {
    let node = TestNode::start().await;
    let token = APP.full_token("ada");
    let mut ada = node.websocket("/v1/connect").await;
    assert!(ada.request(json!({"id": 1, "connect": {"token": token, "version": 1}})).await["ok"].is_object());
    let mut bob = node.native(&APP, "bob").await;
    let authorization = format!(
        "Basic {}",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{}:{}", APP.key, "appsecret-appsecret-appsecret-apps"))
    );
    let answer = node
        .http(
            "POST",
            &format!("/v1/apps/{}/revocations", APP.id),
            &[("authorization", &authorization), ("content-type", "application/json")],
            br#"{"client_id":"ada"}"#,
        )
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(ada.closed().await, Some(4402));
    // The other core may hear of it a moment later, and then closes what it let in.
    within(async {
        loop {
            let mut again = node.websocket("/v1/connect").await;
            let reply = again.request(json!({"id": 1, "connect": {"token": token, "version": 1}})).await;
            if reply["error"]["name"] == "token_revoked" {
                break;
            }
            assert!(reply["ok"].is_object(), "{reply}");
            assert_eq!(again.closed().await, Some(4402));
        }
    })
    .await;
    assert!(bob.request(json!({"id": 2, "ping": {}})).await["ok"].is_object());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_by_token_id_and_by_time_closes_what_they_opened() {
    let node = TestNode::start().await;
    let app: AppId = APP.id.parse().expect("digits");
    let actor = Actor::system("test");
    let claims = |jti: &str, iat: u64| Claims {
        sub: Some("ada".into()),
        exp: now_s() + 600,
        iat: Some(iat),
        jti: Some(jti.into()),
        cap: Some(Capabilities::all()),
        ..Claims::default()
    };
    let connect = async |claims: Claims| {
        let mut socket = node.websocket("/v1/connect").await;
        let reply = socket.request(json!({"id": 1, "connect": {"token": APP.token(&claims), "version": 1}})).await;
        assert!(reply["ok"].is_object(), "{reply}");
        socket
    };
    let mut by_id = connect(claims("one", now_s())).await;
    let mut by_time = connect(claims("two", now_s() - 100)).await;
    let mut kept = connect(claims("three", now_s())).await;
    node.store.revocation_add(app, &Revocation::Token("one".into()), &actor).await.expect("stored");
    node.store.revocation_add(app, &Revocation::IssuedBefore(now_s() - 50), &actor).await.expect("stored");
    assert_eq!(by_id.closed().await, Some(4402));
    assert_eq!(by_time.closed().await, Some(4402));
    assert!(kept.request(json!({"id": 2, "ping": {}})).await["ok"].is_object());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_tells_its_clients_to_come_back_at_once() {
    let node = TestNode::start().await;
    let (mut pusher, _) = node.pusher(&APP).await;
    let mut native = node.native(&APP, "ada").await;
    let stop = tokio::spawn(node.stop());
    assert_eq!(pusher.closed().await, Some(4200));
    let goaway = native.json().await;
    assert!(goaway["goaway"]["retry_in"].is_u64(), "{goaway}");
    assert_eq!(native.closed().await, Some(4200));
    within(stop).await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_disconnects_one_connection_or_a_signed_in_user() {
    let node = TestNode::start().await;
    let (mut one, id) = node.pusher(&APP).await;
    let (mut other, _) = node.pusher(&APP).await;
    let authorization = format!(
        "Basic {}",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "appkey:appsecret-appsecret-appsecret-apps")
    );
    let answer = node.http("POST", &format!("/v1/connections/{id}/disconnect"), &[("authorization", &authorization)], b"").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(one.closed().await, Some(4009));
    other.alive().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_what_is_known_keeps_working_and_what_is_not_is_retryable() {
    let mut node = TestNode::start().await;
    let (mut socket, _) = node.pusher(&APP).await;
    socket.subscribe("room").await;
    node.lose_postgres().await;
    within(async {
        while node.http("GET", "/readyz", &[], b"").await.json()["status"] != "degraded" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(node.http("GET", "/readyz", &[], b"").await.status, 200);

    assert_eq!(node.trigger(&APP, "room", "still", "here").await.status, 200);
    assert_eq!(socket.json().await["event"], "still");
    let (mut another, _) = node.pusher(&APP).await;
    another.alive().await;

    let mut unknown = node.websocket("/app/perhaps-new?protocol=7").await;
    assert_eq!(unknown.closed().await, Some(4100));
    let mut unknown = node.websocket("/v1/connect").await;
    let reply = unknown.request(json!({"id": 1, "connect": {"key": "perhaps-new", "version": 1}})).await;
    assert_eq!((&reply["error"]["name"], &reply["error"]["retryable"]), (&json!("directory_stale"), &json!(true)), "{reply}");
    let nobody = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "perhaps-new:x");
    node.http("POST", "/v1/channels/a/messages", &[("authorization", &format!("Basic {nobody}"))], b"{}")
        .await
        .refused(503, "directory_stale");
    node.stop().await;
}
