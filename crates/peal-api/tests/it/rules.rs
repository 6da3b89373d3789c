//! Rules: read, replaced whole, and tried.

use http::Method;
use serde_json::{Value, json};

use crate::common::{Bench, Browser, problem};

async fn owner(bench: &Bench) -> (Browser, String) {
    let (browser, made) = bench.signed_up("ada@example.com").await;
    (browser, format!("/api/v1/apps/{}/rules", made["app"]["id"].as_str().unwrap()))
}

fn plain() -> Value {
    json!({ "history": { "count": 100, "ttl_ms": 120_000 }, "client_events": false, "anonymous": false, "presence_grace_ms": null, "message_bytes": null, "durability": "fast" })
}

#[tokio::test]
async fn what_is_saved_reads_back_and_reaches_the_edges() {
    let bench = Bench::new().await;
    let (mut browser, path) = owner(&bench).await;
    let read = browser.get(&path).await.json();
    assert_eq!((&read["version"], &read["ordered"], &read["default"]["anonymous"]), (&json!(1), &json!([]), &json!(true)));
    let sparse = json!({ "version": 1, "ordered": [{ "pattern": "chat.*", "settings": { "client_events": true } }], "default": {} });
    let saved = browser.json(Method::PUT, &path, sparse).await.json();
    let mut settings = plain();
    settings["client_events"] = json!(true);
    assert_eq!(saved, json!({ "version": 2, "ordered": [{ "pattern": "chat.*", "settings": settings }], "default": plain() }));
    assert_eq!(browser.get(&path).await.json(), saved);
    let served = bench.store.directory_load(None).await.unwrap().apps.remove(0).rules;
    assert!(served.ordered[0].settings.client_events && !served.default.anonymous);
}

#[tokio::test]
async fn an_editor_who_read_an_older_list_is_told() {
    let bench = Bench::new().await;
    let (mut browser, path) = owner(&bench).await;
    let change = |pattern: &str| json!({ "version": 1, "ordered": [{ "pattern": pattern, "settings": {} }], "default": {} });
    browser.json(Method::PUT, &path, change("mine")).await;
    assert_eq!(browser.json(Method::PUT, &path, change("yours")).await.problem(), problem(409, "version_conflict"));
    assert_eq!(browser.get(&path).await.json()["ordered"][0]["pattern"], "mine");
}

#[tokio::test]
async fn a_mistake_is_named_with_its_rule() {
    let bench = Bench::new().await;
    let (mut browser, path) = owner(&bench).await;
    for (ordered, why) in [
        (
            json!([{ "pattern": "a", "settings": {} }, { "pattern": "", "settings": {} }]),
            "Rule 2: a channel pattern has 1 to 200 characters",
        ),
        (json!([{ "pattern": "a b", "settings": {} }]), "Rule 1, a b: no channel name holds ' '"),
        (json!([{ "pattern": "a", "settings": { "message_bytes": 70_000 } }]), "Rule 1, a: message_bytes is between 1 and 65536"),
        (json!([{ "pattern": "a", "settings": { "histroy": {} } }]), "not what this route takes"),
    ] {
        let answer = browser.json(Method::PUT, &path, json!({ "version": 1, "ordered": ordered, "default": {} })).await;
        assert_eq!(answer.problem(), problem(400, "invalid_request"));
        assert!(answer.json()["detail"].as_str().unwrap().contains(why), "{}", answer.text);
    }
    assert_eq!(browser.get(&path).await.json()["version"], 1);
}

#[tokio::test]
async fn the_tester_says_which_rule_wins_and_why_also_for_what_is_not_saved() {
    let bench = Bench::new().await;
    let (mut browser, path) = owner(&bench).await;
    let rules = json!([
        { "pattern": "chat.vip", "settings": {} },
        { "pattern": "chat.*", "settings": { "history": { "count": 5, "ttl_ms": 7_200_000 } } },
    ]);
    browser.json(Method::PUT, &path, json!({ "version": 1, "ordered": rules, "default": {} })).await;
    let test = format!("{path}/test");
    let answer = browser.post(&test, json!({ "channel": "private-chat.room" })).await.json();
    assert_eq!(answer["rule"], json!({ "number": 2, "pattern": "chat.*" }));
    assert_eq!(answer["settings"]["history"], json!({ "count": 100, "ttl_ms": 7_200_000 }), "never less than the floor");
    assert_eq!(answer["why"], "Rule 2, chat.*, is the first whose pattern matches private-chat.room.");
    let default = browser.post(&test, json!({ "channel": "news" })).await.json();
    assert_eq!((&default["rule"], &default["why"]), (&Value::Null, &json!("No rule's pattern matches news, so the default one holds.")));
    let unsaved = json!({ "channel": "chat.room", "ordered": [{ "pattern": "*", "settings": { "anonymous": true } }] });
    let answer = browser.post(&test, unsaved).await.json();
    assert_eq!((&answer["rule"]["pattern"], &answer["settings"]["anonymous"]), (&json!("*"), &json!(true)));
    assert_eq!(browser.post(&test, json!({ "channel": "a b" })).await.problem(), problem(400, "channel_name_invalid"));
}
