//! Apps: several per org, open in development and closed in production, paused and deleted when their owner says so.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::{Bench, problem};

#[tokio::test]
async fn a_new_app_has_a_key_and_the_defaults_of_its_environment() {
    let bench = Bench::new().await;
    let (mut browser, first) = bench.signed_up("ada@example.com").await;
    let answer = browser.post("/api/v1/apps", json!({ "name": " Chat ", "environment": "production" })).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let made = answer.json();
    assert_eq!(
        (&made["app"]["name"], &made["app"]["environment"], &made["app"]["paused"]),
        (&json!("Chat"), &json!("production"), &json!(false))
    );
    assert_eq!(made["app"]["features"], json!({ "subscription_count": false, "watchlist": false, "authorized_connections": false }));
    assert_eq!((&made["key"]["name"], &made["key"]["created_by"]), (&json!("First key"), &json!("ada@example.com")));
    assert!(!answer.text.contains("secret"), "it is revealed on demand");
    let rules = browser.get(&format!("/api/v1/apps/{}/rules", made["app"]["id"].as_str().unwrap())).await.json();
    assert_eq!((&rules["default"]["anonymous"], &rules["default"]["client_events"]), (&json!(false), &json!(false)));
    let development = browser.post("/api/v1/apps", json!({ "name": "Try", "environment": "development" })).await.json();
    assert_eq!(development["app"]["features"], json!({ "subscription_count": true, "watchlist": true, "authorized_connections": false }));
    let listed = browser.get("/api/v1/apps").await.json();
    assert_eq!(listed["items"], json!([first["app"], made["app"], development["app"]]));
    assert_eq!(browser.get("/api/v1/session").await.json()["apps"], listed["items"]);
}

#[tokio::test]
async fn an_app_is_paused_and_resumed_and_its_features_chosen_one_by_one() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let app = format!("/api/v1/apps/{}", made["app"]["id"].as_str().unwrap());
    let mut patch = async |body: Value| browser.json(Method::PATCH, &app, body).await.json();
    let paused = patch(json!({ "paused": true, "features": { "watchlist": false } })).await;
    assert_eq!((&paused["paused"], &paused["name"]), (&json!(true), &made["app"]["name"]));
    assert_eq!(paused["features"], json!({ "subscription_count": true, "watchlist": false, "authorized_connections": false }));
    assert!(bench.store.directory_load(None).await.unwrap().apps[0].paused);
    assert_eq!(patch(json!({ "paused": false })).await["paused"], false);
}

#[tokio::test]
async fn limits_are_lowered_up_to_what_the_plan_allows_and_say_what_happens() {
    let bench = Bench::with(|config| config.dev = false).await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let app = format!("/api/v1/apps/{}", made["app"]["id"].as_str().unwrap());
    for (limits, why) in [
        (json!({ "connections": 251 }), "connections is at most 250, which is what the plan allows."),
        (json!({ "conections": 1 }), "There is no limit \"conections\""),
        (json!({ "message_bytes": 0 }), "message_bytes is at least 1."),
    ] {
        let answer = browser.json(Method::PATCH, &app, json!({ "limits": limits })).await;
        assert_eq!(answer.problem(), problem(400, "invalid_request"));
        assert!(answer.json()["detail"].as_str().unwrap().contains(why), "{}", answer.text);
    }
    browser.json(Method::PATCH, &app, json!({ "limits": { "connections": 20, "presence_members": 50 } })).await;
    browser.json(Method::PATCH, &app, json!({ "limits": { "presence_members": null } })).await;
    let limits = browser.get(&format!("{app}/limits")).await.json();
    assert_eq!(limits["plan"], json!({ "id": "free", "title": "Free", "messages_per_month": 10_000_000 }));
    let of = |name: &str| limits["items"].as_array().unwrap().iter().find(|limit| limit["name"] == name).unwrap().clone();
    let connections = of("connections");
    assert_eq!((&connections["value"], &connections["plan_value"], &connections["tightened"]), (&json!(20), &json!(250), &json!(true)));
    assert_eq!((&connections["error"], &connections["unit"]), (&json!("connection_limit"), &json!("connections")));
    assert_eq!(connections["help_url"], "http://127.0.0.1:7200/docs/limits.md#connections");
    assert_eq!((&of("presence_members")["value"], &of("presence_members")["tightened"]), (&json!(100), &json!(false)));
    let served = bench.store.directory_load(None).await.unwrap().apps.remove(0).limits;
    assert_eq!((served.connections, served.presence_members), (Some(20), 100));
}

#[tokio::test]
async fn a_development_server_has_no_plan_to_reach() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let limits = browser.get(&format!("/api/v1/apps/{}/limits", made["app"]["id"].as_str().unwrap())).await.json();
    assert_eq!((&limits["plan"]["id"], &limits["items"][0]["value"]), (&json!("unlimited"), &Value::Null));
}

#[tokio::test]
async fn deleting_needs_the_password_again_and_takes_everything_out_of_reach() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    let app = format!("/api/v1/apps/{}", made["app"]["id"].as_str().unwrap());
    bench.sql("update session set sudo_until = null").await;
    assert_eq!(browser.delete(&app).await.problem(), problem(403, "sudo_required"));
    bench.sql("update session set sudo_until = now() + interval '1 minute'").await;
    assert_eq!(browser.delete(&app).await.status, StatusCode::NO_CONTENT);
    for path in ["", "/keys", "/rules", "/limits"] {
        assert_eq!(browser.get(&format!("{app}{path}")).await.problem(), problem(404, "not_found"), "{path}");
    }
    assert_eq!(browser.get("/api/v1/apps").await.json()["items"], json!([]));
    assert!(bench.store.directory_load(None).await.unwrap().apps.is_empty());
}

#[tokio::test]
async fn a_developer_makes_apps_for_development_only_and_deletes_none() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    bench.sql("update org_member set role = 'developer'").await;
    let mut create = async |environment: &str| browser.post("/api/v1/apps", json!({ "name": "Mine", "environment": environment })).await;
    assert_eq!(create("development").await.status, StatusCode::CREATED);
    assert_eq!(create("production").await.problem(), problem(403, "role_not_allowed"));
    assert_eq!(create("staging").await.problem(), problem(400, "invalid_request"));
    let app = format!("/api/v1/apps/{}", made["app"]["id"].as_str().unwrap());
    assert_eq!(browser.delete(&app).await.problem(), problem(403, "role_not_allowed"));
    bench.sql("update org_member set role = 'viewer'").await;
    let refused = browser.post("/api/v1/apps", json!({ "name": "Mine", "environment": "development" })).await;
    assert_eq!(refused.problem(), problem(403, "role_not_allowed"));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let bench = Bench::new().await;
    let (mut browser, _) = bench.signed_up("ada@example.com").await;
    for n in 0..4 {
        browser.post("/api/v1/apps", json!({ "name": format!("App {n}"), "environment": "development" })).await;
    }
    let (mut names, mut path) = (Vec::new(), "/api/v1/apps?limit=2".to_owned());
    loop {
        let page = browser.get(&path).await.json();
        names.extend(page["items"].as_array().unwrap().iter().map(|app| app["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/apps?limit=2&cursor={next}");
    }
    assert_eq!(names, ["My first app", "App 0", "App 1", "App 2", "App 3"]);
    for query in ["limit=0", "limit=101", "limit=x", "cursor=nonsense", "cursor="] {
        assert_eq!(browser.get(&format!("/api/v1/apps?{query}")).await.problem(), problem(400, "invalid_request"), "{query}");
    }
}
