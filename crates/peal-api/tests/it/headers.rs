//! What browsers are told with every response, whatever it is.

use crate::common::Bench;

const EVERYWHERE: [&str; 5] = ["/", "/api/v1/session", "/api/v1/nothing", "/assets/missing.js", "/healthz"];

#[tokio::test]
async fn every_response_carries_them() {
    let bench = Bench::new().await;
    for path in EVERYWHERE {
        let answer = bench.browser().get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'self';") && policy.contains("script-src 'self';"), "{path}: {policy}");
        assert!(policy.contains("connect-src 'self' http://127.0.0.1:7100 ws://127.0.0.1:7100;"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert!(!answer.header("permissions-policy").is_empty());
        assert!(!answer.header("cache-control").is_empty(), "{path}");
        assert!(answer.header("x-request-id").len() >= 32, "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "not over http");
    }
}

#[tokio::test]
async fn over_https_browsers_are_told_to_stay_there() {
    let bench = Bench::with(|config| {
        config.public_url = "https://peal.example".to_owned();
        config.edge_url = "https://rt.peal.example".to_owned();
    })
    .await;
    let answer = bench.browser().get("/").await;
    assert!(answer.header("strict-transport-security").starts_with("max-age=31536000"));
    assert!(answer.header("content-security-policy").contains("https://rt.peal.example:443 wss://rt.peal.example:443"));
}

#[tokio::test]
async fn a_request_cannot_choose_its_own_id() {
    let bench = Bench::new().await;
    let mut browser = bench.browser();
    let request = browser.request(http::Method::GET, "/api/v1/session").header("x-request-id", "forged");
    let answer = browser.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_ne!(answer.header("x-request-id"), "forged");
    assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
}
