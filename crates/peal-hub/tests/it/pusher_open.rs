//! Connecting on the Pusher protocol: who is let in, and which code tells the others what to do.

use peal_core::{ErrorCode, Refusal};
use peal_hub::{Open, Protocol};
use serde_json::json;

use crate::rig::*;

#[test]
fn the_first_frame_says_who_the_connection_is_and_when_it_will_be_pinged() {
    let mut rig = Rig::new();
    let ada = rig.open(pusher_open(KEY));
    let frame = rig.next(ada);
    assert_eq!(frame["event"], "pusher:connection_established");
    let data: serde_json::Value = serde_json::from_str(frame["data"].as_str().expect("a string")).expect("JSON in it");
    assert_eq!(data, json!({"socket_id": rig.socket_id(ada), "activity_timeout": 120}));
    rig.assert_empty();
}

#[test]
fn versions_other_than_4_to_7_are_refused_after_the_upgrade() {
    for (version, code) in [(None, 4008), (Some("3"), 4007), (Some("8"), 4007), (Some("seven"), 4007)] {
        let mut rig = Rig::new();
        let protocol = Protocol::Pusher { key: KEY.into(), version: version.map(Into::into) };
        let ada = rig.open(Open { protocol, origin: None, refusal: None });
        assert_eq!(rig.closed_with(ada), Some(code), "{version:?}");
        rig.assert_empty();
    }
}

#[test]
fn an_unknown_key_is_looked_up_once_more_before_it_is_refused() {
    let mut rig = Rig::new();
    let ada = rig.open(pusher_open("other"));
    rig.nothing(ada);
    assert_eq!(rig.refreshes, [ada]);
    rig.hub.directory_refreshed(rig.now, ada);
    rig.run();
    assert_eq!(rig.closed_with(ada), Some(4001));
    assert_eq!(rig.next_event(ada), "pusher:error");
    rig.assert_empty();
}

#[test]
fn a_key_that_is_new_since_the_last_directory_is_let_in() {
    let mut rig = Rig::new();
    let ada = rig.open(pusher_open("fresh"));
    let mut app = app();
    app.keys.push(key("fresh"));
    rig.hub.directory(rig.now, directory(app));
    rig.hub.directory_refreshed(rig.now, ada);
    rig.run();
    assert_eq!(rig.next_event(ada), "pusher:connection_established");
    rig.assert_empty();
}

#[test]
fn while_the_directory_is_stale_an_unknown_key_may_come_back() {
    let mut rig = Rig::new();
    let stale = directory(app()).with_freshness(false);
    rig.hub.directory(rig.now, stale.into());
    let ada = rig.open(pusher_open("other"));
    assert_eq!(rig.refreshes, [ada]);
    rig.hub.directory_refreshed(rig.now, ada);
    rig.run();
    assert_eq!(rig.closed_with(ada), Some(4100));
    rig.assert_empty();
}

#[test]
fn a_lookup_that_never_ends_ends_with_come_back_later() {
    let mut rig = Rig::new();
    let ada = rig.open(pusher_open("other"));
    rig.after(9_999);
    rig.nothing(ada);
    rig.after(1);
    assert_eq!(rig.closed_with(ada), Some(4100));
    rig.assert_empty();
}

#[test]
fn a_paused_app_an_unlisted_origin_and_a_refused_admission_close_with_their_codes() {
    let mut paused = app();
    paused.paused = true;
    let mut rig = Rig::with(Default::default(), paused);
    let ada = rig.open(pusher_open(KEY));
    assert_eq!(rig.closed_with(ada), Some(4003));

    let mut bound = app();
    bound.keys[0].allowed_origins = vec!["https://good.example".into()];
    let mut rig = Rig::with(Default::default(), bound);
    for (origin, code) in [(Some("https://evil.example"), Some(4009)), (Some("https://GOOD.example"), None), (None, None)] {
        let ada = rig.open(Open { origin: origin.map(Into::into), ..pusher_open(KEY) });
        assert_eq!(rig.closed_with(ada), code, "{origin:?}");
    }
    let refusal = Some(Refusal::of(ErrorCode::ConnectionLimit));
    let ada = rig.open(Open { refusal, ..pusher_open(KEY) });
    assert_eq!(rig.closed_with(ada), Some(4100));
    rig.assert_empty();
}

#[test]
fn what_is_not_a_frame_of_the_protocol_is_answered_and_the_connection_stays() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    for text in ["", "[]", "{}", r#"{"event":"pusher:unknown"}"#, r#"{"event":"said","channel":"a"}"#, &"[".repeat(30_000)] {
        rig.text(ada, text);
        let frame = rig.next(ada);
        assert_eq!((&frame["event"], &frame["data"]["code"]), (&json!("pusher:error"), &json!(null)), "{text}");
    }
    rig.incoming(ada, peal_hub::Incoming::Binary(3));
    assert_eq!(rig.next_event(ada), "pusher:error");
    rig.send(ada, json!({"event": "pusher:ping"}));
    assert_eq!(rig.next_event(ada), "pusher:pong");
    rig.assert_empty();
}
