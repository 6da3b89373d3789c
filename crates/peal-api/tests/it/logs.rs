//! No password, cookie, secret or token is ever logged. Every test of this suite is watched ([`peal_testkit::log_watch`]); this one does what
//! handles secrets, and makes sure that the watch sees.

use axum::body::Body;
use http::Method;
use peal_testkit::log_watch;
use serde_json::json;

use crate::common::{Bench, PASSWORD};

#[tokio::test]
async fn everything_is_done_and_nothing_secret_is_written() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let app = made["app"]["id"].as_str().unwrap();
    let reveal = format!("/api/v1/apps/{app}/keys/{}/reveal", made["key"]["id"].as_str().unwrap());
    assert_eq!(browser.post(&reveal, json!({})).await.status, 200);
    assert_eq!(browser.post(&format!("/api/v1/apps/{app}/console-token"), json!({})).await.status, 200);
    let keys = format!("/api/v1/apps/{app}/keys");
    let made = browser.post(&keys, json!({ "name": "Mine", "preset": "full" })).await.json();
    let named = browser.request(Method::POST, &keys).header("sec-fetch-site", "same-origin").header("content-type", "application/json");
    let named = named.header("idempotency-key", "once").body(Body::from(r#"{"name":"Again","preset":"full"}"#)).unwrap();
    assert_eq!(browser.send(named).await.status, 201);
    let rotate = format!("{keys}/{}/rotate", made["key"]["id"].as_str().unwrap());
    assert_eq!(browser.post(&rotate, json!({ "overlap_s": 3600 })).await.status, 201);
    let new = "copper lantern ridge";
    browser.json(Method::PATCH, "/api/v1/session/password", json!({ "current": PASSWORD, "new": new })).await;
    browser.json(Method::PATCH, "/api/v1/session/password", json!({ "current": new, "new": PASSWORD })).await;
    for path in ["/api/v1/sessions", "/api/v1/audit", &keys] {
        assert!(browser.get(path).await.status.is_success());
    }
    browser.post("/api/v1/auth/sign-in", json!({ "email": "ada@example.com", "password": "not quite the one" })).await;
    browser.post("/api/v1/session/sudo", json!({ "password": PASSWORD })).await;
    bench.sql("update api_key set ciphertext = '\\x00'").await;
    browser.post(&reveal, json!({})).await;
    let app = format!("app={app}");
    assert!(log_watch::holds(&app) && log_watch::holds("a request failed"), "the log is watched");
}
