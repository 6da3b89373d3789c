//! Client events on the Pusher protocol.

use peal_core::rule::RuleSettings;
use peal_hub::Handle;
use serde_json::json;

use crate::rig::*;

fn pair(rig: &mut Rig, name: &str) -> (Handle, Handle) {
    let (ada, bob) = (rig.pusher(), rig.pusher());
    for client in [ada, bob] {
        rig.pusher_subscribe(client, name);
        rig.got(client);
    }
    (ada, bob)
}

#[test]
fn the_others_get_the_data_as_they_are_and_the_sender_nothing() {
    let mut rig = Rig::new();
    let (ada, bob) = pair(&mut rig, "private-room");
    for data in [json!({"x": 1}), json!("a string"), json!(7), json!(null), json!([1])] {
        rig.send(ada, json!({"event": "client-moved", "channel": "private-room", "data": data}));
        assert_eq!(rig.jsons(bob), [json!({"event": "client-moved", "channel": "private-room", "data": data})]);
    }
    rig.nothing(ada);
    rig.assert_empty();
}

#[test]
fn on_a_presence_channel_the_servers_record_says_who_sent_it() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.pusher(), rig.pusher());
    rig.pusher_enter(ada, "presence-room", "ada");
    rig.pusher_enter(bob, "presence-room", "bob");
    rig.got(bob);
    rig.send(ada, json!({"event": "client-moved", "channel": "presence-room", "data": {}, "user_id": "eve"}));
    assert_eq!(rig.next(bob), json!({"event": "client-moved", "channel": "presence-room", "data": {}, "user_id": "ada"}));
    rig.assert_empty();
}

#[test]
fn they_need_a_rule_a_private_channel_and_a_subscription() {
    let mut rig = Rig::new();
    let (ada, bob) = pair(&mut rig, "news");
    let outsider = rig.pusher();
    for (client, channel) in [(ada, "news"), (outsider, "private-room")] {
        rig.send(client, json!({"event": "client-moved", "channel": channel, "data": {}}));
        let frame = rig.next(client);
        assert_eq!((&frame["event"], &frame["data"]["code"]), (&json!("pusher:error"), &json!(null)));
    }
    rig.nothing(bob);

    let mut strict = app();
    strict.rules.default = RuleSettings::default();
    let mut rig = Rig::with(Default::default(), strict);
    let (ada, bob) = pair(&mut rig, "private-room");
    rig.send(ada, json!({"event": "client-moved", "channel": "private-room", "data": {}}));
    assert_eq!(rig.next_event(ada), "pusher:error");
    rig.nothing(bob);
    rig.assert_empty();
}

#[test]
fn more_than_ten_a_second_are_dropped_with_4301_and_the_connection_stays() {
    let mut rig = Rig::new();
    let (ada, bob) = pair(&mut rig, "private-room");
    for n in 0..12 {
        rig.send(ada, json!({"event": "client-moved", "channel": "private-room", "data": n}));
    }
    assert_eq!(rig.jsons(bob).len(), 10);
    let errors = rig.jsons(ada);
    assert_eq!(errors.iter().map(|error| error["data"]["code"].as_u64()).collect::<Vec<_>>(), [Some(4301), Some(4301)]);
    rig.after(1_000);
    rig.send(ada, json!({"event": "client-moved", "channel": "private-room", "data": 13}));
    assert_eq!(rig.jsons(bob).len(), 1);
    rig.assert_empty();
}

#[test]
fn too_much_data_is_refused() {
    let mut rig = Rig::new();
    let (ada, bob) = pair(&mut rig, "private-room");
    rig.send(ada, json!({"event": "client-moved", "channel": "private-room", "data": "x".repeat(10_241)}));
    assert_eq!(rig.next_event(ada), "pusher:error");
    rig.nothing(bob);
    rig.send(ada, json!({"event": "client-moved", "channel": "private-room", "data": "x".repeat(10_240)}));
    rig.nothing(ada);
    assert_eq!(rig.jsons(bob).len(), 1);
    rig.assert_empty();
}
