//! The description of the API is a file of the repository: clients are generated from it, so a change of it is a change to review.

use std::fs;

use crate::common::Bench;

#[test]
fn docs_openapi_json_is_what_the_code_describes() {
    let golden = peal_testkit::workspace::root().join("docs/openapi.json");
    let described = peal_api::openapi_json();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &described).expect("docs/openapi.json can be written");
    }
    let written = fs::read_to_string(&golden).unwrap_or_default();
    assert!(written == described, "docs/openapi.json is out of date; run: UPDATE_GOLDEN=1 cargo test -p peal-api openapi");
}

#[tokio::test]
async fn the_server_hands_out_the_same() {
    let bench = Bench::new().await;
    let answer = bench.browser().get("/api/v1/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text, peal_api::openapi_json());
    assert_eq!(answer.json()["openapi"], "3.1.0");
}
