//! Cache channels: the last event of a server comes first, exactly once.

use serde_json::json;

use crate::rig::*;

#[test]
fn the_last_event_follows_the_answer_also_on_an_empty_channel() {
    let mut rig = Rig::new();
    rig.publish("cache-price", "changed", "1");
    rig.publish("cache-price", "changed", "2");
    let ada = rig.pusher();
    rig.pusher_subscribe(ada, "cache-price");
    assert_eq!(rig.next_event(ada), "pusher_internal:subscription_succeeded");
    assert_eq!(rig.next(ada), json!({"event": "changed", "channel": "cache-price", "data": "2"}));
    rig.publish("cache-price", "changed", "3");
    assert_eq!(rig.next(ada)["data"], "3");
    let bob = rig.pusher();
    rig.pusher_subscribe(bob, "cache-price");
    assert_eq!(rig.next_event(bob), "pusher_internal:subscription_succeeded");
    assert_eq!(rig.next(bob)["data"], "3");
    rig.nothing(bob);
    rig.assert_empty();
}

#[test]
fn nothing_kept_or_nothing_younger_than_half_an_hour_is_a_miss() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    rig.pusher_subscribe(ada, "cache-price");
    assert_eq!(rig.events(ada), ["pusher_internal:subscription_succeeded", "pusher:cache_miss"]);
    rig.publish("cache-old", "changed", "1");
    rig.after(31 * 60 * 1_000);
    let bob = rig.pusher();
    rig.pusher_subscribe(bob, "cache-old");
    assert_eq!(rig.events(bob), ["pusher_internal:subscription_succeeded", "pusher:cache_miss"]);
    rig.assert_empty();
}

#[test]
fn the_last_event_is_told_although_what_followed_it_is_lost() {
    let mut rig = Rig::new();
    rig.publish("cache-price", "changed", "1");
    rig.model.lose_known_tail(&messages("cache-price"), 2);
    let ada = rig.pusher();
    rig.pusher_subscribe(ada, "cache-price");
    assert_eq!(rig.next_event(ada), "pusher_internal:subscription_succeeded");
    assert_eq!(rig.next(ada)["data"], "1", "whoever asks for the last event was promised nothing after it");
    assert_eq!(rig.closed_with(ada), None, "or the client would reconnect to the same for ever");
    rig.assert_empty();
}

#[test]
fn an_event_published_during_the_subscription_comes_exactly_once() {
    for stored_before_the_read in [false, true] {
        let mut rig = Rig::new();
        rig.publish("cache-price", "changed", "1");
        let ada = rig.pusher();
        rig.hold = true;
        rig.pusher_subscribe(ada, "cache-price");
        if stored_before_the_read {
            rig.publish("cache-price", "changed", "2");
            rig.release();
        } else {
            rig.release();
            rig.publish("cache-price", "changed", "2");
        }
        let frames = rig.jsons(ada);
        let twos = frames.iter().filter(|frame| frame["data"] == "2").count();
        assert_eq!(twos, 1, "{frames:?}");
        assert_eq!(frames[0]["event"], "pusher_internal:subscription_succeeded");
        rig.assert_empty();
    }
}

#[test]
fn client_events_are_relayed_and_not_cached() {
    let mut rig = Rig::new();
    rig.publish("private-cache-price", "changed", "1");
    let (ada, bob) = (rig.pusher(), rig.pusher());
    for client in [ada, bob] {
        rig.pusher_subscribe(client, "private-cache-price");
        rig.got(client);
    }
    rig.send(ada, json!({"event": "client-typing", "channel": "private-cache-price", "data": 1}));
    assert_eq!(rig.events(bob), ["client-typing"]);
    let eve = rig.pusher();
    rig.pusher_subscribe(eve, "private-cache-price");
    assert_eq!(rig.events(eve), ["pusher_internal:subscription_succeeded", "changed"]);
    rig.assert_empty();
}
