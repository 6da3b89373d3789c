//! Subscribing and receiving on the Pusher protocol.

use serde_json::{Value, json};

use crate::rig::*;

fn subscribe(rig: &mut Rig, handle: peal_hub::Handle, data: Value) -> Vec<Value> {
    rig.send(handle, json!({"event": "pusher:subscribe", "data": data}));
    rig.jsons(handle)
}

#[test]
fn a_published_event_reaches_subscribers_byte_for_byte_and_no_one_else() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.pusher(), rig.pusher());
    let answer = subscribe(&mut rig, ada, json!({"channel": "news", "auth": ""}));
    assert_eq!(answer, [json!({"event": "pusher_internal:subscription_succeeded", "channel": "news", "data": "{}"})]);
    rig.publish("news", "said", r#"{ "n":1e400,"a":1,"a":2 }"#);
    assert_eq!(rig.jsons(ada), [json!({"event": "said", "channel": "news", "data": r#"{ "n":1e400,"a":1,"a":2 }"#})]);
    rig.nothing(bob);
    rig.assert_empty();
}

#[test]
fn nothing_of_a_channel_comes_before_its_answer() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    rig.hold = true;
    rig.send(ada, json!({"event": "pusher:subscribe", "data": {"channel": "news"}}));
    rig.nothing(ada);
    rig.publish("news", "early", "1");
    rig.release();
    rig.publish("news", "late", "2");
    assert_eq!(rig.events(ada), ["pusher_internal:subscription_succeeded", "late"]);
    rig.assert_empty();
}

#[test]
fn a_private_channel_wants_a_signature_over_socket_and_channel() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.pusher(), rig.pusher());
    let (good, others) = (rig.auth(ada, "private-a", None), rig.auth(bob, "private-a", None));
    let upper = good.replace(&good[KEY.len() + 1..], &good[KEY.len() + 1..].to_uppercase());
    for (auth, accepted) in [
        (json!(good), true),
        (json!(upper), true),
        (json!(others), false),
        (json!(rig.auth(ada, "private-b", None)), false),
        (json!("nonsense"), false),
        (json!(format!("unknown:{}", &good[KEY.len() + 1..])), false),
        (Value::Null, false),
    ] {
        let answer = subscribe(&mut rig, ada, json!({"channel": "private-a", "auth": auth}));
        let events: Vec<_> = answer.iter().map(|frame| frame["event"].as_str().expect("an event")).collect();
        if accepted {
            assert_eq!(events, ["pusher_internal:subscription_succeeded"]);
        } else {
            assert_eq!(events, ["pusher:subscription_error", "pusher:error"], "{auth}");
            assert_eq!((&answer[0]["channel"], &answer[0]["data"]["status"]), (&json!("private-a"), &json!(401)));
            assert_eq!(answer[1]["data"]["code"], 4009);
        }
        rig.send(ada, json!({"event": "pusher:unsubscribe", "data": {"channel": "private-a"}}));
    }
    rig.assert_empty();
}

#[test]
fn channel_data_is_signed_as_it_was_sent_also_on_a_private_channel() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    let data = "{ \"user_id\": \"\\u00eb\" }";
    let auth = rig.auth(ada, "private-a", Some(data));
    let answer = subscribe(&mut rig, ada, json!({"channel": "private-a", "auth": auth, "channel_data": data}));
    assert_eq!(answer[0]["event"], "pusher_internal:subscription_succeeded");
    rig.assert_empty();
}

#[test]
fn a_second_subscribe_is_answered_again_and_delivers_once() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    rig.pusher_subscribe(ada, "news");
    rig.pusher_subscribe(ada, "news");
    rig.publish("news", "said", "1");
    let twice = "pusher_internal:subscription_succeeded";
    assert_eq!(rig.events(ada), [twice, twice, "said"]);
    assert_eq!(rig.hub.counts().subscriptions, 1);
    rig.assert_empty();
}

#[test]
fn after_unsubscribing_nothing_comes_and_the_topic_is_detached() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    rig.pusher_subscribe(ada, "news");
    assert!(rig.model.is_attached(&messages("news")));
    rig.send(ada, json!({"event": "pusher:unsubscribe", "data": {"channel": "news"}}));
    rig.got(ada);
    assert!(!rig.model.is_attached(&messages("news")));
    rig.publish("news", "said", "1");
    rig.nothing(ada);
    rig.assert_empty();
}

#[test]
fn bad_names_and_too_many_channels_are_refused_with_the_limit() {
    let mut app = app();
    app.limits.channels_per_connection = 2;
    let mut rig = Rig::with(Default::default(), app);
    let ada = rig.pusher();
    for name in ["", "a b", "#x", &"a".repeat(165)] {
        let answer = subscribe(&mut rig, ada, json!({"channel": name}));
        assert_eq!(answer[0]["event"], "pusher:subscription_error", "{name}");
    }
    rig.pusher_subscribe(ada, "a");
    rig.pusher_subscribe(ada, "b");
    rig.got(ada);
    let answer = subscribe(&mut rig, ada, json!({"channel": "c"}));
    assert_eq!((&answer[0]["data"]["status"], &answer[1]["data"]["code"]), (&json!(429), &json!(4004)));
    rig.assert_empty();
}

#[test]
fn a_subscription_waits_for_a_broker_that_is_away() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    rig.model.away = true;
    rig.pusher_subscribe(ada, "news");
    rig.after(3_000);
    rig.nothing(ada);
    rig.model.away = false;
    rig.after(5_000);
    assert_eq!(rig.next_event(ada), "pusher_internal:subscription_succeeded");
    rig.assert_empty();
}

#[test]
fn the_publisher_is_excluded_by_its_connection() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.pusher(), rig.pusher());
    for client in [ada, bob] {
        rig.pusher_subscribe(client, "news");
        rig.got(client);
    }
    let mut draft = draft("said", "1");
    draft.origin = rig.hub.connection_id(ada);
    let publish = peal_core::exchange::Publish {
        topic: messages("news"),
        draft,
        retention: peal_core::Retention::FLOOR,
        durability: peal_core::Durability::Fast,
    };
    let (_, delivery) = rig.model.publish(publish);
    rig.broker(peal_hub::BrokerEvent::Deliveries(delivery.into_iter().collect()));
    rig.nothing(ada);
    assert_eq!(rig.events(bob), ["said"]);
    rig.assert_empty();
}
