//! Roles, through the whole stack. The matrix itself is tested beside `can`.

use http::{Method, StatusCode};
use serde_json::json;

use crate::common::{Bench, problem};

#[tokio::test]
async fn a_role_takes_effect_with_the_next_request() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let app = format!("/api/v1/apps/{}", made["app"]["id"].as_str().unwrap());
    let reveal = format!("{app}/keys/{}/reveal", made["key"]["id"].as_str().unwrap());
    let (no, yes) = (problem(403, "role_not_allowed"), StatusCode::OK);

    bench.sql("update org_member set role = 'viewer'").await;
    assert_eq!(browser.get(&app).await.status, yes);
    assert_eq!(browser.json(Method::PATCH, &app, json!({ "name": "Mine" })).await.problem(), no);
    assert_eq!(browser.post(&reveal, json!({})).await.problem(), no);
    assert_eq!(browser.post(&format!("{app}/console-token"), json!({})).await.problem(), no);

    bench.sql("update org_member set role = 'billing'").await;
    assert_eq!(browser.get(&format!("{app}/keys")).await.problem(), no);

    bench.sql("update org_member set role = 'developer'").await;
    assert_eq!(browser.post(&reveal, json!({})).await.status, yes, "in development");
    bench.sql("update app set environment = 'production'").await;
    assert_eq!(browser.post(&reveal, json!({})).await.problem(), no, "in production");
    assert_eq!(browser.post(&format!("{app}/console-token"), json!({})).await.status, yes);
}

#[tokio::test]
async fn an_app_is_renamed_within_bounds_and_edges_hear_of_it() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let app = format!("/api/v1/apps/{}", made["app"]["id"].as_str().unwrap());
    let version = bench.store.directory_version().await.unwrap();
    for name in ["", "   ", &"x".repeat(81), "two\nlines"] {
        let answer = browser.json(Method::PATCH, &app, json!({ "name": name })).await;
        assert_eq!(answer.problem(), problem(400, "invalid_request"), "{name:?}");
    }
    let renamed = browser.json(Method::PATCH, &app, json!({ "name": "  Чат 💬 " })).await;
    assert_eq!(renamed.json()["name"], "Чат 💬");
    assert_eq!(browser.get("/api/v1/apps").await.json()["items"][0]["name"], "Чат 💬");
    let delta = bench.store.directory_load(Some(version)).await.unwrap();
    assert_eq!((delta.version, delta.apps[0].name.as_str()), (version + 1, "Чат 💬"));
}
