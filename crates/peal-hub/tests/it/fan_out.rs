//! Large fan-outs go in slices, apps take turns, and nobody's order or count of messages changes by it (ENGINE section 2).

use std::sync::Arc;

use peal_core::exchange::{Delivery, Publish};
use peal_core::*;
use peal_hub::{BrokerEvent, Handle, HubConfig, Incoming};
use serde_json::json;

use crate::rig::*;

const OTHER_KEY: &str = "key2";

fn sliced(slice_subscribers: usize) -> HubConfig {
    HubConfig { slice_subscribers, small_fan_out: 2, ..HubConfig::default() }
}

/// Subscribers of `room`, on Pusher, that have read everything.
fn subscribers(rig: &mut Rig, count: usize) -> Vec<Handle> {
    let handles: Vec<Handle> = (0..count).map(|_| rig.pusher()).collect();
    for handle in &handles {
        rig.pusher_subscribe(*handle, "room");
        rig.got(*handle);
    }
    handles
}

fn data(rig: &mut Rig, handle: Handle) -> Vec<String> {
    rig.jsons(handle).iter().filter(|json| json["event"] == "said").map(|json| json["data"].as_str().expect("text").to_owned()).collect()
}

/// Who waits to be written, without writing.
fn dirty(rig: &mut Rig) -> Vec<Handle> {
    std::iter::from_fn(|| rig.hub.next_dirty()).collect()
}

#[test]
fn a_slice_reaches_so_many_subscribers_and_waits_until_they_are_written() {
    let mut rig = Rig::with(sliced(3), app());
    let handles = subscribers(&mut rig, 8);
    rig.publish_quietly("room", "said", "1");
    assert!(dirty(&mut rig).is_empty(), "nothing is handed out before there is time for it");
    assert!(rig.hub.has_work());
    assert!(!rig.hub.work(rig.now));
    assert!(!rig.hub.work(rig.now), "three wait to be written, so nothing more is handed out");
    assert_eq!(dirty(&mut rig), handles[..3]);
    assert!(!rig.hub.work(rig.now));
    assert_eq!(dirty(&mut rig), handles[3..6]);
    assert!(!rig.hub.work(rig.now));
    assert_eq!(dirty(&mut rig), handles[6..]);
    assert!(!rig.hub.has_work());
    assert_eq!(rig.hub.fan_out_counts().slices, 3);
    rig.assert_empty();
}

#[test]
fn who_leaves_or_joins_in_the_middle_changes_nothing_for_the_others() {
    // Every pair of places to leave from, so that reached and unreached ones are among them.
    for (first, second) in (0..6).flat_map(|first| (0..6).map(move |second| (first, second))) {
        let mut rig = Rig::with(sliced(3), app());
        let handles = subscribers(&mut rig, 6);
        rig.publish_quietly("room", "said", "1");
        rig.publish_quietly("room", "said", "2");
        rig.hub.work(rig.now);
        for leaving in [first, second] {
            rig.hub.receive(rig.now, handles[leaving], Incoming::Text(r#"{"event":"pusher:unsubscribe","data":{"channel":"room"}}"#));
        }
        let late = rig.hub.open(rig.now, native_open());
        rig.hub.closed(rig.now, late);
        rig.publish_quietly("room", "said", "3");
        let joined = rig.pusher();
        rig.pusher_subscribe(joined, "room");
        rig.publish("room", "said", "4");
        for (place, handle) in handles.iter().enumerate() {
            let got = data(&mut rig, *handle);
            if place == first || place == second {
                assert!(got.is_empty() || got == ["1", "2"], "{place} of {first} and {second}: {got:?}");
            } else {
                assert_eq!(got, ["1", "2", "3", "4"], "{place} of {first} and {second}");
            }
        }
        assert_eq!(data(&mut rig, joined), ["4"], "what was released before it joined is not for it");
        rig.assert_empty();
    }
}

#[test]
fn who_joins_before_a_slice_has_what_its_answer_says_and_nothing_twice() {
    let mut rig = Rig::with(sliced(1), app());
    subscribers(&mut rig, 4);
    let ada = rig.native("ada");
    rig.publish_quietly("room", "said", "1");
    rig.hub.work(rig.now);
    // Without a slice in between: the answer comes from this input alone.
    let at = rig.publish_quietly("room", "said", "2");
    rig.hub.receive(rig.now, ada, Incoming::Text(r#"{"id":900,"subscribe":{"channel":"room"}}"#));
    rig.run();
    assert_eq!(rig.reply(ada, 900)["ok"]["position"], at.to_string());
    rig.publish("room", "said", "3");
    let frames = rig.jsons(ada);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0]["message"]["data"], "3");
    rig.assert_empty();
}

#[test]
fn too_much_to_wait_is_left_to_the_ring_and_the_history_and_nothing_is_lost() {
    for ring_count in [100, 3] {
        let config = HubConfig { waiting_publications: 4, ring_count, page_count: 5, ..sliced(2) };
        let mut rig = Rig::with(config, app());
        let handles = subscribers(&mut rig, 5);
        for n in 0..30 {
            rig.publish_quietly("room", "said", &n.to_string());
            if n == 10 {
                rig.hub.work(rig.now);
            }
        }
        let joined = rig.pusher();
        rig.pusher_subscribe(joined, "room");
        rig.publish("room", "said", "30");
        let expected: Vec<String> = (0..31).map(|n: usize| n.to_string()).collect();
        for handle in handles {
            assert_eq!(data(&mut rig, handle), expected, "ring of {ring_count}");
        }
        assert_eq!(data(&mut rig, joined), ["30"]);
        let counts = rig.hub.fan_out_counts();
        assert!(counts.overflows >= 1, "{counts:?}");
        assert_eq!(counts.lagged, counts.caught_up, "{counts:?}");
        rig.assert_empty();
    }
}

#[test]
fn a_reply_is_written_before_the_rest_of_a_large_fan_out() {
    let mut rig = Rig::with(sliced(256), app());
    subscribers(&mut rig, 60);
    let ada = rig.pusher();
    rig.publish_quietly("room", "said", "1");
    rig.hub.work(rig.now);
    rig.hub.receive(rig.now, ada, Incoming::Ping(b"x"));
    let place = dirty(&mut rig).iter().position(|handle| *handle == ada).expect("written");
    assert!(place <= 1, "it waited for {place} others");
}

#[test]
fn a_small_app_does_not_wait_for_a_large_one() {
    let mut rig = Rig::with(HubConfig { small_fan_out: 0, ..sliced(16) }, app());
    let mut second = App { id: AppId::new(2).expect("an id"), keys: vec![key(OTHER_KEY)], ..app() };
    second.name = "other".into();
    let id = second.id;
    rig.hub.directory(rig.now, Arc::new(Directory::default().updated(1, vec![app(), second], &[])));
    subscribers(&mut rig, 200);
    let bob = rig.open(pusher_open(OTHER_KEY));
    rig.send(bob, json!({"event": "pusher:subscribe", "data": {"channel": "room"}}));
    let answers = rig.events(bob);
    assert_eq!(answers.last().map(String::as_str), Some("pusher_internal:subscription_succeeded"), "{answers:?}");
    let to_bob = |rig: &mut Rig, text: &str| {
        let publish = Publish {
            topic: Topic::messages(id, channel("room")),
            draft: draft("said", text),
            retention: Retention::FLOOR,
            durability: Durability::Fast,
        };
        let delivery: Delivery = rig.model.publish(publish).1.expect("delivered");
        rig.hub.broker(rig.now, BrokerEvent::Deliveries(vec![delivery]));
    };
    // The model's eras are for all topics, so each begins its own before anything is held back.
    to_bob(&mut rig, "1");
    rig.publish("room", "said", "first");
    for n in 0..50 {
        rig.publish_quietly("room", "said", &n.to_string());
    }
    // The large fan-out is under way and has used up its first turn.
    let before: usize = (0..3).map(|_| turn(&mut rig).len()).sum();
    assert!(before > 0 && rig.hub.has_work());
    to_bob(&mut rig, "2");
    let mut others = 0;
    while !turn(&mut rig).contains(&bob) {
        others += 1;
        assert!(others < 2, "another app waits for a large one");
    }
    rig.run();
    rig.write(bob);
    assert_eq!(data(&mut rig, bob), ["1", "2"]);
}

#[test]
fn who_publishes_faster_than_it_can_be_handed_out_is_told_to_wait_and_nobody_loses_anything() {
    let mut rig = Rig::new();
    let handles = subscribers(&mut rig, 300);
    let ada = rig.native("ada");
    let publish = json!({"publish": {"channel": "other", "data": "x"}});
    for n in 0..900 {
        rig.publish_quietly("room", "said", &n.to_string());
    }
    rig.hub.receive(rig.now, ada, Incoming::Text(r#"{"id":900,"publish":{"channel":"other","data":"x"}}"#));
    // Without slices in between: only what is waiting to be written is written.
    rig.write(ada);
    let refused = rig.reply(ada, 900);
    assert_eq!(refused["error"]["name"], "fan_out_behind", "{refused}");
    assert!(refused["error"]["retry_after"].as_u64().is_some_and(|ms| ms > 0), "{refused}");
    for handle in handles {
        rig.hub.receive(rig.now, handle, Incoming::Text(r#"{"event":"pusher:unsubscribe","data":{"channel":"room"}}"#));
    }
    assert!(rig.ask(ada, publish)["ok"].is_object(), "nobody waits for it any more");
    rig.assert_empty();
}

/// A slice, and who is written after it.
fn turn(rig: &mut Rig) -> Vec<Handle> {
    rig.hub.work(rig.now);
    let handles = dirty(rig);
    for handle in &handles {
        rig.write(*handle);
    }
    handles
}
