//! Signing in on the Pusher protocol, and the channel of one user.

use serde_json::json;

use crate::rig::*;

#[test]
fn success_echoes_the_signed_string_and_another_user_is_refused() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    let user_data = r#"{ "id":"ada" , "user_info":{"name":"Ada"}}"#;
    rig.sign_in(ada, user_data);
    let frame = rig.next(ada);
    assert_eq!(frame["event"], "pusher:signin_success");
    let data: serde_json::Value = serde_json::from_str(frame["data"].as_str().expect("a string")).expect("JSON");
    assert_eq!(data, json!({"user_data": user_data}));
    rig.sign_in(ada, user_data);
    assert_eq!(rig.next_event(ada), "pusher:signin_success");
    rig.sign_in(ada, r#"{"id":"bob"}"#);
    assert_eq!(rig.next(ada)["data"]["code"], 4009);
    rig.send(ada, json!({"event": "pusher:signin", "data": {"auth": "key1:00", "user_data": user_data}}));
    assert_eq!(rig.next(ada)["data"]["code"], 4009);
    for bad in ["{}", r#"{"id":""}"#, "nonsense"] {
        rig.sign_in(ada, bad);
        assert_eq!(rig.next(ada)["data"]["code"], 4009, "{bad}");
    }
    rig.assert_empty();
}

#[test]
fn the_channel_of_a_user_is_for_connections_signed_in_as_that_user() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.pusher(), rig.pusher());
    rig.sign_in(ada, r#"{"id":"ada"}"#);
    rig.got(ada);
    for client in [ada, bob] {
        rig.send(client, json!({"event": "pusher:subscribe", "data": {"channel": "#server-to-user-ada"}}));
    }
    assert_eq!(rig.events(ada), ["pusher_internal:subscription_succeeded"]);
    assert_eq!(rig.events(bob), ["pusher:subscription_error", "pusher:error"]);
    rig.publish("#server-to-user-ada", "hello", "1");
    assert_eq!(rig.jsons(ada), [json!({"event": "hello", "channel": "#server-to-user-ada", "data": "1"})]);
    rig.nothing(bob);
    assert!(rig.hub.occupancy(app_id(), None, 10).is_empty());
    rig.assert_empty();
}

#[test]
fn presence_without_channel_data_shows_the_signed_in_user() {
    let mut rig = Rig::new();
    let ada = rig.pusher();
    rig.sign_in(ada, r#"{"id":"ada","user_info":{"name":"Ada"}}"#);
    rig.got(ada);
    rig.pusher_subscribe(ada, "presence-room");
    let frame = rig.next(ada);
    let data: serde_json::Value = serde_json::from_str(frame["data"].as_str().expect("a string")).expect("JSON");
    assert_eq!(data["presence"]["hash"], json!({"ada": {"name": "Ada"}}));
    rig.assert_empty();
}
