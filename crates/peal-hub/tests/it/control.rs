//! Commands on an app's control topic reach the connections that they name.

use peal_core::{Draft, PublicationKind, Retention, Topic};
use peal_hub::BrokerEvent;
use peal_hub::control::{Command, Target};
use serde_json::json;

use crate::rig::*;

#[test]
fn nobody_is_told_that_it_is_connected_before_commands_for_its_app_are_heard() {
    let mut rig = Rig::new();
    rig.hold = true;
    let pusher = rig.open(pusher_open(KEY));
    let native = rig.open(native_open());
    let token = rig.token(|claims| claims.sub = Some("ada".into()));
    let connect = rig.request(native, json!({"connect": {"token": token, "version": 1}}));
    rig.nothing(pusher);
    rig.nothing(native);
    let gone = rig.open(native_open());
    let token = rig.token(|claims| claims.sub = Some("bob".into()));
    rig.request(gone, json!({"connect": {"token": token, "version": 1}}));
    rig.cut(gone);
    rig.release();
    assert_eq!(rig.next_event(pusher), "pusher:connection_established");
    assert_eq!(rig.reply(native, connect)["ok"]["client_id"], "ada");
    let later = rig.native("eve");
    rig.nothing(later);
    rig.assert_empty();
}

fn command(rig: &mut Rig, command: &Command) {
    let kind = PublicationKind::Control(command.encode().expect("prints"));
    let draft = Draft { kind, ..draft("", "") };
    let publish = peal_core::exchange::Publish {
        topic: Topic::control(app_id()),
        draft,
        retention: Retention::CONTROL,
        durability: peal_core::Durability::Fast,
    };
    let (_, delivery) = rig.model.publish(publish);
    rig.broker(BrokerEvent::Deliveries(delivery.into_iter().collect()));
}

fn disconnect(rig: &mut Rig, target: Target) {
    command(rig, &Command::Disconnect { target });
}

#[test]
fn connections_are_closed_by_id_client_and_token() {
    let mut rig = Rig::new();
    let (ada, ada_too, bob, eve) = (rig.native("ada"), rig.native("ada"), rig.native("bob"), rig.pusher());
    disconnect(&mut rig, Target::Client("ada".into()));
    assert_eq!([rig.closed_with(ada), rig.closed_with(ada_too)], [Some(4011), Some(4011)]);
    let id = rig.hub.connection_id(eve).expect("a connection");
    disconnect(&mut rig, Target::Connection(id));
    assert_eq!(rig.closed_with(eve), Some(4009));
    rig.nothing(bob);
    let token = rig.token(|claims| claims.jti = Some("t-1".into()));
    let dan = rig.open(native_open());
    rig.ask(dan, json!({"connect": {"token": token}}));
    disconnect(&mut rig, Target::Token("t-1".into()));
    assert_eq!(rig.closed_with(dan), Some(4011));
    disconnect(&mut rig, Target::Key(KEY.parse().expect("a key id")));
    assert_eq!(rig.closed_with(bob), Some(4011));
    rig.assert_empty();
}

#[test]
fn terminating_a_user_closes_who_signed_in_and_not_a_mere_presence_member() {
    let mut rig = Rig::new();
    let (ada, member) = (rig.pusher(), rig.pusher());
    let user_data = r#"{"id":"ada"}"#;
    let text = peal_core::signature::pusher_user_text(rig.hub.connection_id(ada).expect("a connection"), user_data);
    let auth = format!("{KEY}:{}", peal_core::signature::hmac_hex(&secrecy::SecretString::from(SECRET), text.as_bytes()));
    rig.send(ada, json!({"event": "pusher:signin", "data": {"auth": auth, "user_data": user_data}}));
    rig.pusher_enter(member, "presence-room", "ada");
    rig.got(member);
    disconnect(&mut rig, Target::User("ada".into()));
    assert_eq!(rig.closed_with(ada), Some(4009));
    rig.nothing(member);
    rig.assert_empty();
}

#[test]
fn a_subscription_can_be_ended_by_the_server() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.native_subscribe(ada, "room");
    let target = Target::Client("ada".into());
    command(&mut rig, &Command::Unsubscribe { target, channel: "room".into() });
    assert_eq!(rig.next(ada)["unsubscribed"]["channel"], "room");
    rig.publish("room", "said", "1");
    rig.nothing(ada);
    rig.assert_empty();
}

#[test]
fn a_command_that_was_lost_on_the_way_is_repaired_like_a_message() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    rig.model.lose = 1;
    disconnect(&mut rig, Target::Client("ada".into()));
    rig.nothing(ada);
    rig.broker(BrokerEvent::Interrupted { topics: vec![] });
    assert_eq!(rig.closed_with(ada), Some(4011));
    rig.assert_empty();
}

#[test]
fn a_command_of_another_release_is_passed_over() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    let draft = Draft { kind: PublicationKind::Control(bytes::Bytes::from_static(br#"{"v":9,"explode":{}}"#)), ..draft("", "") };
    let publish = peal_core::exchange::Publish {
        topic: Topic::control(app_id()),
        draft,
        retention: Retention::CONTROL,
        durability: peal_core::Durability::Fast,
    };
    let (_, delivery) = rig.model.publish(publish);
    rig.broker(BrokerEvent::Deliveries(delivery.into_iter().collect()));
    rig.nothing(ada);
    rig.assert_empty();
}
