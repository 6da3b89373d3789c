//! Publishing on the native protocol, and what subscribers of either protocol get.

use serde_json::json;

use crate::rig::*;

#[test]
fn a_message_reaches_both_protocols_and_its_publisher_only_on_request() {
    let mut rig = Rig::new();
    let (ada, bob, eve) = (rig.native("ada"), rig.native("bob"), rig.pusher());
    rig.native_subscribe(ada, "room");
    rig.native_subscribe(bob, "room");
    rig.pusher_subscribe(eve, "room");
    rig.got(eve);
    let reply = rig.ask(ada, json!({"publish": {"channel": "room", "event": "said", "data": {"text": "hi"}, "id": "m-1"}}));
    assert_eq!(reply["ok"]["id"], "m-1");
    rig.nothing(ada);
    let push = rig.next(bob);
    assert_eq!((&push["message"]["position"], &push["message"]["client_id"]), (&reply["ok"]["position"], &json!("ada")));
    assert_eq!(push["message"]["data"], json!({"text": "hi"}));
    assert_eq!(rig.jsons(eve), [json!({"event": "said", "channel": "room", "data": "{\"text\":\"hi\"}"})]);

    rig.ask(ada, json!({"publish": {"channel": "room", "data": 1, "echo": true}}));
    assert_eq!(rig.next(ada)["message"]["event"], "message");
    rig.assert_empty();
}

#[test]
fn a_repeated_id_returns_the_first_result_and_delivers_nothing() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    rig.native_subscribe(bob, "room");
    let publish = json!({"publish": {"channel": "room", "data": 1, "id": "once"}});
    let first = rig.ask(ada, publish.clone())["ok"].clone();
    assert_eq!(rig.ask(ada, publish)["ok"], first);
    assert_eq!(rig.jsons(bob).len(), 1);
    rig.assert_empty();
}

#[test]
fn an_ephemeral_message_has_no_position_and_is_not_kept() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    rig.native_subscribe(bob, "room");
    let reply = rig.ask(ada, json!({"publish": {"channel": "room", "data": 1, "ephemeral": true}}));
    assert!(reply["ok"]["id"].is_string() && reply["ok"]["position"].is_null());
    assert!(rig.next(bob)["message"]["position"].is_null());
    assert_eq!(rig.ask(bob, json!({"history": {"channel": "room"}}))["ok"]["messages"], json!([]));
    rig.assert_empty();
}

#[test]
fn size_and_rate_are_limited_and_say_the_limit() {
    let mut app = app();
    app.limits.message_bytes = 10;
    app.limits.client_publishes_per_second = Some(2);
    let mut rig = Rig::with(Default::default(), app);
    let ada = rig.native("ada");
    let publish = |data: &str| json!({"publish": {"channel": "room", "data": data}});
    let reply = rig.ask(ada, publish("123456789"));
    assert_eq!(reply["error"]["name"], "message_too_large");
    assert_eq!((&reply["error"]["limit"], &reply["error"]["current"]), (&json!(10), &json!(11)));
    assert!(rig.ask(ada, publish("12345678"))["ok"].is_object());
    assert!(rig.ask(ada, publish("1"))["ok"].is_object());
    let reply = rig.ask(ada, publish("1"));
    assert_eq!((&reply["error"]["name"], &reply["error"]["retry_after"]), (&json!("rate_limited"), &json!(500)));
    rig.after(500);
    assert!(rig.ask(ada, publish("1"))["ok"].is_object());
    rig.assert_empty();
}

#[test]
fn a_publish_that_the_broker_did_not_take_is_told_to_be_repeatable() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.model.away = true;
    let reply = rig.ask(ada, json!({"publish": {"channel": "room", "data": 1}}));
    assert_eq!((&reply["error"]["name"], &reply["error"]["retryable"]), (&json!("unavailable"), &json!(true)));
    rig.assert_empty();
}

#[test]
fn message_ids_that_nobody_chose_are_unique() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..10 {
        let reply = rig.ask(ada, json!({"publish": {"channel": "room", "data": 1}}));
        ids.insert(reply["ok"]["id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(ids.len(), 10);
    rig.assert_empty();
}
