//! The dashboard's files: pages fall back to the index, files never do.

use std::fs;

use axum::body::Body;
use http::{Method, StatusCode};

use crate::common::{Answer, Bench, problem};

/// A folder as a build leaves it.
fn built() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("assets")).unwrap();
    for (name, text) in [
        ("index.html", "<!doctype html><title>Peal</title>"),
        ("theme.js", "theme()"),
        ("assets/index-1a2b.js", "plain script"),
        ("assets/index-1a2b.js.br", "brotli script"),
        ("assets/index-1a2b.js.gz", "gzip script"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

async fn get(bench: &Bench, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut browser = bench.browser();
    let mut request = browser.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    browser.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn pages_get_the_index_and_files_get_themselves_or_404() {
    let folder = built();
    let bench = Bench::with(|config| config.dashboard_dir = Some(folder.path().to_owned())).await;
    for page in ["/", "/index.html", "/sign-up", "/apps/123456789/keys", "/api-tokens"] {
        let answer = get(&bench, page, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{page}");
        assert!(answer.text.contains("<title>Peal</title>"), "{page}");
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert!(answer.header("content-type").starts_with("text/html"));
    }
    let dotted = "/apps/123456789/channels/room.42";
    assert_eq!(get(&bench, dotted, &[("accept", "text/html,*/*;q=0.8")]).await.status, StatusCode::OK);
    for missing in [dotted, "/assets/missing.js", "/assets/", "/assets", "/favicon.ico", "/robots.txt"] {
        assert_eq!(get(&bench, missing, &[("accept", "*/*")]).await.problem(), problem(404, "not_found"), "{missing}");
    }
    assert_eq!(get(&bench, "/assets/missing.js", &[("accept", "text/html")]).await.problem(), problem(404, "not_found"));
}

#[tokio::test]
async fn hashed_files_are_kept_for_ever_and_others_are_asked_for_again() {
    let folder = built();
    let bench = Bench::with(|config| config.dashboard_dir = Some(folder.path().to_owned())).await;
    let hashed = get(&bench, "/assets/index-1a2b.js", &[]).await;
    assert_eq!((hashed.text.as_str(), hashed.header("cache-control")), ("plain script", "public, max-age=31536000, immutable"));
    assert!(hashed.header("content-type").starts_with("text/javascript"), "{}", hashed.header("content-type"));
    let other = get(&bench, "/theme.js", &[]).await;
    assert_eq!((other.text.as_str(), other.header("cache-control")), ("theme()", "no-cache"));
    let again = get(&bench, "/theme.js", &[("if-none-match", other.header("etag"))]).await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
}

#[tokio::test]
async fn the_smallest_form_that_was_built_is_sent_under_its_own_type() {
    let folder = built();
    let bench = Bench::with(|config| config.dashboard_dir = Some(folder.path().to_owned())).await;
    for (accepted, encoding, text) in [
        ("gzip, deflate, br", "br", "brotli script"),
        ("gzip", "gzip", "gzip script"),
        ("identity", "", "plain script"),
        ("br;q=0", "", "plain script"),
    ] {
        let answer = get(&bench, "/assets/index-1a2b.js", &[("accept-encoding", accepted)]).await;
        assert_eq!((answer.header("content-encoding"), answer.text.as_str()), (encoding, text), "{accepted}");
        assert!(answer.header("content-type").starts_with("text/javascript"));
        assert_eq!(answer.header("vary"), "accept-encoding");
    }
}

#[tokio::test]
async fn nothing_outside_the_folder_is_a_file() {
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("secret.txt"), "outside").unwrap();
    let inner = outer.path().join("dist");
    fs::create_dir(&inner).unwrap();
    let bench = Bench::with(|config| config.dashboard_dir = Some(inner)).await;
    for path in ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/assets/../../secret.txt", "//secret.txt", "/..\\secret.txt"]
    {
        let mut browser = bench.browser();
        // A path that no URI can have is refused before it reaches the router.
        let Ok(request) = browser.request(Method::GET, path).body(Body::empty()) else { continue };
        let answer = browser.send(request).await;
        assert!(!answer.text.contains("outside"), "{path}");
    }
}

#[tokio::test]
async fn without_a_build_a_page_says_what_to_run_and_the_api_works() {
    let empty = tempfile::tempdir().unwrap();
    let bench = Bench::with(|config| config.dashboard_dir = Some(empty.path().to_owned())).await;
    let page = get(&bench, "/", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("make dashboard"));
    assert_eq!(get(&bench, "/healthz", &[]).await.status, StatusCode::OK);
}
