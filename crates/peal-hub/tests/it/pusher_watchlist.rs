//! Who is online, told to signed-in users who watch them where the app wants it.

use peal_core::usage::Metric;
use peal_core::{App, ChannelName, Topic};
use peal_hub::Handle;
use serde_json::{Value, json};

use crate::cores::Cores;
use crate::rig::*;

fn watching() -> App {
    let mut app = app();
    app.features.watchlist = true;
    app
}

fn sign_in(rig: &mut Rig, user: &str, watchlist: &[&str]) -> Handle {
    let handle = rig.pusher();
    rig.sign_in(handle, &json!({"id": user, "watchlist": watchlist}).to_string());
    assert_eq!(rig.next_event(handle), "pusher:signin_success");
    handle
}

/// What a client was told of others, and nothing else: `+` online, `-` offline.
fn told(rig: &mut Rig, handle: Handle) -> Vec<String> {
    let mut told = Vec::new();
    for frame in rig.jsons(handle) {
        assert_eq!(frame["event"], "pusher_internal:watchlist_events", "{frame}");
        let data: Value = serde_json::from_str(frame["data"].as_str().expect("a string")).expect("JSON");
        let events = data["events"].as_array().expect("a list").iter().map(|event| {
            let sign = if event["name"] == "online" { "+" } else { "-" };
            event["user_ids"].as_array().expect("ids").iter().fold(sign.to_owned(), |text, id| text + id.as_str().expect("text"))
        });
        told.push(events.collect::<Vec<_>>().join(" "));
    }
    told
}

#[test]
fn first_the_present_lists_and_then_every_change() {
    let mut rig = Rig::with(Default::default(), watching());
    let bob = sign_in(&mut rig, "bob", &[]);
    rig.nothing(bob);
    let ada = sign_in(&mut rig, "ada", &["bob", "eve", "bob", "not a name"]);
    assert_eq!(told(&mut rig, ada), ["+bob -evenot a name"]);
    let eves = [sign_in(&mut rig, "eve", &["ada"]), sign_in(&mut rig, "eve", &[])];
    assert_eq!(told(&mut rig, eves[0]), ["+ada"]);
    rig.cut(eves[0]);
    assert_eq!(told(&mut rig, ada), ["+eve"], "once, whatever the number of connections");
    rig.cut(eves[1]);
    rig.cut(bob);
    assert_eq!(told(&mut rig, ada), ["-eve", "-bob"]);
    rig.assert_empty();
}

#[test]
fn of_more_than_a_hundred_the_first_are_watched_and_the_client_is_told() {
    let mut rig = Rig::with(Default::default(), watching());
    let names: Vec<String> = (0..101).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ada = sign_in(&mut rig, "ada", &names);
    assert_eq!(rig.next(ada)["data"]["code"], 4302);
    assert_eq!(told(&mut rig, ada).len(), 1, "one frame for all of them");
    for (user, expected) in [("u99", &["+u99"][..]), ("u100", &[])] {
        sign_in(&mut rig, user, &[]);
        assert_eq!(told(&mut rig, ada), expected);
    }
    rig.assert_empty();
}

#[test]
fn where_the_switch_is_off_nobody_is_watched_and_nobody_is_a_member() {
    let mut rig = Rig::new();
    let before = rig.hub.counts();
    let ada = sign_in(&mut rig, "ada", &["bob"]);
    sign_in(&mut rig, "bob", &[]);
    rig.nothing(ada);
    let counts = rig.hub.counts();
    assert_eq!((counts.members, counts.topics - before.topics), (0, 1), "but for the control topic");
    rig.assert_empty();
}

#[test]
fn the_switch_makes_those_online_who_are_signed_in() {
    let mut rig = Rig::new();
    let bob = sign_in(&mut rig, "bob", &[]);
    rig.change(watching());
    let ada = sign_in(&mut rig, "ada", &["bob"]);
    assert_eq!(told(&mut rig, ada), ["+bob"]);
    rig.change(app());
    rig.cut(bob);
    rig.nothing(ada);
    assert_eq!(rig.hub.counts().members, 0);
    rig.assert_empty();
}

#[test]
fn a_later_sign_in_replaces_the_list() {
    let mut rig = Rig::with(Default::default(), watching());
    let ada = sign_in(&mut rig, "ada", &["bob", "eve"]);
    rig.got(ada);
    rig.sign_in(ada, r#"{"id":"ada","watchlist":["eve","zoe"]}"#);
    assert_eq!(rig.next_event(ada), "pusher:signin_success");
    assert_eq!(told(&mut rig, ada), ["-evezoe"]);
    for user in ["bob", "eve", "zoe"] {
        sign_in(&mut rig, user, &[]);
    }
    assert_eq!(told(&mut rig, ada), ["+eve", "+zoe"]);
    rig.sign_in(ada, r#"{"id":"ada"}"#);
    rig.got(ada);
    sign_in(&mut rig, "bob", &[]);
    rig.nothing(ada);
    rig.assert_empty();
}

#[test]
fn leaving_the_channel_of_a_user_takes_nobody_offline() {
    let mut rig = Rig::with(Default::default(), watching());
    let ada = sign_in(&mut rig, "ada", &["bob"]);
    let bob = sign_in(&mut rig, "bob", &[]);
    rig.send(bob, json!({"event": "pusher:subscribe", "data": {"channel": "#server-to-user-bob"}}));
    rig.send(bob, json!({"event": "pusher:unsubscribe", "data": {"channel": "#server-to-user-bob"}}));
    assert_eq!(told(&mut rig, ada), ["-bob", "+bob"]);
    rig.assert_empty();
}

#[test]
fn while_the_broker_is_away_sign_ins_succeed_and_the_lists_come_afterwards() {
    let mut rig = Rig::with(Default::default(), watching());
    rig.model.away = true;
    let ada = sign_in(&mut rig, "ada", &["bob", "eve"]);
    let bob = sign_in(&mut rig, "bob", &[]);
    rig.after(3_000);
    rig.nothing(ada);
    rig.model.away = false;
    rig.after(10_000);
    assert_eq!(told(&mut rig, ada).concat().replace("-bob", "").matches("+bob").count(), 1);
    rig.cut(bob);
    assert_eq!(told(&mut rig, ada), ["-bob"]);
    rig.assert_empty();
}

#[test]
fn being_online_and_watching_count_nothing() {
    let mut rig = Rig::with(Default::default(), watching());
    let ada = sign_in(&mut rig, "ada", &["bob"]);
    let bob = sign_in(&mut rig, "bob", &["ada"]);
    rig.cut(bob);
    assert_eq!(told(&mut rig, ada), ["-bob", "+bob", "-bob"]);
    for counts in rig.hub.usage(rig.now).minutes {
        for (metric, value) in counts.values() {
            let of_connections = matches!(metric, Metric::ConnectionMs | Metric::ConnectionsOpened);
            assert!(of_connections || value == 0, "{metric:?} {value}");
        }
    }
    rig.assert_empty();
}

#[test]
fn a_user_is_online_on_every_core_and_offline_when_the_node_is_dead() {
    let mut cores = Cores::new(2, &watching());
    // So that both cores are attached.
    let _strangers = [cores.pusher(0), cores.pusher(1)];
    let ada = sign_in(&mut cores.rigs[0], "ada", &["bob"]);
    cores.settle();
    let bob = sign_in(&mut cores.rigs[1], "bob", &["ada"]);
    cores.settle();
    assert_eq!(told(&mut cores.rigs[1], bob), ["+ada"]);
    let second = sign_in(&mut cores.rigs[0], "bob", &[]);
    cores.settle();
    cores.cut(0, second);
    assert_eq!(told(&mut cores.rigs[0], ada), ["-bob", "+bob"]);
    cores.kill(1);
    assert_eq!(told(&mut cores.rigs[0], ada), ["-bob"]);
    let online = Topic::presence(app_id(), ChannelName::online("bob").expect("a name"));
    assert!(cores.model.members(&online).is_empty());
    cores.assert_empty();
}
