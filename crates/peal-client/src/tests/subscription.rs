//! Order, continuity and bounds of what a reader sees.

use peal_core::{ErrorCode, Position};
use serde_json::json;

use super::script::*;
use crate::{Client, ClientError, Discontinuity, Event, Message, Payload, Rewind, SubscribeOptions, Subscription};

fn at(text: &str) -> Position {
    text.parse().expect("a position")
}

async fn subscribed(client: &Client, peer: &mut Peer) -> Subscription {
    let serve = peer.subscribed(json!({"position": "7-0", "recovered": false, "replay": 0}));
    let (subscription, body) = tokio::join!(client.subscribe("room"), serve);
    assert_eq!(body, json!({"channel": "room"}));
    subscription.expect("subscribed")
}

async fn next_message(subscription: &mut Subscription) -> Message {
    match subscription.next().await {
        Some(Event::Message(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn options_reach_the_server_and_its_answer_the_caller() {
    let (client, _script, mut peer) = connected().await;
    let options = SubscribeOptions::new("room").rewind(Rewind::Seconds(30)).with_presence().with_token("t");
    let member = json!({"client_id": "bob", "connection": "c2", "data": {"name": "Bob"}});
    let serve = peer.subscribed(json!({"position": "7-1", "recovered": false, "replay": 2, "presence": {"members": [member], "count": 1}}));
    let (subscription, body) = tokio::join!(client.subscribe(options), serve);
    assert_eq!(body, json!({"channel": "room", "rewind": "30s", "presence": true, "token": "t"}));
    let began = subscription.expect("subscribed").began.clone();
    assert_eq!((began.position, began.recovered, began.replay, &*began.members[0].client_id), (at("7-1"), false, 2, "bob"));
}

#[tokio::test(start_paused = true)]
async fn every_form_of_data_is_read() {
    let (client, _script, mut peer) = connected().await;
    let mut room = subscribed(&client, &mut peer).await;
    let text =
        json!({"message": {"channel": "room", "position": "7-2", "id": "b", "ts": 1, "event": "e", "data": "{}", "encoding": "text"}});
    let binary = json!({"message": {"channel": "room", "id": "c", "ts": 1, "event": "e", "data": "AAEC", "encoding": "base64"}});
    let several = json!({"message": {"channel": "room", "position": "7-3", "id": "d", "ts": 1,
        "messages": [{"event": "x", "data": [1]}, {"event": "y", "data": null}]}});
    // One frame, as a batch of the server.
    peer.send_text(format!("{}\n{text}\n{binary}\n{several}\n", message("7-1", "a"))).await;
    let first = next_message(&mut room).await;
    assert_eq!((first.position, &*first.event, first.data.parse()), (Some(at("7-1")), "said", Ok("a".to_owned())));
    assert!(matches!(next_message(&mut room).await.data, Payload::Text(text) if &*text == "{}"));
    let binary = next_message(&mut room).await;
    assert_eq!((binary.position, binary.data.to_string().as_str()), (None, "AAEC"));
    let (x, y) = (next_message(&mut room).await, next_message(&mut room).await);
    assert_eq!((x.data.as_str(), y.data.as_str(), x.position, y.position), (Some("[1]"), Some("null"), Some(at("7-3")), Some(at("7-3"))));
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_resumes_after_the_last_message_and_drops_repeats() {
    let (client, mut script, mut peer) = connected().await;
    let mut room = subscribed(&client, &mut peer).await;
    peer.send(message("7-1", "a")).await;
    peer.send(message("7-2", "b")).await;
    assert_eq!([&*next_message(&mut room).await.id, &*next_message(&mut room).await.id], ["a", "b"]);
    peer.close(4200).await;
    let mut peer = script.accept_connected().await;
    let body = peer.subscribed(json!({"position": "7-2", "recovered": true, "replay": 2})).await;
    assert_eq!(body, json!({"channel": "room", "position": "7-2"}));
    peer.send(message("8-1", "b")).await;
    peer.send(message("8-2", "c")).await;
    assert_eq!(&*next_message(&mut room).await.id, "c", "the same id again is the same message");
    peer.close(4200).await;
    let body = script.accept_connected().await.subscribed(json!({"position": "8-2", "recovered": true, "replay": 0})).await;
    assert_eq!(body["position"], "8-2");
}

#[tokio::test(start_paused = true)]
async fn the_first_rewind_is_not_repeated_on_a_reconnect() {
    let (client, mut script, mut peer) = connected().await;
    let serve = peer.subscribed(json!({"position": "7-3", "recovered": false, "replay": 0}));
    let (room, body) = tokio::join!(client.subscribe(SubscribeOptions::new("room").rewind(Rewind::Count(5))), serve);
    assert_eq!(body["rewind"], 5);
    peer.close(4200).await;
    let body = script.accept_connected().await.subscribed(json!({"position": "7-3", "recovered": true, "replay": 0})).await;
    assert_eq!(body, json!({"channel": "room", "position": "7-3"}));
    drop(room);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_recovered_is_announced_before_what_is_kept() {
    let (client, mut script, mut peer) = connected().await;
    let mut room = subscribed(&client, &mut peer).await;
    peer.close(4200).await;
    let mut peer = script.accept_connected().await;
    peer.subscribed(json!({"position": "7-40", "recovered": false, "replay": 1, "reason": "retention"})).await;
    peer.send(message("7-41", "kept")).await;
    let Some(Event::Discontinuity(gap)) = room.next().await else { panic!("a gap comes first") };
    assert_eq!(gap, Discontinuity { reason: "retention".into(), from: Some(at("7-0")), to: Some(at("7-40")) });
    assert_eq!(&*next_message(&mut room).await.id, "kept");
    peer.send(json!({"discontinuity": {"channel": "room", "reason": "era", "from": "7-41", "to": "9-3"}})).await;
    assert!(matches!(room.next().await, Some(Event::Discontinuity(gap)) if gap.to == Some(at("9-3"))));
    peer.close(4200).await;
    let body = script.accept_connected().await.subscribed(json!({"position": "9-3", "recovered": true, "replay": 0})).await;
    assert_eq!(body["position"], "9-3", "goes on after the gap");
}

#[tokio::test(start_paused = true)]
async fn presence_changes_arrive_and_a_reconnect_replaces_the_list() {
    let (client, mut script, mut peer) = connected().await;
    let serve = peer.subscribed(json!({"position": "7-0", "recovered": false, "replay": 0, "presence": {"members": [], "count": 0}}));
    let (room, _) = tokio::join!(client.subscribe(SubscribeOptions::new("room").with_presence()), serve);
    let mut room = room.expect("subscribed");
    peer.send(json!({"presence": {"channel": "room", "enter": [{"client_id": "bob", "connection": "c2"}], "count": 1}})).await;
    let Some(Event::Presence(change)) = room.next().await else { panic!("a change") };
    assert_eq!((&*change.enter[0].client_id, change.count), ("bob", 1));
    peer.close(4200).await;
    let cyd = json!({"client_id": "cyd", "connection": "c3"});
    let mut peer = script.accept_connected().await;
    peer.subscribed(json!({"position": "7-0", "recovered": true, "replay": 0, "presence": {"members": [cyd], "count": 1}})).await;
    assert!(matches!(room.next().await, Some(Event::Members(members)) if &*members[0].client_id == "cyd"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_pauses_its_channel_and_misses_nothing() {
    let (client, _script, mut peer) = connected().await;
    let options = SubscribeOptions { inbox_max: 128, ..SubscribeOptions::new("room") };
    let serve = peer.subscribed(json!({"position": "7-0", "recovered": false, "replay": 0}));
    let (room, _) = tokio::join!(client.subscribe(options), serve);
    let mut room = room.expect("subscribed");
    for n in 1..=130 {
        peer.send(message(&format!("7-{n}"), &format!("m{n}"))).await;
    }
    let (id, _) = peer.expect("unsubscribe").await;
    peer.ok(id, json!({})).await;
    peer.ping().await;
    for n in 1..=128 {
        assert_eq!(&*next_message(&mut room).await.id, format!("m{n}"));
    }
    let body = peer.subscribed(json!({"position": "7-128", "recovered": true, "replay": 2})).await;
    assert_eq!(body["position"], "7-128", "from where the inbox was full");
    for n in 129..=130 {
        peer.send(message(&format!("7-{n}"), &format!("m{n}"))).await;
        assert_eq!(&*next_message(&mut room).await.id, format!("m{n}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_subscribe_fails_and_the_channel_is_free_again() {
    let (client, _script, mut peer) = connected().await;
    let serve = async {
        let (id, _) = peer.expect("subscribe").await;
        peer.refuse(id, refusal(ErrorCode::NotAuthorised)).await;
    };
    let (room, ()) = tokio::join!(client.subscribe("room"), serve);
    assert_eq!(code_of(&room.expect_err("refused")), ErrorCode::NotAuthorised);
    subscribed(&client, &mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn the_servers_end_of_a_subscription_is_its_last_event() {
    let (client, _script, mut peer) = connected().await;
    let mut room = subscribed(&client, &mut peer).await;
    peer.send(message("7-1", "a")).await;
    peer.send(json!({"unsubscribed": {"channel": "room", "error": refusal(ErrorCode::NotAuthorised)}})).await;
    assert_eq!(&*next_message(&mut room).await.id, "a");
    let Some(Event::Unsubscribed(error)) = room.next().await else { panic!("the end") };
    assert_eq!(code_of(&error), ErrorCode::NotAuthorised);
    assert!(room.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_end_that_may_pass_is_tried_again_from_the_position() {
    let (client, _script, mut peer) = connected().await;
    let mut room = subscribed(&client, &mut peer).await;
    peer.send(message("7-1", "a")).await;
    peer.send(json!({"unsubscribed": {"channel": "room", "error": refusal(ErrorCode::Overloaded)}})).await;
    assert_eq!(&*next_message(&mut room).await.id, "a");
    assert_eq!(peer.subscribed(json!({"position": "7-1", "recovered": true, "replay": 0})).await["position"], "7-1");
}

#[tokio::test(start_paused = true)]
async fn a_failed_client_ends_its_subscriptions_with_the_reason() {
    let (client, _script, mut peer) = connected().await;
    let mut room = subscribed(&client, &mut peer).await;
    peer.close(4003).await;
    assert!(matches!(room.next().await, Some(Event::Unsubscribed(ClientError::ClosedByServer { code: 4003, .. }))));
    assert!(room.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn dropping_unsubscribes_and_one_channel_has_one_reader() {
    let (client, _script, mut peer) = connected().await;
    let room = subscribed(&client, &mut peer).await;
    assert_eq!(client.subscribe("room").await.expect_err("held"), ClientError::AlreadySubscribed("room".into()));
    drop(room);
    let (id, body) = peer.expect("unsubscribe").await;
    assert_eq!(body, json!({"channel": "room"}));
    peer.ok(id, json!({})).await;
    subscribed(&client, &mut peer).await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_outlives_its_client_handle() {
    let (client, _script, mut peer) = connected().await;
    let mut room = subscribed(&client, &mut peer).await;
    drop(client);
    peer.send(message("7-1", "a")).await;
    assert_eq!(&*next_message(&mut room).await.id, "a");
    drop(room);
    peer.expect("unsubscribe").await;
    assert_eq!(peer.expect_end().await, Some(1000));
}
