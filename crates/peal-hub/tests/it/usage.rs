//! What a hub counts, and when (docs/counting.md).

use std::collections::BTreeMap;
use std::sync::Arc;

use peal_core::Quota;
use peal_core::quota::WhenUsedUp;
use peal_core::usage::Metric;
use peal_hub::HubConfig;
use serde_json::json;

use crate::rig::*;

/// Everything counted since the last time.
fn used(rig: &mut Rig) -> BTreeMap<Metric, u64> {
    let mut used = BTreeMap::new();
    for counts in rig.hub.usage(rig.now).minutes {
        assert_eq!(counts.app, app_id());
        counts.values().for_each(|(metric, value)| *used.entry(metric).or_insert(0) += value);
    }
    used
}

fn count(used: &BTreeMap<Metric, u64>, metric: Metric) -> u64 {
    used.get(&metric).copied().unwrap_or(0)
}

#[test]
fn a_message_counts_when_its_last_byte_has_left() {
    let mut rig = Rig::new();
    let bob = rig.native("bob");
    rig.native_subscribe(bob, "room.1");
    rig.client(bob).stalled = true;
    rig.publish("room.1", "said", "hello");
    let bytes = rig.hub.queue(bob).expect("a queue").bytes();
    used(&mut rig);
    rig.take(bob, bytes - 1);
    assert_eq!(count(&used(&mut rig), Metric::MessagesOut), 0);
    rig.take(bob, 1);
    let now = used(&mut rig);
    assert_eq!((count(&now, Metric::MessagesOut), count(&now, Metric::BytesOut)), (1, "saidhello".len() as u64));
    assert_eq!(count(&used(&mut rig), Metric::MessagesOut), 0, "taken once");
}

#[test]
fn what_is_dropped_with_the_connection_counts_nothing() {
    let mut rig = Rig::new();
    let bob = rig.pusher();
    rig.pusher_subscribe(bob, "room");
    rig.client(bob).stalled = true;
    for _ in 0..3 {
        rig.publish("room", "said", "hello");
    }
    rig.cut(bob);
    let used = used(&mut rig);
    assert_eq!((count(&used, Metric::MessagesOut), count(&used, Metric::ConnectionsOpened)), (0, 1));
}

#[test]
fn a_slow_reader_is_charged_as_if_it_had_been_quick() {
    for ring_count in [100, 3] {
        let config = HubConfig { ring_count, page_count: 7, queue_soft_bytes: 2_000, queue_hard_bytes: 8_000, ..HubConfig::default() };
        let mut rig = Rig::with(config, app());
        let (ada, bob) = (rig.native("ada"), rig.pusher());
        rig.native_subscribe(ada, "room");
        rig.pusher_subscribe(bob, "room");
        for client in [ada, bob] {
            rig.client(client).stalled = true;
        }
        for n in 0..60 {
            rig.publish("room", "said", &n.to_string());
        }
        rig.resume_reading(ada);
        rig.resume_reading(bob);
        let used = used(&mut rig);
        assert_eq!((count(&used, Metric::MessagesOut), count(&used, Metric::HistoryReads)), (120, 0), "ring of {ring_count}");
    }
}

#[test]
fn a_replay_is_history_and_what_comes_after_it_is_not() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    let begin = rig.native_subscribe(ada, "room")["position"].clone();
    for n in 0..5 {
        rig.publish("room", "said", &n.to_string());
    }
    rig.ask(ada, json!({"unsubscribe": {"channel": "room"}}));
    let bob = rig.native("bob");
    used(&mut rig);
    // The replay is larger than what the socket takes; live messages queue up behind it.
    rig.client(bob).stalled = true;
    rig.request(bob, json!({"subscribe": {"channel": "room", "position": begin}}));
    rig.publish("room", "said", "live");
    rig.publish("room", "said", "live");
    rig.resume_reading(bob);
    let now = used(&mut rig);
    assert_eq!((count(&now, Metric::HistoryReads), count(&now, Metric::MessagesOut)), (5, 2));
    rig.ask(bob, json!({"history": {"channel": "room", "limit": 3}}));
    assert_eq!(count(&used(&mut rig), Metric::HistoryReads), 3);
}

#[test]
fn presence_is_one_per_connection_and_second() {
    let mut rig = Rig::new();
    let watcher = rig.pusher();
    rig.pusher_enter(watcher, "presence-room", "watcher");
    used(&mut rig);
    // To the beginning of a second.
    rig.after(1_000 - rig.now.wall_ms % 1_000);
    let others: Vec<_> = (0..4).map(|_| rig.pusher()).collect();
    for (number, other) in others.iter().enumerate() {
        rig.pusher_enter(*other, "presence-room", &number.to_string());
    }
    let told = rig.events(watcher).iter().filter(|event| *event == "pusher_internal:member_added").count();
    assert_eq!(told, 4, "frames are not held back on this protocol");
    let now = used(&mut rig);
    assert_eq!((count(&now, Metric::MessagesIn), count(&now, Metric::PresenceOps)), (4, 4));
    // The watcher, and all of the four but the last.
    assert_eq!(count(&now, Metric::MessagesOut), 1 + 3);
    rig.after(1_000);
    rig.cut(others[0]);
    let now = used(&mut rig);
    assert_eq!((count(&now, Metric::PresenceOps), count(&now, Metric::MessagesOut)), (1, 4), "a leave, told to the four that stay");
}

#[test]
fn a_publish_whose_connection_is_gone_when_it_is_accepted_counts() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.hold = true;
    rig.request(ada, json!({"publish": {"channel": "room", "event": "said", "data": 1}}));
    rig.cut(ada);
    assert_eq!(count(&used(&mut rig), Metric::MessagesIn), 0, "not accepted yet");
    rig.release();
    assert_eq!(count(&used(&mut rig), Metric::MessagesIn), 1);
}

#[test]
fn refusals_count_as_nothing_but_refusals() {
    let mut app = app();
    app.limits.client_publishes_per_second = Some(2);
    let mut rig = Rig::with(HubConfig::default(), app);
    let ada = rig.native("ada");
    for _ in 0..5 {
        rig.ask(ada, json!({"publish": {"channel": "room", "event": "said", "data": 1}}));
    }
    rig.ask(ada, json!({"publish": {"channel": "not a channel", "data": 1}}));
    let used = used(&mut rig);
    assert_eq!((count(&used, Metric::MessagesIn), count(&used, Metric::RejectedRate)), (2, 3));
}

#[test]
fn connection_time_is_exact_to_the_millisecond() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    rig.after(1_500);
    let bob = rig.native("bob");
    rig.after(1_000);
    rig.cut(ada);
    rig.after(250);
    rig.cut(bob);
    rig.after(9_000);
    assert_eq!(count(&used(&mut rig), Metric::ConnectionMs), 2_500 + 1_250);
}

#[test]
fn a_used_up_quota_stops_publishes_and_nothing_else() {
    let mut rig = Rig::new();
    let directory = directory(app());
    let gate = Arc::clone(directory.gate(app_id()).expect("every app has one"));
    rig.hub.directory(rig.now, directory);
    let (ada, bob) = (rig.native("ada"), rig.pusher());
    rig.native_subscribe(ada, "room");
    rig.pusher_enter(bob, "presence-room", "1");
    used(&mut rig);
    let resets_at_s = rig.now.wall_s() + 3_600;
    let quota = Quota { included: 10, used: 15, when_used_up: WhenUsedUp::Stop, used_up_at_s: None, resets_at_s };
    gate.quota_report(Some(&quota), rig.now);

    let refused = rig.ask(ada, json!({"publish": {"channel": "room", "event": "said", "data": 1}}));
    assert_eq!((&refused["error"]["name"], &refused["error"]["limit"]), (&json!("quota_exceeded"), &json!(10)), "{refused}");
    assert_eq!((&refused["error"]["retry_after"], &refused["error"]["retryable"]), (&json!(3_600_000), &json!(false)), "{refused}");
    rig.got(bob);
    rig.send(bob, json!({"event": "client-typing", "channel": "presence-room", "data": {}}));
    let told = rig.next(bob);
    assert_eq!((&told["event"], &told["data"]["code"]), (&json!("pusher:error"), &json!(4301)), "{told}");
    let refusals = used(&mut rig);
    assert_eq!((count(&refusals, Metric::RejectedQuota), count(&refusals, Metric::MessagesIn)), (2, 0));

    let eve = rig.native("eve");
    rig.native_subscribe(eve, "room");
    let entered = rig.ask(eve, json!({"presence.enter": {"channel": "presence-room", "data": {}}}));
    assert!(entered["ok"].is_object(), "{entered}");
    rig.after(3_600_000);
    let late = rig.native("late");
    let published = rig.ask(late, json!({"publish": {"channel": "room", "event": "said", "data": 1}}));
    assert!(published["ok"].is_object(), "the month is over: {published}");
}
