//! Bodies that are wrong get a clean refusal, and paths that are nothing say so in JSON.

use axum::body::Body;
use http::Method;
use serde_json::json;

use crate::common::{Answer, Bench, Browser, problem};

const SIGN_IN: &str = "/api/v1/auth/sign-in";

async fn post(browser: &mut Browser, body: impl Into<Body>) -> Answer {
    let request = browser.request(Method::POST, SIGN_IN).header("content-type", "application/json");
    browser.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn malformed_bodies_are_400_with_a_sentence() {
    let bench = Bench::new().await;
    let mut browser = bench.browser();
    let deep = "[".repeat(20_000);
    let deep_objects = r#"{"a":"#.repeat(5_000);
    for (body, name) in [
        (deep.as_str(), "nesting_too_deep"),
        (deep_objects.as_str(), "nesting_too_deep"),
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("email=ada", "invalid_json"),
        ("null", "invalid_request"),
        ("[]", "invalid_request"),
        ("{}", "invalid_request"),
        (r#"{"email":"ada@example.com"}"#, "invalid_request"),
        (r#"{"email":1,"password":2}"#, "invalid_request"),
        (r#"{"email":"a","email":"b","password":"c"}"#, "invalid_request"),
    ] {
        assert_eq!(post(&mut browser, body.to_owned()).await.problem(), problem(400, name), "{}", &body[..body.len().min(60)]);
    }
    let not_utf8 = post(&mut browser, vec![b'"', 0xff, b'"']).await;
    assert_eq!(not_utf8.status, 400);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let bench = Bench::new().await;
    let body = json!({ "email": "x".repeat(70_000), "password": "y" }).to_string();
    assert_eq!(post(&mut bench.browser(), body).await.problem(), problem(413, "frame_too_large"));
}

#[tokio::test]
async fn what_was_sent_is_never_quoted() {
    let bench = Bench::new().await;
    for body in [r#"{"email":"a","password":["tulip orbit"]}"#, r#"{"email":"a","password":"tulip orbit""#, r#""tulip orbit""#] {
        assert!(!post(&mut bench.browser(), body.to_owned()).await.text.contains("tulip"), "{body}");
    }
}

#[tokio::test]
async fn a_problem_has_every_field_of_the_contract() {
    let bench = Bench::new().await;
    let body = bench.browser().get("/api/v1/session").await.json();
    let help = "http://127.0.0.1:7200/docs/errors.md#sign_in_required";
    assert_eq!((&body["type"], &body["help_url"]), (&json!(help), &json!(help)));
    assert_eq!((&body["code"], &body["status"], &body["name"]), (&json!(40111), &json!(401), &json!("sign_in_required")));
    for text in ["title", "detail", "request_id"] {
        assert!(body[text].as_str().is_some_and(|text| !text.is_empty()), "{text}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_of_the_api_answer_in_json() {
    let bench = Bench::new().await;
    let mut browser = bench.browser();
    for path in ["/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v2/session", "/api/v1/session/"] {
        assert_eq!(browser.get(path).await.problem(), problem(404, "not_found"), "{path}");
    }
    assert_eq!(browser.json(Method::DELETE, "/api/v1/session", json!({})).await.problem(), problem(405, "method_not_allowed"));
    assert_eq!(browser.post("/nothing", json!({})).await.problem(), problem(404, "not_found"));
}
