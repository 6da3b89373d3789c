//! Keys: made with what they are for, shown once, rotated with an overlap, tried before they are used.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::{Answer, Bench, Browser, problem};

/// A browser of somebody with an app, and the path of its keys.
async fn owner(bench: &Bench) -> (Browser, String, Value) {
    let (browser, made) = bench.signed_up("ada@example.com").await;
    let keys = format!("/api/v1/apps/{}/keys", made["app"]["id"].as_str().unwrap());
    (browser, keys, made)
}

#[tokio::test]
async fn a_preset_is_a_set_of_capabilities_and_the_secret_is_in_the_first_answer_only() {
    let bench = Bench::new().await;
    let (mut browser, keys, _) = owner(&bench).await;
    for (preset, capabilities) in [
        ("full", json!({ "*": ["*"] })),
        ("publish", json!({ "*": ["publish"] })),
        ("subscribe", json!({ "*": ["subscribe", "presence", "history"] })),
    ] {
        let answer = browser.post(&keys, json!({ "name": preset, "preset": preset })).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        let made = answer.json();
        assert_eq!((&made["key"]["capabilities"], &made["key"]["expires_at"]), (&capabilities, &Value::Null));
        let secret = made["secret"].as_str().unwrap();
        assert_eq!(secret.len(), 43);
        assert!(!browser.get(&keys).await.text.contains(secret));
        let key = made["key"]["id"].as_str().unwrap();
        assert_eq!(browser.post(&format!("{keys}/{key}/reveal"), json!({})).await.json()["secret"], secret);
        let apps = bench.store.directory_load(None).await.unwrap().apps;
        assert!(apps[0].key(key).is_some(), "edges have it");
    }
}

#[tokio::test]
async fn a_custom_key_says_what_is_wrong_with_it() {
    let bench = Bench::new().await;
    let (mut browser, keys, _) = owner(&bench).await;
    let good = json!({ "chat.*": ["publish"] });
    for (form, why) in [
        (json!({ "preset": "custom" }), "The preset custom needs capabilities."),
        (json!({ "preset": "full", "capabilities": good }), "with the preset custom only"),
        (json!({ "preset": "custom", "capabilities": {} }), "The capabilities are empty"),
        (json!({ "preset": "custom", "capabilities": { "a": [] } }), "The pattern a has no operation."),
        (json!({ "preset": "custom", "capabilities": { "a": ["shout"] } }), "unknown operation \"shout\""),
        (json!({ "preset": "custom", "capabilities": { "a b": ["publish"] } }), "no channel name holds ' '"),
        (json!({ "preset": "custom", "capabilities": good, "allowed_origins": ["app.example.com"] }), "An allowed origin is a scheme"),
        (json!({ "preset": "custom", "capabilities": good, "allowed_origins": vec!["https://a.example"; 21] }), "at most 20"),
        (json!({ "preset": "custom", "capabilities": good, "expires_at": "2020-01-01T00:00:00Z" }), "expired already"),
    ] {
        let mut form = form;
        form["name"] = json!("Mine");
        let answer = browser.post(&keys, form).await;
        assert_eq!(answer.problem(), problem(400, "invalid_request"));
        assert!(answer.json()["detail"].as_str().unwrap().contains(why), "{}", answer.text);
    }
    let form = json!({ "name": "Mine", "preset": "custom", "capabilities": good, "expires_at": "2199-01-01T00:00:00Z",
        "allowed_origins": ["https://App.example:443/", "https://app.example", "http://localhost:3000"] });
    let made = browser.post(&keys, form).await.json();
    assert_eq!(made["key"]["capabilities"], good);
    assert_eq!(made["key"]["expires_at"], "2199-01-01T00:00:00Z");
    assert_eq!(made["key"]["allowed_origins"], json!(["https://app.example", "http://localhost:3000"]));
}

#[tokio::test]
async fn a_key_is_changed_in_part_and_the_log_says_what_changed() {
    let bench = Bench::new().await;
    let (mut browser, keys, made) = owner(&bench).await;
    let key = format!("{keys}/{}", made["key"]["id"].as_str().unwrap());
    let patch = json!({ "name": "Server", "allowed_origins": ["https://a.example"] });
    let changed = browser.json(Method::PATCH, &key, patch).await.json();
    assert_eq!((&changed["name"], &changed["capabilities"]), (&json!("Server"), &json!({ "*": ["*"] })));
    let narrowed = browser.json(Method::PATCH, &key, json!({ "capabilities": { "a": ["publish"] } })).await.json();
    assert_eq!((&narrowed["name"], &narrowed["capabilities"]), (&json!("Server"), &json!({ "a": ["publish"] })));
    let event = browser.get("/api/v1/audit?limit=1").await.json()["items"][0].clone();
    assert_eq!((&event["action"], &event["actor"]["email"]), (&json!("key.update"), &json!("ada@example.com")));
    assert_eq!(event["before"], json!({ "capabilities": { "*": ["*"] } }));
    assert_eq!(event["after"], json!({ "capabilities": { "a": ["publish"] } }));
    let ends = browser.json(Method::PATCH, &key, json!({ "expires_at": "2999-01-01T00:00:00Z" })).await.json();
    assert_eq!(ends["expires_at"], "2999-01-01T00:00:00Z");
    assert_eq!(browser.json(Method::PATCH, &key, json!({ "name": "Server" })).await.json()["expires_at"], "2999-01-01T00:00:00Z");
    assert_eq!(browser.json(Method::PATCH, &key, json!({ "expires_at": null })).await.json()["expires_at"], json!(null));
    let past = json!({ "expires_at": "2020-01-01T00:00:00Z" });
    for bad in [json!({ "name": "" }), json!({ "capabilities": {} }), json!({ "allowed_origins": ["*"] }), past] {
        assert_eq!(browser.json(Method::PATCH, &key, bad).await.problem(), problem(400, "invalid_request"));
    }
}

#[tokio::test]
async fn revoking_and_rotating_need_the_password_again() {
    let bench = Bench::new().await;
    let (mut browser, keys, made) = owner(&bench).await;
    let key = format!("{keys}/{}", made["key"]["id"].as_str().unwrap());
    bench.sql("update session set sudo_until = null").await;
    assert_eq!(browser.delete(&key).await.problem(), problem(403, "sudo_required"));
    assert_eq!(browser.post(&format!("{key}/rotate"), json!({ "overlap_s": 0 })).await.problem(), problem(403, "sudo_required"));
    bench.sql("update session set sudo_until = now() + interval '1 minute'").await;
    assert_eq!(browser.delete(&key).await.status, StatusCode::NO_CONTENT);
    assert_eq!(browser.delete(&key).await.problem(), problem(404, "not_found"));
    assert_eq!(browser.get(&keys).await.json()["items"], json!([]));
}

#[tokio::test]
async fn after_a_rotation_both_keys_are_listed_with_their_ends() {
    let bench = Bench::new().await;
    let (mut browser, keys, made) = owner(&bench).await;
    let old = made["key"]["id"].as_str().unwrap();
    let mut rotate = async |overlap: u64| browser.post(&format!("{keys}/{old}/rotate"), json!({ "overlap_s": overlap })).await;
    assert_eq!(rotate(60).await.problem(), problem(400, "invalid_request"));
    let answer = rotate(86_400).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let rotated = answer.json();
    assert_eq!(rotate(86_400).await.problem(), problem(409, "key_replaced"));
    assert_eq!((&rotated["old"]["id"], &rotated["old"]["replaced_by"]), (&json!(old), &rotated["key"]["id"]));
    assert!(rotated["old"]["expires_at"].is_string() && rotated["key"]["expires_at"].is_null());
    assert_eq!(browser.get(&keys).await.json()["items"], json!([rotated["old"], rotated["key"]]));
    let new = rotated["key"]["id"].as_str().unwrap();
    let revealed = browser.post(&format!("{keys}/{new}/reveal"), json!({})).await.json();
    assert_eq!(revealed["secret"], rotated["secret"]);
}

#[tokio::test]
async fn a_key_is_tried_without_being_used() {
    let bench = Bench::new().await;
    let (mut browser, keys, made) = owner(&bench).await;
    let key = format!("{keys}/{}", made["key"]["id"].as_str().unwrap());
    browser.json(Method::PATCH, &key, json!({ "capabilities": { "a": ["subscribe"], "chat.*": ["publish"] } })).await;
    let mut test = async |operation: &str, channel: &str| -> Answer {
        browser.post(&format!("{key}/test"), json!({ "operation": operation, "channel": channel })).await
    };
    let yes = json!({ "allowed": true, "by": "chat.*", "reason": "The pattern chat.* allows publish on private-chat.42." });
    assert_eq!(test("publish", "private-chat.42").await.json(), yes);
    let no = json!({ "allowed": false, "by": null, "reason": "No pattern of the key allows subscribe on chat.42." });
    assert_eq!(test("subscribe", "chat.42").await.json(), no);
    assert_eq!(test("publish", "a b").await.problem(), problem(400, "channel_name_invalid"));
    assert_eq!(test("shout", "a").await.problem(), problem(400, "invalid_request"));
    bench.sql("update api_key set expires_at = now()").await;
    assert_eq!(test("publish", "chat.42").await.json()["reason"], "The key has expired.");
}
