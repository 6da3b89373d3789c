//! What a broken or hostile HTTP client sends: each is refused with the right status and a reason, and a good request works afterwards.

use serde_json::json;

use crate::support::{APP, CANARY, TestNode, md5_hex, now_s, sign};

/// Posts to `/events` with a valid signature over whatever the body is.
async fn events(node: &TestNode, body: &str) -> crate::support::Response {
    node.pusher_request(&APP, "POST", "/events", &[], body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_events_are_refused() {
    let node = TestNode::start().await;
    events(&node, "{").await.refused(400, "invalid_json");
    events(&node, "[]").await.refused(400, "invalid_json");
    events(&node, r#"{"name":"e","data":"x"}"#).await.refused(400, "invalid_request");
    events(&node, r#"{"channels":["a"],"data":"x"}"#).await.refused(400, "invalid_request");
    events(&node, &json!({"name": "e", "data": {"not": "text"}, "channel": "a"}).to_string()).await.refused(400, "invalid_request");
    events(&node, &"[".repeat(20_000)).await.refused(400, "nesting_too_deep");
    events(&node, &format!(r#"{{"name":"e","channel":"a","data":{}1{}}}"#, "[".repeat(20_000), "]".repeat(20_000)))
        .await
        .refused(400, "nesting_too_deep");
    let long = "c".repeat(165);
    events(&node, &json!({"name": "e", "data": "x", "channel": long}).to_string()).await.refused(400, "channel_name_invalid");
    for name in ["a b", "a#b", "a/b", "ä", ""] {
        events(&node, &json!({"name": "e", "data": "x", "channel": name}).to_string()).await.refused(400, "channel_name_invalid");
    }
    for event in ["pusher:x", "pusher_internal:member_added", "", &"e".repeat(201)] {
        events(&node, &json!({"name": event, "data": "x", "channel": "a"}).to_string()).await.refused(400, "event_name_invalid");
    }
    let channels: Vec<String> = (0..101).map(|n| format!("c{n}")).collect();
    events(&node, &json!({"name": "e", "data": "x", "channels": channels}).to_string()).await.refused(400, "too_many_channels");
    events(&node, &json!({"name": "e", "data": "x", "channel": "a", "socket_id": "nonsense"}).to_string())
        .await
        .refused(400, "socket_id_invalid");
    let batch: Vec<_> = (0..11).map(|_| json!({"name": "e", "data": "x", "channel": "a"})).collect();
    node.pusher_request(&APP, "POST", "/batch_events", &[], &json!({ "batch": batch }).to_string()).await.refused(400, "batch_too_large");
    assert_eq!(node.trigger(&APP, "a", "e", "x").await.status, 200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_event_in_a_batch_delivers_nothing_of_it() {
    let node = TestNode::start().await;
    let (mut socket, _) = node.pusher(&APP).await;
    socket.subscribe("room").await;
    let batch = json!({"batch": [
        {"name": "good", "data": "1", "channel": "room"},
        {"name": "bad", "data": "y".repeat(10_241), "channel": "room"},
    ]});
    node.pusher_request(&APP, "POST", "/batch_events", &[], &batch.to_string()).await.refused(413, "message_too_large");
    assert_eq!(node.trigger(&APP, "room", "after", "x").await.status, 200);
    assert_eq!(socket.json().await["event"], "after");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_that_are_wrong_in_any_part_are_refused() {
    let node = TestNode::start().await;
    let path = format!("/apps/{}/events", APP.id);
    let body = json!({"name": "e", "data": "x", "channel": "a"}).to_string();
    let post = async |query: String, body: &str| node.http("POST", &format!("{path}?{query}"), &[], body.as_bytes()).await;

    let good = sign(&APP, "POST", &path, &[], &body, now_s());
    assert_eq!(post(good.clone(), &body).await.status, 200);
    post(good.clone(), &body.replace('x', "y")).await.refused(401, "body_hash_invalid");
    post(good.replace(&md5_hex(body.as_bytes()), &md5_hex(b"other")), &body).await.refused(401, "body_hash_invalid");
    post(sign(&APP, "POST", &path, &[], &body, now_s() - 601), &body).await.refused(401, "timestamp_stale");
    post(sign(&APP, "POST", &path, &[], &body, now_s() + 620), &body).await.refused(401, "timestamp_stale");
    assert_eq!(post(sign(&APP, "POST", &path, &[], &body, now_s() - 590), &body).await.status, 200);
    post(sign(&APP, "GET", &path, &[], &body, now_s()), &body).await.refused(401, "signature_invalid");
    post(sign(&APP, "POST", "/apps/1/events", &[], &body, now_s()), &body).await.refused(401, "signature_invalid");
    post(good.replace("auth_version=1.0", "auth_version=2.0"), &body).await.refused(401, "signature_invalid");
    post(String::new(), &body).await.refused(401, "credentials_missing");
    post(good.replace("auth_signature=", "auth_signature=00"), &body).await.refused(401, "signature_invalid");
    post(good.replace(APP.key, "nobody"), &body).await.refused(401, "unknown_key");
    let without_hash: String = good.split('&').filter(|pair| !pair.starts_with("body_md5")).collect::<Vec<_>>().join("&");
    post(without_hash, &body).await.refused(401, "credentials_missing");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_apps_key_opens_nothing_here() {
    let node = TestNode::start().await;
    let path = format!("/apps/{}/events", APP.id);
    let body = json!({"name": "e", "data": "x", "channel": "a"}).to_string();
    let query = sign(&CANARY, "POST", &path, &[], &body, now_s());
    node.http("POST", &format!("{path}?{query}"), &[], body.as_bytes()).await.refused(401, "unknown_key");
    let path = "/apps/433333333/events";
    let query = sign(&CANARY, "POST", path, &[], &body, now_s());
    node.http("POST", &format!("{path}?{query}"), &[], body.as_bytes()).await.refused(401, "unknown_key");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_beyond_the_limit_and_broken_requests_end_cleanly() {
    let node = TestNode::start().await;
    events(&node, &" ".repeat(2 * 1024 * 1024 + 1)).await.refused(413, "frame_too_large");
    for raw in
        [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /apps/1/events HTTP/1.1\r\ncontent-length: x\r\n\r\n"]
    {
        let answer = crate::support::Response::parse(&node.raw(raw).await);
        assert!(answer.status == 400 || answer.status == 0, "{answer:?}");
    }
    let long_head = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(64 * 1024));
    let answer = crate::support::Response::parse(&node.raw(long_head.as_bytes()).await);
    assert!(matches!(answer.status, 0 | 400 | 414 | 431), "{answer:?}");
    node.http("GET", "/nothing/here", &[], b"").await.refused(404, "not_found");
    node.http("DELETE", "/healthz", &[], b"").await.refused(405, "method_not_allowed");
    assert_eq!(node.http("GET", "/healthz", &[], b"").await.status, 200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn native_credentials_are_checked_before_the_body() {
    let node = TestNode::start().await;
    let post = async |authorization: &str| {
        node.http("POST", "/v1/channels/a/messages", &[("authorization", authorization)], br#"{"data":1}"#).await
    };
    node.http("POST", "/v1/channels/a/messages", &[], b"{").await.refused(401, "credentials_missing");
    post("Basic !!!").await.refused(401, "credentials_missing");
    post("Digest x").await.refused(401, "credentials_missing");
    post("Peal-HMAC-SHA256 key=appkey").await.refused(401, "credentials_missing");
    post("Peal-HMAC-SHA256 key=appkey, ts=1, sig=00").await.refused(401, "timestamp_stale");
    post(&format!("Peal-HMAC-SHA256 key=appkey, ts={}, sig={}", now_s(), "0".repeat(64))).await.refused(401, "signature_invalid");
    post("Bearer x.y.z").await.refused(401, "token_invalid");
    let nobody = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "nobody:x");
    post(&format!("Basic {nobody}")).await.refused(401, "unknown_key");
    let wrong = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "appkey:wrong");
    post(&format!("Basic {wrong}")).await.refused(401, "signature_invalid");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_given_up_with_a_reason() {
    let node = TestNode::start().await;
    let answer = node.raw(b"POST /apps/1/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n{").await;
    crate::support::Response::parse(&answer).refused(408, "request_timeout");
    node.stop().await;
}
