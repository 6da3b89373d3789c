//! A connection that is gone leaves nothing behind, whatever it was doing.

use peal_hub::{Handle, Incoming};
use serde_json::json;

use crate::rig::*;

/// Everything a connection can be in the middle of.
fn busy(rig: &mut Rig) -> Vec<Handle> {
    rig.publish("room", "said", "0");
    let position = rig.publish("room", "said", "1").to_string();
    let (ada, bob, eve) = (rig.native("ada"), rig.pusher(), rig.native("eve"));
    rig.native_subscribe(eve, "held");
    rig.ask(eve, json!({"presence.enter": {"channel": "held"}}));
    rig.hold = true;
    rig.request(ada, json!({"subscribe": {"channel": "room", "position": position, "presence": true}}));
    rig.request(ada, json!({"subscribe": {"channel": "other", "rewind": 5}}));
    rig.request(ada, json!({"presence.enter": {"channel": "room"}}));
    rig.request(ada, json!({"presence.get": {"channel": "room"}}));
    rig.request(ada, json!({"publish": {"channel": "room", "data": 1}}));
    rig.request(ada, json!({"history": {"channel": "room"}}));
    rig.request(eve, json!({"subscribe": {"channel": "held", "presence": true}}));
    rig.request(eve, json!({"presence.leave": {"channel": "held"}}));
    rig.pusher_enter(bob, "presence-room", "bob");
    rig.pusher_subscribe(bob, "cache-room");
    rig.pusher_subscribe(bob, "private-room");
    rig.send(bob, json!({"event": "client-x", "channel": "private-room", "data": 1}));
    vec![ada, bob, eve]
}

#[test]
fn cut_off_in_the_middle_of_everything() {
    let mut rig = Rig::new();
    for client in busy(&mut rig) {
        rig.cut(client);
    }
    rig.release();
    rig.assert_empty();
    assert!(!rig.model.is_attached(&messages("room")) && !rig.model.is_attached(&peal_core::Topic::control(app_id())));
    for name in ["room", "held", "presence-room"] {
        assert!(rig.model.members(&presence(name)).is_empty(), "{name}");
    }
}

#[test]
fn closed_in_the_middle_of_everything_and_cut_off_later() {
    let mut rig = Rig::new();
    let clients = busy(&mut rig);
    for client in &clients {
        rig.incoming(*client, Incoming::Close(Some(1000)));
    }
    rig.release();
    rig.after(1_000);
    let counts = rig.hub.counts();
    assert_eq!((counts.connections, counts.subscriptions, counts.topics, counts.members, counts.timers), (3, 0, 0, 0, 0));
    for client in clients {
        rig.cut(client);
    }
    rig.assert_empty();
}

#[test]
fn everything_fails_and_still_nothing_is_left() {
    let mut rig = Rig::new();
    let clients = busy(&mut rig);
    rig.model.away = true;
    rig.release();
    rig.after(10_000);
    for client in clients {
        rig.cut(client);
    }
    rig.after(10_000);
    rig.model.away = false;
    rig.after(30_000);
    rig.assert_empty();
    assert!(rig.model.members(&presence("presence-room")).is_empty());
}

#[test]
fn a_stale_handle_does_nothing() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    let id = rig.hub.connection_id(ada).expect("a connection");
    rig.cut(ada);
    let bob = rig.pusher();
    assert_eq!(bob.slot, ada.slot, "the slot is used again");
    rig.hub.receive(rig.now, ada, Incoming::Text(r#"{"event":"pusher:ping"}"#));
    rig.hub.wrote(rig.now, ada, 10);
    rig.hub.closed(rig.now, ada);
    assert!(rig.hub.queue(ada).is_none() && rig.hub.handle_of(id).is_none() && rig.hub.connection_id(ada).is_none());
    rig.run();
    rig.nothing(bob);
    assert_eq!(rig.hub.counts().connections, 1);
    let bob_id = rig.hub.connection_id(bob).expect("a connection");
    assert_eq!(rig.hub.handle_of(bob_id), Some(bob));
    assert_ne!(bob_id, id);
    rig.assert_empty();
}

#[test]
fn answers_to_questions_of_an_earlier_attachment_are_ignored() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.hold = true;
    rig.request(ada, json!({"subscribe": {"channel": "room"}}));
    rig.request(ada, json!({"unsubscribe": {"channel": "room"}}));
    rig.request(ada, json!({"subscribe": {"channel": "room"}}));
    rig.release();
    rig.publish("room", "said", "1");
    let messages = rig.jsons(ada).into_iter().filter(|frame| frame["message"].is_object()).count();
    assert_eq!(messages, 1);
    rig.assert_empty();
}

#[test]
fn occupancy_lists_channels_with_answered_subscriptions() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.pusher(), rig.pusher());
    for client in [ada, bob] {
        rig.pusher_subscribe(client, "news");
    }
    rig.pusher_enter(ada, "presence-room", "ada");
    let listed = |rig: &Rig, prefix: Option<&str>| -> Vec<_> {
        let occupied = rig.hub.occupancy(app_id(), prefix, 10);
        occupied.into_iter().map(|channel| (channel.channel.to_string(), channel.subscriptions, channel.users)).collect()
    };
    assert_eq!(listed(&rig, None), [("news".into(), 2, None), ("presence-room".into(), 1, Some(1))]);
    assert_eq!(listed(&rig, Some("presence-")), [("presence-room".into(), 1, Some(1))]);
    rig.hold = true;
    rig.pusher_subscribe(bob, "later");
    assert_eq!(listed(&rig, Some("later")), []);
    rig.release();
    rig.assert_empty();
}
