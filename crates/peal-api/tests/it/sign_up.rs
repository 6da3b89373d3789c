//! Signing up: one form, and everything for the first message is there.

use http::StatusCode;
use serde_json::json;

use crate::common::{Bench, PASSWORD, problem};

const PATH: &str = "/api/v1/auth/sign-up";

#[tokio::test]
async fn it_answers_with_user_org_app_and_key_and_signs_in() {
    let bench = Bench::new().await;
    let mut browser = bench.browser();
    let answer = browser.post(PATH, json!({ "email": " Ada@Example.com ", "password": PASSWORD })).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let body = answer.json();
    assert_eq!(body["user"]["email"], "Ada@Example.com");
    assert_eq!(body["org"]["name"], "Ada's team");
    assert_eq!((&body["app"]["name"], &body["app"]["environment"]), (&json!("My first app"), &json!("development")));
    assert!(body["app"]["id"].as_str().is_some_and(|id| id.len() >= 9 && id.bytes().all(|b| b.is_ascii_digit())));
    assert_eq!(body["key"]["id"].as_str().map(str::len), Some(20));
    assert!(body["key"].get("secret").is_none(), "the secret is asked for, never sent along");

    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("peal_sid="), "{cookie}");
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let session = browser.get("/api/v1/session").await.json();
    assert_eq!(session["user"], body["user"]);
    assert_eq!(session["org"], body["org"]);
    assert_eq!(session["apps"], json!([body["app"]]));
    assert_eq!((&session["edge_url"], &session["dev"]), (&json!("http://127.0.0.1:7100"), &json!(true)));
    assert!(session["sudo_until"].is_string(), "the password has just been given");
}

#[tokio::test]
async fn over_https_the_cookie_cannot_leave_this_host_or_its_encryption() {
    let bench = Bench::with(|config| config.public_url = "https://peal.example".to_owned()).await;
    let answer = bench.browser().post(PATH, json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-sid=") && cookie.contains("; Secure") && !cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn it_refuses_what_would_be_guessed_and_what_is_no_address() {
    let bench = Bench::new().await;
    for password in ["short", "password123", "ada@example.com", "aaaaaaaaaaaaaa", &"x1y2z3".repeat(200)] {
        let answer = bench.browser().post(PATH, json!({ "email": "ada@example.com", "password": password })).await;
        assert_eq!(answer.problem(), problem(400, "weak_password"), "{password}");
    }
    for email in ["", "ada", "a b@example.com", "@example.com"] {
        let answer = bench.browser().post(PATH, json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.problem(), problem(400, "email_invalid"), "{email}");
    }
    assert_eq!(bench.text("select count(*)::text from user_account").await, "0");
}

#[tokio::test]
async fn a_taken_address_says_so_and_leaves_the_account_alone() {
    let bench = Bench::new().await;
    bench.signed_up("ada@example.com").await;
    let again = bench.browser().post(PATH, json!({ "email": "ADA@example.com", "password": "another good pass" })).await;
    assert_eq!(again.problem(), problem(409, "email_taken"));
    let old = bench.browser().post("/api/v1/auth/sign-in", json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    assert_eq!(old.status, StatusCode::OK);
}

#[tokio::test]
async fn a_closed_server_takes_nobody() {
    let bench = Bench::with(|config| config.signups = false).await;
    let answer = bench.browser().post(PATH, json!({ "email": "ada@example.com", "password": PASSWORD })).await;
    assert_eq!(answer.problem(), problem(403, "sign_ups_closed"));
}

#[tokio::test]
async fn a_network_makes_five_accounts_an_hour_in_production() {
    let bench = Bench::with(|config| config.dev = false).await;
    for n in 0..5 {
        bench.signed_up(&format!("user{n}@example.com")).await;
    }
    let sixth = bench.browser().post(PATH, json!({ "email": "user6@example.com", "password": PASSWORD })).await;
    assert_eq!(sixth.problem(), problem(429, "rate_limited"));
    assert!(sixth.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 60), "{}", sixth.header("retry-after"));
    assert!(sixth.json()["retry_after"].as_u64().is_some_and(|ms| ms > 60_000));
}
