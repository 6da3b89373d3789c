//! Gaps between the broker and a core are repaired by the core, and what cannot be is announced (DESIGN 5.2).

use peal_core::Position;
use peal_core::exchange::Publish;
use peal_hub::{BrokerEvent, GapCounts, Handle, HubConfig};
use serde_json::json;

use crate::rig::*;

/// What a native subscriber of `room` got: data of messages, and ranges that were announced as lost.
fn told(rig: &mut Rig, handle: Handle) -> Vec<String> {
    let frames = rig.jsons(handle);
    let texts = frames.iter().map(|frame| match frame["discontinuity"].as_object() {
        Some(gap) => {
            format!("{}..{} {}", gap["from"].as_str().unwrap_or(""), gap["to"].as_str().unwrap_or(""), gap["reason"].as_str().unwrap_or(""))
        }
        None => frame["message"]["data"].as_str().expect("text").to_owned(),
    });
    texts.collect()
}

fn subscribed(rig: &mut Rig) -> Handle {
    let ada = rig.native("ada");
    rig.native_subscribe(ada, "room");
    rig.publish("room", "said", "0");
    rig.got(ada);
    ada
}

fn lose(rig: &mut Rig, data: &[&str]) -> Vec<Position> {
    rig.model.lose = data.len();
    data.iter().map(|data| rig.publish("room", "said", data)).collect()
}

#[test]
fn a_lost_delivery_is_read_once_and_comes_in_order() {
    let mut rig = Rig::new();
    let ada = subscribed(&mut rig);
    let bob = rig.native("bob");
    rig.native_subscribe(bob, "room");
    lose(&mut rig, &["1", "2"]);
    assert_eq!(told(&mut rig, ada), Vec::<String>::new());
    rig.publish("room", "said", "3");
    for client in [ada, bob] {
        assert_eq!(told(&mut rig, client), ["1", "2", "3"]);
    }
    assert_eq!(rig.model.history_reads, 1);
    assert_eq!(rig.hub.totals().gaps(), GapCounts { detected: 1, repaired: 1, unrepaired: 0 });
    rig.assert_empty();
}

#[test]
fn what_arrives_during_a_repair_waits_for_it() {
    let mut rig = Rig::new();
    let ada = subscribed(&mut rig);
    lose(&mut rig, &["1"]);
    rig.hold = true;
    rig.publish("room", "said", "2");
    rig.publish("room", "said", "3");
    let mut draft = draft("typing", "ephemeral");
    draft.ephemeral = true;
    let (_, delivery) = rig.model.publish(Publish {
        topic: messages("room"),
        draft,
        retention: peal_core::Retention::FLOOR,
        durability: peal_core::Durability::Fast,
    });
    rig.broker(BrokerEvent::Deliveries(delivery.into_iter().collect()));
    rig.publish("room", "said", "4");
    assert!(told(&mut rig, ada).is_empty());
    rig.release();
    assert_eq!(told(&mut rig, ada), ["1", "2", "3", "ephemeral", "4"]);
    rig.assert_empty();
}

#[test]
fn more_than_can_be_held_is_dropped_and_read_again() {
    let mut rig = Rig::with(HubConfig { held_count: 3, ..HubConfig::default() }, app());
    let ada = subscribed(&mut rig);
    lose(&mut rig, &["1"]);
    rig.hold = true;
    for n in 2..20 {
        rig.publish("room", "said", &n.to_string());
    }
    rig.release();
    assert_eq!(told(&mut rig, ada), (1..20).map(|n| n.to_string()).collect::<Vec<_>>());
    rig.assert_empty();
}

#[test]
fn a_delivery_that_comes_twice_or_late_is_delivered_once() {
    let mut rig = Rig::new();
    let ada = subscribed(&mut rig);
    let (_, first) = rig.model.publish(Publish {
        topic: messages("room"),
        draft: draft("said", "1"),
        retention: peal_core::Retention::FLOOR,
        durability: peal_core::Durability::Fast,
    });
    let first = first.expect("attached");
    rig.broker(BrokerEvent::Deliveries(vec![first.clone(), first.clone()]));
    rig.publish("room", "said", "2");
    rig.broker(BrokerEvent::Deliveries(vec![first]));
    assert_eq!(told(&mut rig, ada), ["1", "2"]);
    rig.assert_empty();
}

#[test]
fn a_range_that_is_no_longer_kept_is_announced_to_native_clients_and_closes_pusher_ones() {
    let mut rig = Rig::new();
    let ada = subscribed(&mut rig);
    let bob = rig.pusher();
    rig.pusher_subscribe(bob, "room");
    rig.got(bob);
    let last = rig.model.head(&messages("room"));
    let lost = lose(&mut rig, &["1", "2", "3"]);
    rig.model.trim(&messages("room"), 1);
    rig.publish("room", "said", "4");
    assert_eq!(told(&mut rig, ada), [format!("{last}..{} retention", lost[1]), "3".into(), "4".into()]);
    assert_eq!(rig.hub.totals().gaps(), GapCounts { detected: 1, repaired: 0, unrepaired: 1 });
    assert_eq!(rig.closed_with(bob), Some(4200));
    rig.nothing(bob);
    rig.assert_empty();
}

#[test]
fn an_era_that_begins_where_we_are_or_before_goes_on_without_a_word() {
    for survived in [3, 2] {
        let mut rig = Rig::new();
        let ada = subscribed(&mut rig);
        rig.publish("room", "said", "1");
        rig.publish("room", "said", "2");
        rig.model.fail_over(&messages("room"), survived);
        rig.publish("room", "said", "3");
        rig.publish("room", "said", "4");
        assert_eq!(told(&mut rig, ada), ["1", "2", "3", "4"], "{survived} survived");
        assert_eq!(rig.model.history_reads, 0);
        assert_eq!(rig.hub.totals().gaps(), GapCounts::default());
        rig.assert_empty();
    }
}

#[test]
fn an_era_whose_start_was_missed_is_read() {
    let mut rig = Rig::new();
    let ada = subscribed(&mut rig);
    rig.model.fail_over(&messages("room"), 1);
    lose(&mut rig, &["1"]);
    rig.publish("room", "said", "2");
    assert_eq!(told(&mut rig, ada), ["1", "2"]);
    rig.assert_empty();
}

#[test]
fn a_history_that_was_replaced_is_announced_with_its_range() {
    let mut rig = Rig::new();
    let ada = subscribed(&mut rig);
    let last = rig.model.head(&messages("room"));
    rig.model.flush();
    let next = rig.publish("room", "said", "1");
    assert_eq!(told(&mut rig, ada), [format!("{last}..{}-0 era", next.era), "1".into()]);
    rig.assert_empty();
}

#[test]
fn a_publication_of_an_era_that_is_over_is_not_delivered() {
    let mut rig = Rig::new();
    let ada = subscribed(&mut rig);
    let (_, zombie) = rig.model.publish(Publish {
        topic: messages("room"),
        draft: draft("said", "late"),
        retention: peal_core::Retention::FLOOR,
        durability: peal_core::Durability::Fast,
    });
    rig.model.fail_over(&messages("room"), 1);
    rig.publish("room", "said", "1");
    rig.broker(BrokerEvent::Deliveries(zombie.into_iter().collect()));
    assert_eq!(told(&mut rig, ada), ["1"]);
    rig.assert_empty();
}

#[test]
fn after_an_interruption_the_head_is_checked_and_a_lost_tail_is_found() {
    let mut rig = Rig::new();
    let ada = subscribed(&mut rig);
    lose(&mut rig, &["1", "2"]);
    rig.broker(BrokerEvent::Interrupted { topics: vec![messages("room")] });
    assert_eq!(told(&mut rig, ada), ["1", "2"]);
    lose(&mut rig, &["3"]);
    rig.broker(BrokerEvent::Interrupted { topics: vec![] });
    assert_eq!(told(&mut rig, ada), ["3"]);
    rig.assert_empty();
}

#[test]
fn an_own_publish_that_does_not_arrive_is_missed() {
    let mut rig = Rig::new();
    let ada = subscribed(&mut rig);
    let bob = rig.native("bob");
    rig.model.lose = 1;
    rig.ask(bob, json!({"publish": {"channel": "room", "data": "1"}}));
    rig.after(499);
    rig.nothing(ada);
    rig.after(1);
    assert_eq!(told(&mut rig, ada), ["1"]);
    rig.assert_empty();
}

#[test]
fn while_the_history_cannot_be_read_clients_see_a_pause_and_no_loss() {
    let mut rig = Rig::new();
    let ada = subscribed(&mut rig);
    lose(&mut rig, &["1"]);
    rig.model.away = true;
    rig.publish("room", "said", "2");
    rig.after(8_000);
    assert!(told(&mut rig, ada).is_empty());
    rig.model.away = false;
    rig.after(5_000);
    assert_eq!(told(&mut rig, ada), ["1", "2"]);
    rig.assert_empty();
}
