//! Resuming after a position: everything after it once and in order, or the truth about what is gone (protocol 2, subscribe).

use peal_core::Position;
use peal_hub::{Handle, HubConfig};
use serde_json::{Value, json};

use crate::rig::*;

/// Subscribes after a position and answers the reply and the data that followed it.
fn resume(rig: &mut Rig, handle: Handle, position: &str) -> (Value, Vec<String>) {
    rig.request(handle, json!({"subscribe": {"channel": "room", "position": position}}));
    let mut frames = rig.jsons(handle);
    let reply = frames.remove(0)["ok"].clone();
    (reply, frames.iter().map(|frame| frame["message"]["data"].as_str().unwrap_or("not a message").to_owned()).collect())
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

fn publish(rig: &mut Rig, range: std::ops::Range<usize>) -> Vec<Position> {
    range.map(|n| rig.publish("room", "said", &n.to_string())).collect()
}

#[test]
fn from_the_ring_without_reading_the_history() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    rig.native_subscribe(ada, "room");
    let positions = publish(&mut rig, 0..10);
    let (reply, data) = resume(&mut rig, bob, &positions[3].to_string());
    assert_eq!(reply, json!({"position": positions[3].to_string(), "recovered": true, "replay": 6}));
    assert_eq!(data, numbers(4..10));
    publish(&mut rig, 10..11);
    assert_eq!(rig.jsons(bob).len(), 1);
    assert_eq!(rig.model.history_reads, 0);
    rig.assert_empty();
}

#[test]
fn from_the_history_in_pages_when_the_core_was_not_attached() {
    let mut rig = Rig::with(HubConfig { page_count: 3, ..HubConfig::default() }, app());
    let ada = rig.native("ada");
    let positions = publish(&mut rig, 0..20);
    let (reply, data) = resume(&mut rig, ada, &positions[0].to_string());
    assert_eq!(reply, json!({"position": positions[0].to_string(), "recovered": true, "replay": 19}));
    assert_eq!(data, numbers(1..20));
    publish(&mut rig, 20..21);
    assert_eq!(rig.jsons(ada).len(), 1);
    rig.assert_empty();
}

/// A node died, and its clients come one after the other to a core that was not attached.
#[test]
fn of_a_crowd_that_comes_one_by_one_only_the_first_reads_the_history() {
    let mut rig = Rig::new();
    let positions = publish(&mut rig, 0..10);
    for (n, from) in [3, 5, 3, 9, 4].into_iter().enumerate() {
        let client = rig.native(&format!("client{n}"));
        let (reply, data) = resume(&mut rig, client, &positions[from].to_string());
        let live = 10 + n;
        assert_eq!((&reply["recovered"], &reply["replay"]), (&json!(true), &json!(live - from - 1)), "{n}");
        assert_eq!(data, numbers(from + 1..live), "{n}");
        publish(&mut rig, live..live + 1);
    }
    assert_eq!(rig.model.history_reads, 1);
    let earlier = rig.native("earlier");
    assert_eq!(resume(&mut rig, earlier, &positions[1].to_string()).1, numbers(2..15));
    assert_eq!(rig.model.history_reads, 2, "nobody has read that before");
    rig.assert_empty();
}

#[test]
fn at_the_head_nothing_is_replayed() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    let positions = publish(&mut rig, 0..3);
    let (reply, data) = resume(&mut rig, ada, &positions[2].to_string());
    assert_eq!(reply, json!({"position": positions[2].to_string(), "recovered": true, "replay": 0}));
    assert!(data.is_empty());
    rig.assert_empty();
}

#[test]
fn from_the_position_of_an_empty_channel_everything_since_is_replayed() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    let empty = rig.native_subscribe(ada, "room")["position"].as_str().expect("a position").to_owned();
    assert!(empty.ends_with("-0"));
    rig.cut(ada);
    rig.publish("other", "said", "takes the era");
    publish(&mut rig, 0..3);
    let bob = rig.native("bob");
    let (reply, data) = resume(&mut rig, bob, &empty);
    assert_eq!((&reply["recovered"], &reply["replay"]), (&json!(true), &json!(3)));
    assert_eq!(data, numbers(0..3));
    rig.assert_empty();
}

#[test]
fn behind_the_retention_the_reason_is_given_and_the_rest_replayed() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    let positions = publish(&mut rig, 0..10);
    rig.model.trim(&messages("room"), 4);
    let (reply, data) = resume(&mut rig, ada, &positions[1].to_string());
    assert_eq!(reply, json!({"position": positions[5].to_string(), "recovered": false, "replay": 4, "reason": "retention"}));
    assert_eq!(data, numbers(6..10));
    rig.assert_empty();
}

#[test]
fn a_position_of_a_lost_history_and_one_that_never_was_have_their_reasons() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    let positions = publish(&mut rig, 0..5);
    rig.model.fail_over(&messages("room"), 2);
    let later = publish(&mut rig, 5..7);
    let (reply, data) = resume(&mut rig, ada, &positions[4].to_string());
    assert_eq!((&reply["recovered"], &reply["reason"], &reply["replay"]), (&json!(false), &json!("era"), &json!(2)));
    assert_eq!(data, numbers(5..7));
    rig.ask(ada, json!({"unsubscribe": {"channel": "room"}}));
    let never = Position::new(later[1].era, 99).to_string();
    let (reply, data) = resume(&mut rig, ada, &never);
    assert_eq!(reply, json!({"position": later[1].to_string(), "recovered": false, "replay": 0, "reason": "position"}));
    assert!(data.is_empty());
    let bad = rig.ask(ada, json!({"subscribe": {"channel": "hall", "position": "yesterday"}}));
    assert_eq!(bad["error"]["name"], "position_invalid");
    rig.assert_empty();
}

#[test]
fn over_a_fail_over_that_lost_nothing_it_is_recovered() {
    let mut rig = Rig::with(HubConfig { page_count: 2, ..HubConfig::default() }, app());
    let ada = rig.native("ada");
    let positions = publish(&mut rig, 0..7);
    rig.model.fail_over(&messages("room"), 7);
    publish(&mut rig, 7..12);
    let (reply, data) = resume(&mut rig, ada, &positions[1].to_string());
    assert_eq!((&reply["recovered"], &reply["replay"]), (&json!(true), &json!(10)));
    assert_eq!(data, numbers(2..12));
    rig.assert_empty();
}

#[test]
fn a_history_that_cannot_be_read_is_called_overload_and_live_goes_on() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    let positions = publish(&mut rig, 0..3);
    rig.native_subscribe(ada, "room");
    rig.model.away = true;
    let (reply, _) = resume(&mut rig, bob, &positions[0].to_string());
    assert_eq!(reply, json!({"position": positions[2].to_string(), "recovered": false, "replay": 0, "reason": "overload"}));
    rig.model.away = false;
    publish(&mut rig, 3..4);
    assert_eq!(rig.jsons(bob).len(), 1);
    rig.assert_empty();
}

#[test]
fn what_is_published_while_the_history_is_read_comes_once() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    let positions = publish(&mut rig, 0..3);
    rig.native_subscribe(ada, "room");
    rig.hold = true;
    rig.request(bob, json!({"subscribe": {"channel": "room", "position": positions[0].to_string()}}));
    publish(&mut rig, 3..5);
    rig.release();
    publish(&mut rig, 5..6);
    let frames = rig.jsons(bob);
    assert_eq!(frames[0]["ok"]["replay"], 4);
    let data: Vec<_> = frames[1..].iter().map(|frame| frame["message"]["data"].as_str().expect("text").to_owned()).collect();
    assert_eq!(data, numbers(1..6));
    rig.assert_empty();
}

#[test]
fn a_history_that_is_ahead_of_delivery_gives_nothing_twice() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    let positions = publish(&mut rig, 0..3);
    rig.native_subscribe(ada, "room");
    // Two publications are stored, but their delivery is under way when bob reads.
    let late: Vec<_> = (3..5)
        .filter_map(|n| {
            let draft = draft("said", &n.to_string());
            let publish = peal_core::exchange::Publish {
                topic: messages("room"),
                draft,
                retention: peal_core::Retention::FLOOR,
                durability: peal_core::Durability::Fast,
            };
            rig.model.publish(publish).1
        })
        .collect();
    let (reply, data) = resume(&mut rig, bob, &positions[0].to_string());
    assert_eq!((&reply["recovered"], &reply["replay"]), (&json!(true), &json!(4)));
    assert_eq!(data, numbers(1..5));
    rig.broker(peal_hub::BrokerEvent::Deliveries(late));
    rig.nothing(bob);
    assert_eq!(rig.jsons(ada).len(), 2);
    publish(&mut rig, 5..6);
    assert_eq!(rig.jsons(bob).len(), 1);
    rig.assert_empty();
}

#[test]
fn many_that_miss_the_same_share_one_read() {
    let mut rig = Rig::with(HubConfig { page_count: 2, ..HubConfig::default() }, app());
    let positions = publish(&mut rig, 0..9);
    let clients: Vec<_> = (0..20).map(|n| rig.native(&format!("c{n}"))).collect();
    rig.native_subscribe(clients[0], "room");
    let before = rig.model.history_reads;
    rig.hold = true;
    for client in &clients[1..] {
        rig.request(*client, json!({"subscribe": {"channel": "room", "position": positions[0].to_string()}}));
    }
    rig.release();
    for client in &clients[1..] {
        assert_eq!(rig.jsons(*client).len(), 9, "the reply and eight messages");
    }
    let reads = rig.model.history_reads - before;
    assert_eq!(reads, 4, "one per page for all of them");
    rig.assert_empty();
}

#[test]
fn the_number_of_replayed_messages_leaves_out_the_connections_own() {
    let mut rig = Rig::with(HubConfig { page_count: 2, ring_count: 1, ..HubConfig::default() }, app());
    let ada = rig.native("ada");
    let first = publish(&mut rig, 0..1)[0];
    for n in 1..6 {
        publish(&mut rig, n..n + 1);
        rig.ask(ada, json!({"publish": {"channel": "room", "data": "own"}}));
    }
    let (reply, data) = resume(&mut rig, ada, &first.to_string());
    assert_eq!((&reply["recovered"], &reply["replay"]), (&json!(true), &json!(5)));
    assert_eq!(data, numbers(1..6));
    rig.assert_empty();
}

#[test]
fn a_rewind_begins_after_the_last_loss() {
    for rewind in [json!(10), json!("1h")] {
        let mut rig = Rig::new();
        let ada = rig.native("ada");
        publish(&mut rig, 0..3);
        rig.model.forget_tail(&messages("room"));
        publish(&mut rig, 3..5);
        rig.request(ada, json!({"subscribe": {"channel": "room", "rewind": rewind}}));
        let frames = rig.jsons(ada);
        assert_eq!((&frames[0]["ok"]["replay"], frames.len()), (&json!(2), 3), "{rewind}");
        rig.assert_empty();
    }
}

#[test]
fn a_history_that_ends_before_live_with_a_loss_is_answered_and_not_asked_for_ever() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    let positions = publish(&mut rig, 0..3);
    rig.native_subscribe(ada, "room");
    publish(&mut rig, 3..5);
    // A new primary has only the first, and it is known that more was lost. This core has seen the rest.
    rig.model.fail_over(&messages("room"), 1);
    rig.model.witnessed_loss = true;
    let (reply, data) = resume(&mut rig, bob, &positions[0].to_string());
    assert_eq!((&reply["recovered"], &reply["reason"], &reply["replay"]), (&json!(false), &json!("era"), &json!(0)));
    assert!(data.is_empty() && rig.model.history_reads < 5);
    rig.assert_empty();
}
