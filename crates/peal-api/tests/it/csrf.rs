//! A foreign page changes nothing. Each layer is shown to block by itself, with the others out of the way.

use axum::body::Body;
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{Method, StatusCode};

use crate::common::{Answer, Bench, Browser, problem};

const SIGN_OUT: &str = "/api/v1/auth/sign-out";

async fn post(browser: &mut Browser, headers: &[(&str, &str)]) -> Answer {
    let mut request = browser.request(Method::POST, SIGN_OUT);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    browser.send(request.body(Body::from("{}")).unwrap()).await
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_browser_that_names_a_foreign_site_is_refused() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    for site in ["cross-site", "same-site", "nonsense", ""] {
        let answer = post(&mut browser, &[JSON, ("sec-fetch-site", site), ("origin", "http://127.0.0.1:7200")]).await;
        assert_eq!(answer.problem(), problem(403, "csrf_refused"), "{site}");
    }
    assert_eq!(browser.get("/api/v1/session").await.status, StatusCode::OK, "nothing was done");
}

#[tokio::test]
async fn an_old_browser_is_known_by_its_origin() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    for origin in ["http://evil.example", "null", "http://127.0.0.1:7201", "https://127.0.0.1:7200", "http://127.0.0.1:7200.evil.example"] {
        assert_eq!(post(&mut browser, &[JSON, ("origin", origin)]).await.problem(), problem(403, "csrf_refused"), "{origin}");
    }
    assert_eq!(post(&mut browser, &[JSON, ("origin", "http://127.0.0.1:7200")]).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn only_json_is_taken_whatever_the_page_says_about_itself() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    for kind in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "text/plain; application/json", ""] {
        let answer = post(&mut browser, &[("sec-fetch-site", "same-origin"), (CONTENT_TYPE.as_str(), kind)]).await;
        assert_eq!(answer.problem(), problem(415, "unsupported_media_type"), "{kind}");
    }
    let none = post(&mut browser, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(none.problem(), problem(415, "unsupported_media_type"));
    let with_charset = post(&mut browser, &[("sec-fetch-site", "same-origin"), ("content-type", "Application/JSON; charset=utf-8")]).await;
    assert_eq!(with_charset.status, StatusCode::NO_CONTENT);
}

/// No form can send it, and a foreign script only after a preflight that is never answered, so there is no type to look at.
#[tokio::test]
async fn a_delete_without_a_body_needs_no_type_but_an_origin() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    let mut delete = async |site: &str, kind: Option<&str>, body: &'static str| {
        let mut request = browser.request(Method::DELETE, "/api/v1/sessions").header("sec-fetch-site", site);
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        browser.send(request.body(Body::from(body)).unwrap()).await
    };
    assert_eq!(delete("cross-site", None, "").await.problem(), problem(403, "csrf_refused"));
    assert_eq!(delete("same-origin", None, "x=1").await.problem(), problem(415, "unsupported_media_type"));
    assert_eq!(delete("same-origin", Some("text/plain"), "").await.problem(), problem(415, "unsupported_media_type"));
    assert_eq!(delete("same-origin", None, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_is_no_browser_passes_without_a_cookie_and_not_with_one() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    assert_eq!(post(&mut browser, &[JSON]).await.problem(), problem(403, "csrf_refused"));
    assert_eq!(post(&mut bench.browser(), &[JSON]).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn foreign_pages_are_never_given_leave_to_read() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    for method in [Method::OPTIONS, Method::GET] {
        let request = browser.request(method, "/api/v1/session").header(ORIGIN, "http://evil.example");
        let answer = browser.send(request.header("access-control-request-method", "GET").body(Body::empty()).unwrap()).await;
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{:?}", answer.headers);
    }
}

#[tokio::test]
async fn reading_changes_nothing() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    for path in ["/api/v1/auth/sign-out", "/api/v1/session/sudo", "/api/v1/auth/sign-in"] {
        assert_eq!(browser.get(path).await.problem(), problem(405, "method_not_allowed"), "{path}");
    }
    assert_eq!(browser.get("/api/v1/session").await.status, StatusCode::OK);
}
