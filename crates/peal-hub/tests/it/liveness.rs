//! Silence, closing and draining.

use peal_hub::{Drain, Incoming};
use serde_json::json;

use crate::rig::*;

#[test]
fn a_silent_pusher_client_is_pinged_after_two_minutes_and_closed_half_a_minute_later() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    rig.after(60_000);
    rig.send(ada, json!({"event": "pusher:ping"}));
    rig.got(ada);
    rig.after(119_999);
    rig.nothing(ada);
    rig.after(1);
    assert_eq!(rig.got(ada), [Got::Ping, Got::Json(json!({"event": "pusher:ping", "data": {}}))]);
    rig.after(29_999);
    rig.nothing(ada);
    rig.after(1);
    assert_eq!(rig.closed_with(ada), Some(4201));
    rig.assert_empty();
}

#[test]
fn any_answer_keeps_a_pusher_client() {
    let mut rig = Rig::new();
    for answer in [Incoming::Pong, Incoming::Text(r#"{"event":"pusher:pong"}"#)] {
        let ada = rig.pusher();
        rig.after(120_000);
        rig.incoming(ada, answer);
        rig.got(ada);
        rig.after(119_999);
        rig.nothing(ada);
        rig.cut(ada);
    }
    rig.assert_empty();
}

#[test]
fn a_silent_native_client_is_pinged_after_25_seconds_and_closed_after_ten_more() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.after(24_999);
    rig.nothing(ada);
    rig.after(1);
    assert_eq!(rig.got(ada), [Got::Ping]);
    rig.after(10_000);
    assert_eq!(rig.closed_with(ada), Some(4201));
    rig.assert_empty();
}

#[test]
fn a_close_frame_is_answered_and_nothing_comes_after_it() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.pusher());
    for (client, code) in [(ada, Some(1000)), (bob, None)] {
        rig.incoming(client, Incoming::Close(code));
        assert_eq!(rig.closed_with(client), Some(1000));
        rig.send(client, json!({"event": "pusher:ping"}));
        rig.nothing(client);
        assert!(rig.hub.queue(client).expect("until the transport is gone").closing().is_some());
    }
    rig.assert_empty();
}

#[test]
fn a_violation_closes_with_the_code_of_the_websocket_protocol() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    rig.incoming(ada, Incoming::Violation { close: 1002, code: peal_core::ErrorCode::InvalidRequest, reason: "unknown opcode" });
    assert_eq!(rig.got(ada), [Got::Close(1002, "unknown opcode".into())]);
    let bob = rig.pusher();
    rig.incoming(bob, Incoming::Violation { close: 1009, code: peal_core::ErrorCode::FrameTooLarge, reason: "message too large" });
    assert_eq!(rig.next(bob)["event"], "pusher:error");
    assert_eq!(rig.got(bob), [Got::Close(1009, "message too large".into())]);
    rig.assert_empty();
}

#[test]
fn a_drain_tells_native_clients_when_to_come_back_and_closes_everyone_in_turn() {
    let mut rig = Rig::new();
    let (ada, bob, eve, dan) = (rig.native("ada"), rig.pusher(), rig.native("eve"), rig.pusher());
    rig.hub.drain(rig.now, Drain { first_ms: 500, spread_ms: 4_000 });
    rig.run();
    assert_eq!(rig.next(ada), json!({"goaway": {"retry_in": 500}}));
    assert_eq!(rig.next(eve), json!({"goaway": {"retry_in": 2_500}}));
    rig.nothing(bob);
    rig.after(499);
    rig.nothing(ada);
    rig.after(1);
    rig.after(1_000);
    assert_eq!(rig.closed_with(ada), Some(4200));
    rig.nothing(ada);
    assert_eq!(rig.closed_with(bob), Some(4200));
    rig.nothing(bob);
    rig.after(1_999);
    assert_eq!(rig.closed_with(eve), Some(4200));
    rig.nothing(dan);
    rig.after(1);
    assert_eq!(rig.closed_with(dan), Some(4200));
    rig.assert_empty();
}

#[test]
fn a_publish_in_flight_is_answered_before_its_connection_is_drained() {
    let mut rig = Rig::new();
    let (ada, eve) = (rig.native("ada"), rig.native("eve"));
    rig.hold = true;
    let request = rig.request(ada, json!({"publish": {"channel": "room", "data": 1}}));
    rig.hub.drain(rig.now, Drain { first_ms: 0, spread_ms: 0 });
    rig.after(500);
    assert_eq!(rig.closed_with(eve), Some(4200), "nobody else waits for it");
    rig.release();
    assert!(rig.reply(ada, request)["ok"]["id"].is_string());
    rig.after(10);
    assert_eq!(rig.closed_with(ada), Some(4200));
    rig.assert_empty();
}

#[test]
fn an_answer_that_does_not_come_holds_up_no_drain() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.hold = true;
    rig.request(ada, json!({"publish": {"channel": "room", "data": 1}}));
    rig.hub.drain(rig.now, Drain { first_ms: 0, spread_ms: 0 });
    rig.after(999);
    assert_eq!(rig.next(ada), json!({"goaway": {"retry_in": 0}}));
    rig.nothing(ada);
    rig.after(1);
    assert_eq!(rig.closed_with(ada), Some(4200));
    rig.release();
    rig.assert_empty();
}

#[test]
fn whoever_comes_while_the_node_is_drained_is_sent_elsewhere() {
    let mut rig = Rig::new();
    rig.hub.drain(rig.now, Drain { first_ms: 0, spread_ms: 10_000 });
    let (ada, bob) = (rig.open(native_open()), rig.open(pusher_open("k1")));
    assert_eq!(rig.closed_with(ada), Some(4200));
    assert_eq!(rig.closed_with(bob), Some(4200));
    rig.assert_empty();
}

#[test]
fn an_idle_connection_has_one_timer() {
    let mut rig = Rig::new();
    let empty = rig.hub.counts().timers;
    for n in 0..10 {
        rig.pusher();
        rig.native(&format!("c{n}"));
    }
    // One more sweeps the rings.
    assert_eq!(rig.hub.counts().timers - empty, 21);
    rig.assert_empty();
}

#[test]
fn the_switch_gives_those_who_are_there_the_same_time_and_lets_them_stay_when_it_is_taken_back() {
    let mut rig = Rig::new();
    let (ada, bob, eve) = (rig.pusher(), rig.pusher(), rig.pusher());
    rig.pusher_subscribe(ada, "news");
    rig.pusher_subscribe(bob, "private-news");
    rig.sign_in(eve, r#"{"id":"eve"}"#);
    let mut on = app();
    on.features.authorized_connections = true;
    rig.change(on.clone());
    rig.after(20_000);
    rig.change(app());
    rig.after(20_000);
    rig.change(on);
    for client in [ada, bob, eve] {
        rig.got(client);
    }
    rig.after(29_999);
    rig.nothing(ada);
    rig.after(1);
    assert_eq!(rig.closed_with(ada), Some(4009));
    rig.nothing(bob);
    rig.nothing(eve);
    rig.assert_empty();
}

#[test]
fn where_the_app_asks_for_it_a_connection_that_nobody_vouched_for_is_closed() {
    let mut app = app();
    app.features.authorized_connections = true;
    let mut rig = Rig::with(Default::default(), app);
    let (ada, bob) = (rig.pusher(), rig.pusher());
    rig.pusher_subscribe(ada, "news");
    rig.pusher_subscribe(bob, "private-news");
    rig.got(ada);
    rig.got(bob);
    rig.after(29_999);
    rig.nothing(ada);
    rig.after(1);
    assert_eq!(rig.closed_with(ada), Some(4009));
    rig.after(10_000);
    rig.nothing(bob);
    rig.assert_empty();
}
