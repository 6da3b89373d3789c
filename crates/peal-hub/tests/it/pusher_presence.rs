//! Presence on the Pusher protocol: by user, at once, and never about oneself.

use serde_json::{Value, json};

use crate::rig::*;

fn data(frame: &Value) -> Value {
    serde_json::from_str(frame["data"].as_str().expect("a string")).expect("JSON in it")
}

/// Subscribes and answers the members that the joiner was told.
fn enter(rig: &mut Rig, handle: peal_hub::Handle, name: &str, user: &str) -> Value {
    rig.pusher_enter(handle, name, user);
    let frame = rig.next(handle);
    assert_eq!(frame["event"], "pusher_internal:subscription_succeeded", "{frame}");
    data(&frame)["presence"].clone()
}

#[test]
fn the_joiner_is_told_all_members_itself_included_and_the_others_of_it() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.pusher(), rig.pusher());
    let members = enter(&mut rig, ada, "presence-room", "ada");
    assert_eq!(members, json!({"ids": ["ada"], "hash": {"ada": {"name": "ada"}}, "count": 1}));
    let members = enter(&mut rig, bob, "presence-room", "bob");
    assert_eq!(members, json!({"ids": ["ada", "bob"], "hash": {"ada": {"name": "ada"}, "bob": {"name": "bob"}}, "count": 2}));
    let frame = rig.next(ada);
    assert_eq!(
        (&frame["event"], data(&frame)),
        (&json!("pusher_internal:member_added"), json!({"user_id": "bob", "user_info": {"name": "bob"}}))
    );
    rig.nothing(bob);
    rig.send(bob, json!({"event": "pusher:unsubscribe", "data": {"channel": "presence-room"}}));
    let frame = rig.next(ada);
    assert_eq!((&frame["event"], data(&frame)), (&json!("pusher_internal:member_removed"), json!({"user_id": "bob"})));
    rig.nothing(bob);
    rig.assert_empty();
}

#[test]
fn the_answer_waits_until_the_view_shows_the_joiner() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.pusher(), rig.pusher());
    enter(&mut rig, ada, "presence-room", "ada");
    rig.hold = true;
    rig.pusher_enter(bob, "presence-room", "bob");
    rig.nothing(bob);
    rig.release();
    let frame = rig.next(bob);
    assert_eq!(data(&frame)["presence"]["ids"], json!(["ada", "bob"]));
    rig.nothing(bob);
    rig.assert_empty();
}

#[test]
fn a_user_on_two_connections_is_one_member_until_the_last_is_gone() {
    let mut rig = Rig::new();
    let (ada, phone, laptop) = (rig.pusher(), rig.pusher(), rig.pusher());
    enter(&mut rig, ada, "presence-room", "ada");
    enter(&mut rig, phone, "presence-room", "bob");
    assert_eq!(rig.events(ada), ["pusher_internal:member_added"]);
    let members = enter(&mut rig, laptop, "presence-room", "bob");
    assert_eq!(members["count"], 2);
    rig.cut(phone);
    rig.nothing(ada);
    rig.nothing(laptop);
    rig.cut(laptop);
    assert_eq!(rig.events(ada), ["pusher_internal:member_removed"]);
    rig.assert_empty();
}

#[test]
fn members_of_other_nodes_are_seen_and_see() {
    let mut rig = Rig::new();
    let mut far = Rig::with(peal_hub::HubConfig { node: 2, ..Default::default() }, app());
    let (ada, bob) = (rig.pusher(), far.pusher());
    enter(&mut rig, ada, "presence-room", "ada");
    std::mem::swap(&mut rig.model, &mut far.model);
    far.hold = true;
    far.pusher_enter(bob, "presence-room", "bob");
    far.release();
    assert_eq!(data(&far.next(bob))["presence"]["ids"], json!(["ada", "bob"]));
}

#[test]
fn a_full_channel_refuses_new_users_but_not_another_connection_of_one_inside() {
    let mut app = app();
    app.limits.presence_members = 1;
    let mut rig = Rig::with(Default::default(), app);
    let (ada, again, bob) = (rig.pusher(), rig.pusher(), rig.pusher());
    enter(&mut rig, ada, "presence-room", "ada");
    enter(&mut rig, again, "presence-room", "ada");
    rig.pusher_enter(bob, "presence-room", "bob");
    let refused = rig.next(bob);
    assert_eq!((&refused["event"], &refused["data"]["status"]), (&json!("pusher:subscription_error"), &json!(429)));
    assert_eq!(rig.next(bob)["data"]["code"], 4100);
    assert_eq!(rig.hub.counts().subscriptions, 2);
    rig.nothing(ada);
    rig.assert_empty();
}

#[test]
fn member_data_must_name_a_user_and_fit() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    let long = format!(r#"{{"user_id":"ada","user_info":"{}"}}"#, "x".repeat(1_100));
    for (channel_data, status) in [(Some("{}"), 400), (Some("nonsense"), 400), (None, 400), (Some(long.as_str()), 413)] {
        let auth = rig.auth(ada, "presence-room", channel_data);
        rig.send(
            ada,
            json!({"event": "pusher:subscribe", "data": {"channel": "presence-room", "auth": auth, "channel_data": channel_data}}),
        );
        let frames = rig.jsons(ada);
        assert_eq!(frames[0]["data"]["status"], status, "{channel_data:?}");
    }
    rig.assert_empty();
}

#[test]
fn a_number_as_user_id_becomes_text() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    let channel_data = r#"{"user_id":10}"#;
    let auth = rig.auth(ada, "presence-room", Some(channel_data));
    rig.send(ada, json!({"event": "pusher:subscribe", "data": {"channel": "presence-room", "auth": auth, "channel_data": channel_data}}));
    assert_eq!(data(&rig.next(ada))["presence"], json!({"ids": ["10"], "hash": {"10": null}, "count": 1}));
    rig.assert_empty();
}

#[test]
fn what_the_lane_lost_is_told_as_changes() {
    let mut rig = Rig::new();
    let (ada, bob, eve) = (rig.pusher(), rig.pusher(), rig.pusher());
    for (client, user) in [(ada, "ada"), (bob, "bob"), (eve, "eve")] {
        enter(&mut rig, client, "presence-room", user);
    }
    rig.got(ada);
    rig.model.lose = 1;
    rig.cut(bob);
    rig.nothing(ada);
    // The broker said that it happened, so it must arrive: the head is checked.
    rig.after(500);
    assert_eq!(rig.events(ada), ["pusher_internal:member_removed"]);
    rig.assert_empty();
}

#[test]
fn members_that_the_broker_forgot_enter_again() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.pusher(), rig.pusher());
    enter(&mut rig, ada, "presence-room", "ada");
    enter(&mut rig, bob, "presence-room", "bob");
    let late = rig.pusher();
    rig.got(ada);
    rig.model.flush();
    rig.broker(peal_hub::BrokerEvent::Interrupted { topics: vec![] });
    rig.after(1_000);
    let users: Vec<_> = rig.model.members(&presence("presence-room")).iter().map(|member| member.user.to_string()).collect();
    assert_eq!(users.len(), 2, "{users:?}");
    rig.got(ada);
    let members = enter(&mut rig, late, "presence-room", "eve");
    assert_eq!(members["count"], 3);
    rig.assert_empty();
}

#[test]
fn while_the_broker_is_away_a_join_waits_and_a_leave_is_not_forgotten() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.pusher(), rig.pusher());
    enter(&mut rig, ada, "presence-room", "ada");
    rig.model.away = true;
    rig.pusher_enter(bob, "presence-room", "bob");
    rig.cut(ada);
    rig.after(2_000);
    rig.nothing(bob);
    rig.model.away = false;
    rig.after(10_000);
    assert_eq!(data(&rig.next(bob))["presence"]["ids"], json!(["bob"]));
    rig.assert_empty();
}
