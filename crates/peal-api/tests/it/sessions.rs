//! Signing in and out, sudo mode, and who is told what.

use std::time::Duration;

use http::StatusCode;
use peal_api::PasswordCost;
use peal_store::{Keyring, Store, StoreOptions};
use serde_json::{Value, json};

use crate::common::{Answer, Bench, Browser, PASSWORD, config, problem};

async fn sign_in(browser: &mut Browser, email: &str, password: &str) -> Answer {
    browser.post("/api/v1/auth/sign-in", json!({ "email": email, "password": password })).await
}

#[tokio::test]
async fn signing_in_gives_a_fresh_cookie_and_ends_the_browsers_old_session() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let first = browser.cookie.clone();
    let answer = sign_in(&mut browser, "Ada@example.com", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json(), json!({ "user": made["user"], "org": made["org"] }));
    assert_ne!(browser.cookie, first);
    assert_eq!(browser.get("/api/v1/session").await.status, StatusCode::OK);
    let mut thief = bench.browser();
    thief.cookie = first;
    assert_eq!(thief.get("/api/v1/session").await.problem(), problem(401, "sign_in_required"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_are_told_apart_by_nothing() {
    let bench = Bench::new().await;
    bench.signed_up("ada@example.com").await;
    let strip = |answer: Answer| {
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (answer.problem(), body, names)
    };
    let wrong = strip(sign_in(&mut bench.browser(), "ada@example.com", "not the password").await);
    let unknown = strip(sign_in(&mut bench.browser(), "bob@example.com", "not the password").await);
    let no_address = strip(sign_in(&mut bench.browser(), "bob", "not the password").await);
    assert_eq!(wrong.0, problem(401, "bad_credentials"));
    assert_eq!(wrong, unknown);
    assert_eq!(wrong, no_address);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_clears_the_cookie() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    let old = browser.cookie.clone();
    let answer = browser.post("/api/v1/auth/sign-out", json!({})).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert!(browser.cookie.is_none());
    browser.cookie = old;
    assert_eq!(browser.get("/api/v1/session").await.problem(), problem(401, "sign_in_required"));
    assert_eq!(browser.post("/api/v1/auth/sign-out", json!({})).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_made_up_cookie_is_nobody() {
    let bench = Bench::new().await;
    let mut browser = bench.browser();
    for value in ["", "x", &"A".repeat(43), "../../etc/passwd", &"é".repeat(20)] {
        browser.cookie = Some(format!("peal_sid={value}"));
        assert_eq!(browser.get("/api/v1/session").await.problem(), problem(401, "sign_in_required"), "{value}");
    }
}

#[tokio::test]
async fn five_wrong_passwords_make_the_account_wait_but_never_lock_it() {
    let bench = Bench::new().await;
    let (mut signed_in, _) = bench.signed_up("ada@example.com").await;
    for _ in 0..5 {
        let answer = sign_in(&mut bench.browser(), "ada@example.com", "not the password").await;
        assert_eq!(answer.problem(), problem(401, "bad_credentials"));
    }
    let waiting = sign_in(&mut bench.browser(), "ADA@example.com", PASSWORD).await;
    assert_eq!(waiting.problem(), problem(429, "rate_limited"), "even with the right password");
    assert!(waiting.json()["retry_after"].as_u64().is_some_and(|ms| ms <= 1_000));
    assert_eq!(signed_in.get("/api/v1/session").await.status, StatusCode::OK, "who is signed in stays so");
    for _ in 0..5 {
        sign_in(&mut bench.browser(), "nobody@example.com", "not the password").await;
    }
    let unknown = sign_in(&mut bench.browser(), "nobody@example.com", "not the password").await;
    assert_eq!(unknown.problem(), problem(429, "rate_limited"), "the delay tells nobody who has an account");
}

#[tokio::test]
async fn a_secret_is_shown_only_in_sudo_mode_and_that_is_written_down() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let (app, key) = (made["app"]["id"].as_str().unwrap(), made["key"]["id"].as_str().unwrap());
    let reveal = format!("/api/v1/apps/{app}/keys/{key}/reveal");
    bench.sql("update session set sudo_until = now()").await;
    assert_eq!(browser.post(&reveal, json!({})).await.problem(), problem(403, "sudo_required"));
    assert!(browser.get("/api/v1/session").await.json()["sudo_until"].is_null());

    let wrong = browser.post("/api/v1/session/sudo", json!({ "password": "not the password" })).await;
    assert_eq!(wrong.problem(), problem(401, "bad_credentials"));
    assert_eq!(browser.post(&reveal, json!({})).await.problem(), problem(403, "sudo_required"));

    let raised = browser.post("/api/v1/session/sudo", json!({ "password": PASSWORD })).await;
    assert_eq!(raised.status, StatusCode::OK);
    let shown = browser.post(&reveal, json!({})).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert_eq!(shown.json()["id"], key);
    assert_eq!(shown.json()["secret"].as_str().map(str::len), Some(43));
    assert_eq!(shown.header("cache-control"), "no-store");
    let written = bench.text("select string_agg(action || ' ' || target, ', ' order by seq) from audit_event").await;
    assert!(written.ends_with(&format!("key.reveal key:{key}")), "{written}");
    let id = bench.text("select request_id from audit_event where action = 'key.reveal'").await;
    assert_eq!(id, shown.header("x-request-id"), "the event leads to the request");
}

#[tokio::test]
async fn guessing_in_sudo_mode_is_slowed_like_signing_in() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    for _ in 0..5 {
        browser.post("/api/v1/session/sudo", json!({ "password": "not the password" })).await;
    }
    let sixth = browser.post("/api/v1/session/sudo", json!({ "password": PASSWORD })).await;
    assert_eq!(sixth.problem(), problem(429, "rate_limited"));
}

#[tokio::test]
async fn a_password_hashed_too_cheaply_is_hashed_again_at_the_next_sign_in() {
    let bench = Bench::new().await;
    bench.signed_up("ada@example.com").await;
    let stored = "select password_hash from user_account";
    assert!(bench.text(stored).await.contains("m=8,t=1"));
    let mut stronger = config();
    stronger.password_cost = PasswordCost::new(16, 2).unwrap();
    let bench = Bench { router: peal_api::router(stronger, bench.store.clone()), ..bench };
    for _ in 0..2 {
        assert_eq!(sign_in(&mut bench.browser(), "ada@example.com", PASSWORD).await.status, StatusCode::OK);
        assert!(bench.text(stored).await.contains("m=16,t=2"));
    }
}

/// With one connection in the pool, whoever held it while hashing would keep everybody else waiting until they are refused.
#[tokio::test]
async fn nobody_holds_a_connection_while_a_password_is_hashed() {
    let bench = Bench::new().await;
    let (browser, _) = bench.signed_up("ada@example.com").await;
    let options = StoreOptions { max_connections: 1, acquire_timeout: Duration::from_millis(150), ..StoreOptions::default() };
    let store = Store::connect(bench.db.url(), Keyring::ephemeral(), options).await.unwrap();
    let mut slow = config();
    slow.password_cost = PasswordCost::new(32 * 1024, 20).unwrap();
    let router = peal_api::router(slow, store);
    let mut other = Browser::of(router.clone());
    // Rehashes too, because the stored hash is a cheap one.
    let signing_in = tokio::spawn(async move { sign_in(&mut Browser::of(router), "ada@example.com", PASSWORD).await.status });
    other.cookie = browser.cookie;
    let mut served = 0;
    while !signing_in.is_finished() {
        assert_eq!(other.get("/api/v1/session").await.status, StatusCode::OK);
        served += 1;
    }
    assert_eq!(signing_in.await.unwrap(), StatusCode::OK);
    assert!(served > 3, "{served} requests were served meanwhile");
}
