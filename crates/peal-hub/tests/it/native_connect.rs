//! `connect`, `refresh` and the life of a token on the native protocol.

use peal_core::Capabilities;
use peal_core::rule::RuleSettings;
use peal_hub::Incoming;
use serde_json::json;

use crate::rig::*;

#[test]
fn a_token_connects_its_client_and_says_when_it_expires() {
    let mut rig = Rig::new();
    let ada = rig.open(native_open());
    let token = rig.token(|claims| claims.sub = Some("ada".into()));
    let reply = rig.ask(ada, json!({"connect": {"token": token, "client": "test/1", "version": 1}}));
    let id = rig.hub.connection_id(ada).expect("a connection");
    let expires = (rig.now.wall_s() + 3_600) * 1_000;
    assert_eq!(reply["ok"], json!({"connection": id.to_string(), "client_id": "ada", "ping": 25_000, "expires": expires}));
    let again = rig.ask(ada, json!({"connect": {"token": token}}));
    assert_eq!(again["error"]["name"], "already_connected");
    rig.assert_empty();
}

#[test]
fn a_refused_connect_is_answered_and_closed_with_the_code_of_its_error() {
    let mut rig = Rig::new();
    let expired = rig.token(|claims| claims.exp = 1_000);
    let forged = format!("{}x", rig.token(|_| ()));
    for (connect, name, close) in [
        (json!({"token": expired}), "token_expired", 4401),
        (json!({"token": forged}), "token_invalid", 4009),
        (json!({"token": "nonsense"}), "token_invalid", 4009),
        (json!({}), "credentials_missing", 4009),
        (json!({"key": KEY, "version": 2}), "protocol_version", 4007),
    ] {
        let ada = rig.open(native_open());
        let reply = rig.ask(ada, json!({"connect": connect}));
        assert_eq!(reply["error"]["name"], name, "{connect}");
        assert_eq!(rig.closed_with(ada), Some(close), "{connect}");
    }
    rig.assert_empty();
}

#[test]
fn an_unknown_key_is_looked_up_before_connect_is_answered() {
    let mut rig = Rig::new();
    let ada = rig.open(native_open());
    let id = rig.request(ada, json!({"connect": {"key": "fresh"}}));
    rig.nothing(ada);
    assert_eq!(rig.refreshes, [ada]);
    let mut changed = app();
    changed.keys.push(key("fresh"));
    rig.hub.directory(rig.now, directory(changed));
    rig.hub.directory_refreshed(rig.now, ada);
    rig.run();
    assert!(rig.reply(ada, id)["ok"]["connection"].is_string());

    let bob = rig.open(native_open());
    let id = rig.request(bob, json!({"connect": {"key": "unknown"}}));
    rig.hub.directory_refreshed(rig.now, bob);
    rig.run();
    assert_eq!(rig.reply(bob, id)["error"]["name"], "unknown_key");
    assert_eq!(rig.closed_with(bob), Some(4001));
    rig.assert_empty();
}

#[test]
fn nothing_else_works_before_connect_and_ten_seconds_are_given() {
    let mut rig = Rig::new();
    let ada = rig.open(native_open());
    let reply = rig.ask(ada, json!({"subscribe": {"channel": "a"}}));
    assert_eq!(reply["error"]["name"], "not_connected");
    rig.after(9_999);
    rig.nothing(ada);
    rig.after(1);
    assert_eq!(rig.closed_with(ada), Some(4107));
    rig.assert_empty();
}

#[test]
fn an_anonymous_client_gets_public_channels_where_the_rule_allows_and_nothing_else() {
    let mut rig = Rig::new();
    let ada = rig.open(native_open());
    let reply = rig.ask(ada, json!({"connect": {"key": KEY}}));
    assert!(reply["ok"]["client_id"].is_null() && reply["ok"]["expires"].is_null());
    assert!(rig.ask(ada, json!({"subscribe": {"channel": "news"}}))["ok"].is_object());
    for operation in [
        json!({"subscribe": {"channel": "private-a"}}),
        json!({"subscribe": {"channel": "other", "presence": true}}),
        json!({"publish": {"channel": "news", "data": 1}}),
        json!({"history": {"channel": "news"}}),
        json!({"presence.enter": {"channel": "news"}}),
    ] {
        let reply = rig.ask(ada, operation.clone());
        assert_eq!(reply["error"]["name"], "not_authorised", "{operation}");
    }

    let mut closed = app();
    closed.rules.default = RuleSettings::default();
    let mut rig = Rig::with(Default::default(), closed);
    let ada = rig.open(native_open());
    assert_eq!(rig.ask(ada, json!({"connect": {"key": KEY}}))["error"]["name"], "anonymous_not_allowed");
    rig.assert_empty();
}

#[test]
fn a_token_allows_what_its_capabilities_say() {
    let mut rig = Rig::new();
    let ada = rig.open(native_open());
    let cap: Capabilities = serde_json::from_str(r#"{"room.*":["subscribe"],"room.1":["publish"]}"#).expect("capabilities");
    let token = rig.token(|claims| claims.cap = Some(cap));
    rig.ask(ada, json!({"connect": {"token": token}}));
    assert!(rig.ask(ada, json!({"subscribe": {"channel": "room.2"}}))["ok"].is_object());
    assert!(rig.ask(ada, json!({"publish": {"channel": "room.1", "data": 1}}))["ok"].is_object());
    for operation in [json!({"publish": {"channel": "room.2", "data": 1}}), json!({"subscribe": {"channel": "hall"}})] {
        assert_eq!(rig.ask(ada, operation)["error"]["name"], "not_authorised");
    }
    assert_eq!(rig.ask(ada, json!({"presence.enter": {"channel": "room.1"}}))["error"]["name"], "not_authorised");
    rig.assert_empty();
}

#[test]
fn expiry_is_announced_and_closes_unless_the_token_is_refreshed() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    let bob = rig.native("bob");
    rig.keep_alive(&[ada, bob], 3_570_000 - 1);
    rig.got(bob);
    assert_eq!(rig.jsons(ada), Vec::<serde_json::Value>::new());
    rig.after(1);
    let expires = rig.now.wall_ms + 30_000;
    assert_eq!(rig.jsons(ada), [json!({"expiring": {"expires": expires}})]);
    let token = rig.token(|claims| claims.sub = Some("ada".into()));
    let reply = rig.ask(ada, json!({"refresh": {"token": token}}));
    assert_eq!(reply["ok"]["expires"], (rig.now.wall_s() + 3_600) * 1_000);
    rig.keep_alive(&[ada, bob], 30_000);
    assert_eq!(rig.closed_with(bob), Some(4401));
    assert_eq!(rig.closed_with(ada), None);
    rig.assert_empty();
}

#[test]
fn a_refresh_is_for_the_same_client_and_ends_what_it_no_longer_covers() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    for name in ["room.1", "hall"] {
        rig.native_subscribe(ada, name);
    }
    let other = rig.token(|claims| claims.sub = Some("bob".into()));
    assert_eq!(rig.ask(ada, json!({"refresh": {"token": other}}))["error"]["name"], "client_id_mismatch");
    let cap: Capabilities = serde_json::from_str(r#"{"room.*":["subscribe"]}"#).expect("capabilities");
    let narrow = rig.token(|claims| {
        claims.sub = Some("ada".into());
        claims.cap = Some(cap);
    });
    rig.ask(ada, json!({"refresh": {"token": narrow}}));
    let push = rig.next(ada);
    assert_eq!((&push["unsubscribed"]["channel"], &push["unsubscribed"]["error"]["name"]), (&json!("hall"), &json!("not_authorised")));
    rig.publish("hall", "said", "1");
    rig.publish("room.1", "said", "2");
    assert_eq!(rig.jsons(ada).len(), 1);
    rig.assert_empty();
}

#[test]
fn a_channel_token_opens_its_channel_alone_and_until_it_expires() {
    let mut rig = Rig::new();
    let ada = rig.open(native_open());
    let token = rig.token(|claims| {
        claims.sub = Some("ada".into());
        claims.cap = None;
    });
    rig.ask(ada, json!({"connect": {"token": token}}));
    let for_room = rig.token(|claims| {
        claims.ch = Some("private-room".into());
        claims.cap = None;
        claims.exp = rig.now.wall_s() + 60;
    });
    assert_eq!(rig.ask(ada, json!({"subscribe": {"channel": "private-room"}}))["error"]["name"], "not_authorised");
    let wrong = rig.ask(ada, json!({"subscribe": {"channel": "private-hall", "token": for_room}}));
    assert_eq!(wrong["error"]["name"], "token_invalid");
    assert!(rig.ask(ada, json!({"subscribe": {"channel": "private-room", "token": for_room}}))["ok"].is_object());
    rig.keep_alive(&[ada], 59_000);
    rig.got(ada);
    rig.keep_alive(&[ada], 1_000);
    let push = rig.jsons(ada).remove(0);
    assert_eq!(push["unsubscribed"]["error"]["name"], "token_expired");
    rig.assert_empty();
}

#[test]
fn frames_that_are_no_request_are_answered_by_a_push_and_the_connection_stays() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    for text in ["", "[]", r#"{"subscribe":{}}"#, &"[".repeat(30_000)] {
        rig.text(ada, text);
        assert!(rig.next(ada)["error"]["name"].is_string(), "{text}");
    }
    rig.incoming(ada, Incoming::Binary(1));
    assert_eq!(rig.next(ada)["error"]["name"], "binary_frame");
    assert_eq!(rig.ask(ada, json!({"dance": {}}))["error"]["name"], "unknown_operation");
    assert_eq!(rig.ask(ada, json!({"ping": {}}))["ok"], json!({}));
    rig.assert_empty();
}
