//! Presence on the native protocol: by connection, collected, with a grace for those who were cut off.

use peal_hub::{Handle, Incoming};
use serde_json::{Value, json};

use crate::rig::*;

fn watch(rig: &mut Rig, handle: Handle) -> Value {
    rig.ask(handle, json!({"subscribe": {"channel": "room", "presence": true}}))["ok"]["presence"].clone()
}

fn enter(rig: &mut Rig, handle: Handle, data: Value) {
    let reply = rig.ask(handle, json!({"presence.enter": {"channel": "room", "data": data}}));
    assert_eq!(reply["ok"], json!({ "data": data }), "{reply}");
}

/// One push of changes: who entered, was updated and left, and how many are there.
type Changes = (Vec<String>, Vec<String>, Vec<String>, u64);

fn changes(rig: &mut Rig, handle: Handle) -> Vec<Changes> {
    let names = |list: &Value| -> Vec<String> {
        list.as_array().expect("a list").iter().map(|member| member["client_id"].as_str().expect("text").to_owned()).collect()
    };
    let pushes = rig.jsons(handle);
    let told = pushes.iter().map(|push| {
        let presence = &push["presence"];
        (names(&presence["enter"]), names(&presence["update"]), names(&presence["leave"]), presence["count"].as_u64().expect("a count"))
    });
    told.collect()
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn watchers_are_told_members_first_and_then_changes_collected_for_a_quarter_of_a_second() {
    let mut rig = Rig::new();
    let (ada, bob, eve) = (rig.native("ada"), rig.native("bob"), rig.native("eve"));
    enter(&mut rig, bob, json!({"mood": "fine"}));
    let members = watch(&mut rig, ada);
    let bob_id = rig.hub.connection_id(bob).expect("a connection").to_string();
    assert_eq!(members, json!({"members": [{"client_id": "bob", "connection": bob_id, "data": {"mood": "fine"}}], "count": 1}));
    enter(&mut rig, eve, json!(1));
    enter(&mut rig, bob, json!({"mood": "tired"}));
    rig.after(249);
    rig.nothing(ada);
    rig.after(1);
    assert_eq!(changes(&mut rig, ada), [(named(&["eve"]), named(&["bob"]), vec![], 2)]);
    rig.assert_empty();
}

#[test]
fn who_enters_and_leaves_meanwhile_is_not_mentioned() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    watch(&mut rig, ada);
    enter(&mut rig, bob, json!(1));
    rig.ask(bob, json!({"presence.leave": {"channel": "room"}}));
    rig.after(1_000);
    rig.nothing(ada);
    rig.assert_empty();
}

#[test]
fn who_joins_while_changes_are_collected_gets_them_once() {
    let mut rig = Rig::new();
    let (ada, bob, eve) = (rig.native("ada"), rig.native("bob"), rig.native("eve"));
    watch(&mut rig, ada);
    enter(&mut rig, bob, json!(1));
    let members = watch(&mut rig, eve);
    assert_eq!(members["count"], 0, "what the others have been told so far");
    rig.after(250);
    for client in [ada, eve] {
        assert_eq!(changes(&mut rig, client), [(named(&["bob"]), vec![], vec![], 1)]);
    }
    rig.assert_empty();
}

#[test]
fn a_crowd_is_collected_for_longer() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    let crowd: Vec<_> = (0..51).map(|n| rig.native(&format!("c{n}"))).collect();
    for client in &crowd {
        enter(&mut rig, *client, json!(1));
    }
    watch(&mut rig, ada);
    let late = rig.native("late");
    enter(&mut rig, late, json!(1));
    rig.after(999);
    rig.nothing(ada);
    rig.after(1);
    assert_eq!(changes(&mut rig, ada), [(named(&["late"]), vec![], vec![], 52)]);
    rig.assert_empty();
}

#[test]
fn a_lost_transport_has_five_seconds_and_a_good_bye_none() {
    let mut rig = Rig::new();
    let (ada, bob, eve) = (rig.native("ada"), rig.native("bob"), rig.native("eve"));
    watch(&mut rig, ada);
    enter(&mut rig, bob, json!(1));
    enter(&mut rig, eve, json!(1));
    rig.after(250);
    changes(&mut rig, ada);
    rig.incoming(eve, Incoming::Close(Some(1000)));
    rig.after(250);
    assert_eq!(changes(&mut rig, ada), [(vec![], vec![], named(&["eve"]), 1)]);
    rig.cut(bob);
    rig.after(4_999);
    rig.nothing(ada);
    rig.after(251);
    assert_eq!(changes(&mut rig, ada), [(vec![], vec![], named(&["bob"]), 0)]);
    rig.assert_empty();
}

#[test]
fn a_page_that_goes_away_and_comes_back_does_not_flicker() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    enter(&mut rig, bob, json!(1));
    let eve = rig.pusher();
    rig.pusher_enter(eve, "presence-room", "eve");
    rig.ask(ada, json!({"subscribe": {"channel": "presence-room", "presence": true}}));
    rig.ask(bob, json!({"presence.enter": {"channel": "presence-room"}}));
    rig.got(eve);
    rig.incoming(bob, Incoming::Close(Some(1001)));
    let back = rig.native("bob");
    rig.after(2_000);
    rig.ask(back, json!({"presence.enter": {"channel": "presence-room"}}));
    rig.after(10_000);
    rig.nothing(eve);
    rig.assert_empty();
}

#[test]
fn a_rule_may_set_the_grace() {
    let mut app = app();
    app.rules.default.presence_grace_ms = Some(1_000);
    let mut rig = Rig::with(Default::default(), app);
    let bob = rig.native("bob");
    let keeper = rig.native("keeper");
    enter(&mut rig, bob, json!(1));
    rig.cut(bob);
    rig.after(999);
    assert_eq!(rig.model.members(&presence("room")).len(), 1);
    rig.after(1);
    assert_eq!(rig.model.members(&presence("room")).len(), 0);
    rig.cut(keeper);
    rig.assert_empty();
}

#[test]
fn members_can_be_asked_for_without_watching() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    enter(&mut rig, bob, json!(1));
    let reply = rig.ask(ada, json!({"presence.get": {"channel": "room"}}));
    assert_eq!((&reply["ok"]["count"], &reply["ok"]["members"][0]["client_id"]), (&json!(1), &json!("bob")));
    rig.ask(bob, json!({"unsubscribe": {"channel": "room"}}));
    assert_eq!(rig.ask(ada, json!({"presence.get": {"channel": "room"}}))["ok"]["count"], 0, "unsubscribing leaves");
    rig.assert_empty();
}

#[test]
fn entering_needs_a_client_id_and_data_that_fit() {
    let mut rig = Rig::new();
    let token = rig.token(|_| ());
    let nobody = rig.open(native_open());
    rig.ask(nobody, json!({"connect": {"token": token}}));
    assert_eq!(rig.ask(nobody, json!({"presence.enter": {"channel": "room"}}))["error"]["name"], "no_client_id");
    let ada = rig.native("ada");
    let reply = rig.ask(ada, json!({"presence.enter": {"channel": "room", "data": "x".repeat(1_100)}}));
    assert_eq!((&reply["error"]["name"], &reply["error"]["limit"]), (&json!("presence_data_too_large"), &json!(1_024)));
    rig.assert_empty();
}

#[test]
fn without_data_the_tokens_info_is_shown() {
    let mut rig = Rig::new();
    let token = rig.token(|claims| {
        claims.sub = Some("ada".into());
        claims.info = serde_json::value::RawValue::from_string(r#"{"name":"Ada"}"#.into()).ok();
    });
    let ada = rig.open(native_open());
    rig.ask(ada, json!({"connect": {"token": token}}));
    let entered = rig.ask(ada, json!({"presence.enter": {"channel": "room"}}));
    assert_eq!(entered["ok"]["data"], json!({"name": "Ada"}), "the client cannot know it otherwise");
    let reply = rig.ask(ada, json!({"presence.get": {"channel": "room"}}));
    assert_eq!(reply["ok"]["members"][0]["data"], json!({"name": "Ada"}));
    rig.assert_empty();
}

#[test]
fn an_enter_that_the_broker_did_not_take_is_told_and_leaves_no_ghost() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.model.away = true;
    let reply = rig.ask(ada, json!({"presence.enter": {"channel": "room"}}));
    assert_eq!(reply["error"]["name"], "unavailable");
    rig.model.away = false;
    rig.after(5_000);
    assert!(rig.model.members(&presence("room")).is_empty());
    assert_eq!(rig.hub.counts().members, 0);
    enter(&mut rig, ada, json!(1));
    assert_eq!(rig.model.members(&presence("room")).len(), 1);
    rig.assert_empty();
}

#[test]
fn presence_can_be_added_to_a_held_channel_and_taken_away() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    rig.native_subscribe(ada, "room");
    enter(&mut rig, bob, json!(1));
    assert_eq!(watch(&mut rig, ada)["count"], 1);
    rig.ask(bob, json!({"presence.leave": {"channel": "room"}}));
    rig.after(250);
    assert_eq!(changes(&mut rig, ada).len(), 1);
    rig.native_subscribe(ada, "room");
    enter(&mut rig, bob, json!(1));
    rig.after(1_000);
    rig.nothing(ada);
    rig.assert_empty();
}

#[test]
fn a_repeated_subscribe_while_the_view_is_loaded_anew_is_answered() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    watch(&mut rig, ada);
    let bob = rig.native("bob");
    enter(&mut rig, bob, json!(1));
    rig.after(250);
    rig.got(ada);
    rig.hold_views = true;
    rig.model.flush();
    rig.broker(peal_hub::BrokerEvent::Interrupted { topics: vec![presence("room")] });
    let id = rig.request(ada, json!({"subscribe": {"channel": "room", "presence": true}}));
    rig.nothing(ada);
    rig.release();
    rig.after(1_000);
    assert!(rig.reply(ada, id)["ok"]["presence"].is_object());
    rig.assert_empty();
}
