//! A request that makes something, sent twice because its answer was lost.

use axum::body::Body;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::{Answer, Bench, Browser, problem};

async fn post(browser: &mut Browser, path: &str, name: &str, body: &Value) -> Answer {
    let request = browser.request(Method::POST, path).header("sec-fetch-site", "same-origin").header("content-type", "application/json");
    browser.send(request.header("idempotency-key", name).body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_and_another_one_is_refused() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let keys = format!("/api/v1/apps/{}/keys", made["app"]["id"].as_str().unwrap());
    let rotate = format!("{keys}/{}/rotate", made["key"]["id"].as_str().unwrap());
    for (path, body, other) in [
        ("/api/v1/apps", json!({ "name": "Chat", "environment": "production" }), json!({ "name": "Chess", "environment": "production" })),
        (&keys, json!({ "name": "Mine", "preset": "full" }), json!({ "name": "Mine", "preset": "publish" })),
        (&rotate, json!({ "overlap_s": 3600 }), json!({ "overlap_s": 0 })),
    ] {
        let first = post(&mut browser, path, path, &body).await;
        let second = post(&mut browser, path, path, &body).await;
        assert_eq!((first.status, second.status), (StatusCode::CREATED, StatusCode::CREATED));
        assert_eq!(first.text, second.text, "{path}");
        assert_eq!((first.header("idempotency-replayed"), second.header("idempotency-replayed")), ("", "true"));
        assert_eq!(post(&mut browser, path, path, &other).await.problem(), problem(409, "idempotency_conflict"), "{path}");
    }
    assert_eq!(browser.get("/api/v1/apps").await.json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(browser.get(&keys).await.json()["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_same_name_for_another_path_is_another_request() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let keys = |app: &Value| format!("/api/v1/apps/{}/keys", app["app"]["id"].as_str().unwrap());
    let other = browser.post("/api/v1/apps", json!({ "name": "Chat", "environment": "development" })).await.json();
    let body = json!({ "name": "Mine", "preset": "full" });
    assert_eq!(post(&mut browser, &keys(&made), "a", &body).await.status, StatusCode::CREATED);
    assert_eq!(post(&mut browser, &keys(&other), "a", &body).await.problem(), problem(409, "idempotency_conflict"));
}

#[tokio::test]
async fn a_refused_request_may_be_corrected_under_its_name() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    let refused = post(&mut browser, "/api/v1/apps", "a", &json!({ "name": "", "environment": "production" })).await;
    assert_eq!(refused.problem(), problem(400, "invalid_request"));
    let made = post(&mut browser, "/api/v1/apps", "a", &json!({ "name": "Chat", "environment": "production" })).await;
    assert_eq!(made.status, StatusCode::CREATED);
    for name in ["", &"x".repeat(256)] {
        let refused = post(&mut browser, "/api/v1/apps", name, &json!({ "name": "Chat", "environment": "production" })).await;
        assert_eq!(refused.problem(), problem(400, "invalid_request"), "{name}");
    }
}

/// The role is looked at before the answer is.
#[tokio::test]
async fn who_may_no_longer_make_it_does_not_get_the_answer_either() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let keys = format!("/api/v1/apps/{}/keys", made["app"]["id"].as_str().unwrap());
    let body = json!({ "name": "Mine", "preset": "full" });
    post(&mut browser, &keys, "a", &body).await;
    bench.sql("update org_member set role = 'viewer'").await;
    assert_eq!(post(&mut browser, &keys, "a", &body).await.problem(), problem(403, "role_not_allowed"));
}
