//! The settings pages: password, devices, the org's name, the audit log, and the pages that help links lead to.

use http::{Method, StatusCode};
use serde_json::json;

use crate::common::{Bench, PASSWORD, problem};

const NEW: &str = "copper lantern ridge";

#[tokio::test]
async fn a_new_password_signs_every_other_browser_out_and_this_one_gets_a_fresh_cookie() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    let mut phone = bench.browser();
    phone.post("/api/v1/auth/sign-in", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    let old = browser.cookie.clone();
    let answer = browser.json(Method::PATCH, "/api/v1/session/password", json!({ "current": PASSWORD, "new": NEW })).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_ne!(browser.cookie, old);
    assert_eq!(browser.get("/api/v1/session").await.status, StatusCode::OK);
    assert_eq!(phone.get("/api/v1/session").await.problem(), problem(401, "sign_in_required"));
    browser.cookie = old;
    assert_eq!(browser.get("/api/v1/session").await.problem(), problem(401, "sign_in_required"));
    for (password, status) in [(PASSWORD, 401), (NEW, 200)] {
        let answer = bench.browser().post("/api/v1/auth/sign-in", json!({ "email": "ada@example.com", "password": password })).await;
        assert_eq!(answer.status.as_u16(), status);
    }
}

#[tokio::test]
async fn a_password_is_not_changed_without_the_present_one_nor_to_a_weak_one() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    let cookie = browser.cookie.clone();
    for (current, new, refusal) in [
        ("not the password", NEW, problem(401, "bad_credentials")),
        (PASSWORD, "password123", problem(400, "weak_password")),
        (PASSWORD, "ada@example.com", problem(400, "weak_password")),
    ] {
        let answer = browser.json(Method::PATCH, "/api/v1/session/password", json!({ "current": current, "new": new })).await;
        assert_eq!(answer.problem(), refusal);
    }
    for _ in 0..5 {
        browser.json(Method::PATCH, "/api/v1/session/password", json!({ "current": "guess guess", "new": NEW })).await;
    }
    let answer = browser.json(Method::PATCH, "/api/v1/session/password", json!({ "current": PASSWORD, "new": NEW })).await;
    assert_eq!(answer.problem(), problem(429, "rate_limited"), "a stolen session does not guess the password");
    assert_eq!(browser.cookie, cookie);
}

#[tokio::test]
async fn devices_are_listed_and_signed_out() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    let (mut phone, mut tablet) = (bench.browser(), bench.browser());
    for device in [&mut phone, &mut tablet] {
        device.post("/api/v1/auth/sign-in", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    }
    let listed = browser.get("/api/v1/sessions").await.json();
    let current: Vec<bool> = listed["items"].as_array().unwrap().iter().map(|device| device["current"].as_bool().unwrap()).collect();
    assert_eq!((current.len(), current.iter().filter(|current| **current).count()), (3, 1));
    let mine =
        phone.get("/api/v1/sessions").await.json()["items"].as_array().unwrap().iter().find(|device| device["current"] == true).cloned();
    let mine = mine.unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(browser.delete(&format!("/api/v1/sessions/{mine}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(phone.get("/api/v1/session").await.problem(), problem(401, "sign_in_required"));
    assert_eq!(tablet.get("/api/v1/session").await.status, StatusCode::OK);
    assert_eq!(browser.delete("/api/v1/sessions").await.json(), json!({ "ended": 1 }));
    assert_eq!(tablet.get("/api/v1/session").await.problem(), problem(401, "sign_in_required"));
    assert_eq!(browser.get("/api/v1/session").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_org_is_renamed_by_who_may() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let renamed = browser.json(Method::PATCH, "/api/v1/org", json!({ "name": " Lovelace & Co " })).await.json();
    assert_eq!(renamed, json!({ "id": made["org"]["id"], "name": "Lovelace & Co" }));
    let session = browser.get("/api/v1/session").await.json();
    assert_eq!((&session["org"], &session["role"]), (&renamed, &json!("owner")));
    assert_eq!(browser.json(Method::PATCH, "/api/v1/org", json!({ "name": "" })).await.problem(), problem(400, "invalid_request"));
    bench.sql("update org_member set role = 'developer'").await;
    assert_eq!(browser.json(Method::PATCH, "/api/v1/org", json!({ "name": "Mine" })).await.problem(), problem(403, "role_not_allowed"));
    assert_eq!(browser.get("/api/v1/audit").await.problem(), problem(403, "role_not_allowed"));
}

#[tokio::test]
async fn the_audit_log_says_who_did_what_in_pages_newest_first() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    for name in ["One", "Two", "Three"] {
        browser.json(Method::PATCH, "/api/v1/org", json!({ "name": name })).await;
    }
    let page = browser.get("/api/v1/audit?limit=3").await.json();
    let event = &page["items"][0];
    assert_eq!(
        (&event["action"], &event["before"], &event["after"]),
        (&json!("org.update"), &json!({ "name": "Two" }), &json!({ "name": "Three" }))
    );
    assert_eq!(event["target"], format!("org:{}", made["org"]["id"].as_str().unwrap()));
    assert_eq!(event["actor"], json!({ "type": "user", "id": made["user"]["id"], "email": "ada@example.com" }));
    assert!(event["ip"].is_string() && event["request_id"].is_string());
    let rest = browser.get(&format!("/api/v1/audit?limit=3&cursor={}", page["next_cursor"].as_str().unwrap())).await.json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["items"][0]["action"]), (1, &json!("account.create")));
    assert!(rest["next_cursor"].is_null());
}

#[tokio::test]
async fn help_links_lead_to_pages() {
    let bench = Bench::new().await;
    let mut browser = bench.browser();
    let help = browser.get("/api/v1/session").await.json()["help_url"].as_str().unwrap().to_owned();
    let (page, anchor) = help.strip_prefix("http://127.0.0.1:7200").unwrap().split_once('#').unwrap();
    let answer = browser.get(page).await;
    assert!(answer.text.contains(&format!("### {anchor}\n")), "{page} has a section about {anchor}");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    for page in ["protocol.md", "configuration.md", "limits.md"] {
        assert!(browser.get(&format!("/docs/{page}")).await.text.starts_with("# "), "{page}");
    }
    assert_eq!(browser.get("/docs/secrets.md").await.problem(), problem(404, "not_found"));
}
