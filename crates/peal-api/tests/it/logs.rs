//! No password, cookie, secret or token is ever logged. Every test of this suite is watched ([`crate::log_watch`]); this one does what
//! handles secrets, and makes sure that the watch sees.

use axum::body::Body;
use http::Method;
use serde_json::json;

use crate::common::{Bench, PASSWORD};
use crate::log_watch;

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

/// In a process of its own, because every other test would fail with it.
#[test]
fn the_watch_notices_what_is_logged_before_and_after_it_is_marked() {
    let child = std::env::var_os("PEAL_LOG_WATCH_LEAKS").is_some();
    if !child {
        let this = std::env::current_exe().expect("the test binary knows itself");
        let name = "logs::the_watch_notices_what_is_logged_before_and_after_it_is_marked";
        let child = std::process::Command::new(this).args([name, "--exact"]).env("PEAL_LOG_WATCH_LEAKS", "1").output().expect("it runs");
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        return;
    }
    std::mem::forget(log_watch::begin());
    tracing::trace!("the first-secret-text is logged before it is known");
    log_watch::mark_fields(&json!({ "key": [{ "secret": "first-secret-text" }], "token": "second-secret-text" }));
    tracing::trace!("the second-secret-text after that");
    let leaks = log_watch::leaks();
    assert!(leaks.len() == 2 && leaks[0].contains("first-secret-text") && leaks[1].contains("second-secret-text"), "{leaks:?}");
}
