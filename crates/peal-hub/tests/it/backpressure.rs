//! Clients that read slowly: they get everything later, or know what they missed, and cost a bounded amount meanwhile (ENGINE 3).

use peal_hub::{Handle, HubConfig};
use serde_json::json;

use crate::rig::*;

const SOFT: usize = 2_000;

fn config() -> HubConfig {
    HubConfig { queue_soft_bytes: SOFT, queue_hard_bytes: 8_000, ..HubConfig::default() }
}

fn numbers(rig: &mut Rig, handle: Handle) -> Vec<String> {
    let frames = rig.jsons(handle);
    let data = frames.iter().map(|frame| frame["message"]["data"].as_str().or(frame["data"].as_str()).unwrap_or("?").to_owned());
    data.collect()
}

fn expected(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

/// A client of each protocol that subscribes and then stops reading.
fn stalled(rig: &mut Rig) -> [Handle; 2] {
    let (ada, bob) = (rig.native("ada"), rig.pusher());
    rig.native_subscribe(ada, "room");
    rig.pusher_subscribe(bob, "room");
    for client in [ada, bob] {
        rig.got(client);
        rig.client(client).stalled = true;
    }
    [ada, bob]
}

#[test]
fn a_slow_reader_gets_everything_in_order_from_ring_and_history() {
    for ring_count in [100, 3] {
        let mut rig = Rig::with(HubConfig { ring_count, page_count: 7, ..config() }, app());
        let clients = stalled(&mut rig);
        for n in 0..60 {
            rig.publish("room", "said", &n.to_string());
        }
        for client in clients {
            assert!(rig.hub.queue(client).expect("a queue").bytes() < SOFT + 300, "bounded");
            rig.resume_reading(client);
            assert_eq!(numbers(&mut rig, client), expected(0..60), "ring of {ring_count}");
        }
        rig.publish("room", "said", "60");
        for client in clients {
            assert_eq!(numbers(&mut rig, client), ["60"]);
        }
        rig.assert_empty();
    }
}

#[test]
fn a_reader_that_takes_a_little_at_a_time_misses_nothing() {
    let mut rig = Rig::with(HubConfig { ring_count: 5, page_count: 4, ..config() }, app());
    let [ada, _] = stalled(&mut rig);
    for n in 0..80 {
        rig.publish("room", "said", &n.to_string());
        rig.take(ada, 97);
        rig.run();
    }
    rig.resume_reading(ada);
    assert_eq!(numbers(&mut rig, ada), expected(0..80));
    rig.assert_empty();
}

#[test]
fn behind_the_retention_the_range_is_announced_and_pusher_must_reconnect() {
    let mut rig = Rig::with(HubConfig { ring_count: 3, ..config() }, app());
    let [ada, bob] = stalled(&mut rig);
    for n in 0..60 {
        rig.publish("room", "said", &n.to_string());
    }
    rig.model.trim(&messages("room"), 10);
    rig.resume_reading(ada);
    let frames = rig.jsons(ada);
    let gap = frames.iter().position(|frame| frame["discontinuity"].is_object()).expect("announced");
    let before = frames[gap - 1]["message"]["position"].clone();
    let era = rig.model.head(&messages("room")).era;
    assert_eq!(frames[gap]["discontinuity"], json!({"channel": "room", "reason": "retention", "from": before, "to": format!("{era}-50")}));
    assert_eq!(frames[gap + 1]["message"]["data"], "50");
    assert_eq!(frames.last().expect("more")["message"]["data"], "59");
    rig.resume_reading(bob);
    assert_eq!(rig.closed_with(bob), Some(4200));
    rig.assert_empty();
}

#[test]
fn replies_and_pongs_are_not_dropped_for_a_slow_reader() {
    let mut rig = Rig::with(config(), app());
    let [ada, _] = stalled(&mut rig);
    for n in 0..60 {
        rig.publish("room", "said", &n.to_string());
    }
    let id = rig.request(ada, json!({"ping": {}}));
    rig.incoming(ada, peal_hub::Incoming::Ping(b"x"));
    rig.client(ada).stalled = false;
    rig.write(ada);
    rig.run();
    assert_eq!(rig.reply(ada, id)["ok"], json!({}));
    assert!(rig.got(ada).contains(&Got::Pong(b"x".to_vec())));
    rig.assert_empty();
}

#[test]
fn who_asks_and_never_reads_is_cut_off() {
    let mut rig = Rig::with(config(), app());
    let [ada, _] = stalled(&mut rig);
    for _ in 0..2_000 {
        rig.request(ada, json!({"ping": {}}));
    }
    let queue = rig.hub.queue(ada).expect("a queue");
    assert!(queue.closing().is_some());
    assert!(queue.bytes() < 9_000, "{} bytes", queue.bytes());
    rig.assert_empty();
}

#[test]
fn thirty_seconds_without_a_byte_taken_close_and_progress_gives_more_time() {
    let mut rig = Rig::with(config(), app());
    let [ada, bob] = stalled(&mut rig);
    rig.publish("room", "said", "1");
    rig.after(20_000);
    rig.take(bob, 1);
    rig.after(9_999);
    assert!(rig.hub.queue(ada).expect("a queue").closing().is_none());
    rig.after(1);
    assert!(rig.hub.queue(ada).expect("a queue").closing().is_some());
    rig.after(19_999);
    assert!(rig.hub.queue(bob).expect("a queue").closing().is_none());
    rig.after(1);
    rig.resume_reading(bob);
    assert_eq!(rig.closed_with(bob), Some(4200));
    rig.assert_empty();
}

#[test]
fn ephemeral_messages_are_not_kept_for_a_slow_reader() {
    let mut rig = Rig::with(config(), app());
    let [ada, _] = stalled(&mut rig);
    let bob = rig.native("bob");
    for n in 0..30 {
        rig.publish("room", "said", &n.to_string());
    }
    rig.ask(bob, json!({"publish": {"channel": "room", "data": "typing", "ephemeral": true}}));
    rig.resume_reading(ada);
    assert_eq!(numbers(&mut rig, ada), expected(0..30));
    rig.assert_empty();
}

#[test]
fn a_history_reply_is_bounded_in_bytes() {
    let mut rig = Rig::with(config(), app());
    let ada = rig.native("ada");
    for n in 0..30 {
        rig.publish("room", "said", &n.to_string().repeat(100));
    }
    let reply = rig.ask(ada, json!({"history": {"channel": "room", "limit": 30}}));
    let count = reply["ok"]["messages"].as_array().expect("a list").len();
    assert!((1..10).contains(&count), "{count}");
    assert_eq!(reply["ok"]["more"], true);
    rig.assert_empty();
}
