//! Subscribing and receiving on the native protocol, without a position.

use serde_json::json;

use crate::rig::*;

#[test]
fn a_subscriber_gets_what_is_published_from_now_on_with_its_position() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    let before = rig.publish("room", "said", "0");
    let reply = rig.native_subscribe(ada, "room");
    assert_eq!(reply, json!({"position": before.to_string(), "recovered": false, "replay": 0}));
    let position = rig.publish("room", "said", "hi");
    let push = rig.next(ada);
    assert_eq!(push["message"]["channel"], "room");
    assert_eq!(push["message"]["position"], position.to_string());
    assert_eq!((&push["message"]["data"], &push["message"]["encoding"]), (&json!("hi"), &json!("text")));
    rig.assert_empty();
}

#[test]
fn the_reply_comes_before_any_message_of_the_channel() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.hold = true;
    let id = rig.request(ada, json!({"subscribe": {"channel": "room"}}));
    rig.publish("room", "said", "early");
    rig.nothing(ada);
    rig.release();
    assert_eq!(rig.next(ada)["id"], id);
    rig.nothing(ada);
    rig.assert_empty();
}

#[test]
fn a_held_channel_is_answered_again_with_the_present_position() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.native_subscribe(ada, "room");
    let position = rig.publish("room", "said", "1");
    rig.got(ada);
    assert_eq!(rig.native_subscribe(ada, "room"), json!({"position": position.to_string(), "recovered": false, "replay": 0}));
    rig.publish("room", "said", "2");
    assert_eq!(rig.jsons(ada).len(), 1);
    rig.assert_empty();
}

#[test]
fn every_request_of_a_crossing_pair_gets_its_reply() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.hold = true;
    let first = rig.request(ada, json!({"subscribe": {"channel": "room"}}));
    let second = rig.request(ada, json!({"subscribe": {"channel": "room"}}));
    let other = rig.request(ada, json!({"subscribe": {"channel": "hall"}}));
    let end = rig.request(ada, json!({"unsubscribe": {"channel": "hall"}}));
    assert_eq!(rig.reply(ada, other)["error"]["name"], "not_subscribed");
    assert_eq!(rig.reply(ada, end)["ok"], json!({}));
    rig.release();
    assert!(rig.reply(ada, first)["ok"]["position"].is_string());
    assert!(rig.reply(ada, second)["ok"]["position"].is_string());
    assert_eq!(rig.hub.counts().subscriptions, 1);
    assert!(!rig.model.is_attached(&messages("hall")));
    rig.assert_empty();
}

#[test]
fn unsubscribing_from_what_is_not_held_succeeds() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    assert_eq!(rig.ask(ada, json!({"unsubscribe": {"channel": "room"}}))["ok"], json!({}));
    rig.assert_empty();
}

#[test]
fn while_the_broker_is_away_a_subscribe_is_refused_and_may_be_repeated() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.model.away = true;
    let reply = rig.ask(ada, json!({"subscribe": {"channel": "room"}}));
    assert_eq!((&reply["error"]["name"], &reply["error"]["retryable"]), (&json!("unavailable"), &json!(true)));
    rig.model.away = false;
    rig.after(200);
    rig.native_subscribe(ada, "room");
    rig.publish("room", "said", "1");
    assert_eq!(rig.jsons(ada).len(), 1);
    rig.assert_empty();
}

#[test]
fn rewind_replays_the_last_messages_by_count_or_age_before_live_ones() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    for n in 0..5 {
        rig.publish("room", "said", &n.to_string());
        rig.after(1_000);
    }
    for (rewind, first) in [(json!(2), 3), (json!(5), 0), (json!(100), 0), (json!("3s"), 2), (json!("1h"), 0)] {
        let id = rig.request(ada, json!({"subscribe": {"channel": "room", "rewind": rewind}}));
        let frames = rig.jsons(ada);
        assert_eq!((&frames[0]["id"], &frames[0]["ok"]["replay"]), (&json!(id), &json!(5 - first)), "{rewind}");
        assert_eq!(frames[0]["ok"]["recovered"], false);
        let data: Vec<_> = frames[1..].iter().map(|frame| frame["message"]["data"].as_str().expect("text")).collect();
        assert_eq!(data, (first..5).map(|n| n.to_string()).collect::<Vec<_>>(), "{rewind}");
        rig.ask(ada, json!({"unsubscribe": {"channel": "room"}}));
    }
    let id = rig.request(ada, json!({"subscribe": {"channel": "empty", "rewind": 3}}));
    assert_eq!(rig.reply(ada, id)["ok"]["replay"], 0);
    rig.assert_empty();
}

#[test]
fn history_is_read_in_pages_in_both_directions() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    let positions: Vec<_> = (0..5).map(|n| rig.publish("room", "said", &n.to_string())).collect();
    let read = |rig: &mut Rig, query: serde_json::Value| {
        let reply = rig.ask(ada, json!({"history": query}))["ok"].clone();
        let data: Vec<_> =
            reply["messages"].as_array().expect("a list").iter().map(|m| m["data"].as_str().expect("text").to_owned()).collect();
        (data.join(""), reply["more"].as_bool().expect("a flag"))
    };
    assert_eq!(read(&mut rig, json!({"channel": "room", "limit": 2})), ("43".into(), true));
    let before = positions[3].to_string();
    assert_eq!(read(&mut rig, json!({"channel": "room", "before": before})), ("210".into(), false));
    let after = positions[1].to_string();
    let forwards = json!({"channel": "room", "after": after, "direction": "forwards", "limit": 2});
    assert_eq!(read(&mut rig, forwards), ("23".into(), true));
    rig.model.away = true;
    assert_eq!(rig.ask(ada, json!({"history": {"channel": "room"}}))["error"]["name"], "unavailable");
    rig.assert_empty();
}

#[test]
fn reading_the_history_is_limited_per_connection() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    for _ in 0..50 {
        assert!(rig.ask(ada, json!({"history": {"channel": "room"}}))["ok"].is_object());
    }
    let reply = rig.ask(ada, json!({"presence.get": {"channel": "room"}}));
    assert_eq!((&reply["error"]["name"], &reply["error"]["retry_after"]), (&json!("rate_limited"), &json!(20)));
    rig.after(20);
    assert!(rig.ask(ada, json!({"history": {"channel": "room"}}))["ok"].is_object());
    rig.assert_empty();
}
