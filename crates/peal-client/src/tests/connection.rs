//! What becomes of requests and of the connection when the server answers, refuses, closes, or says nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use peal_core::ErrorCode;
use serde_json::json;
use tokio::time::Instant;

use super::script::*;
use crate::{Client, ClientError, ConnectOptions, Credentials, PublishOptions, State};

async fn wait_for(client: &Client, wanted: impl Fn(&State) -> bool) -> State {
    client.watch_state().wait_for(|state| wanted(state)).await.expect("the connection lives").clone()
}

fn is_connected(state: &State) -> bool {
    matches!(state, State::Connected { .. })
}

#[tokio::test(start_paused = true)]
async fn connecting_names_key_client_and_version() {
    let (dial, mut script) = script();
    let connect = Client::connect_over(ConnectOptions::with_key("http://test", "k1"), dial);
    let serve = async {
        let mut peer = script.accept().await;
        let (id, body) = peer.expect("connect").await;
        assert_eq!((&body["key"], &body["version"], body.get("token")), (&json!("k1"), &json!(1), None));
        assert!(body["client"].as_str().is_some_and(|name| name.starts_with("peal-rust/")));
        peer.ok(id, json!({"connection": "c1", "ping": 25_000})).await;
        peer
    };
    let (client, _peer) = tokio::join!(connect, serve);
    let client = client.expect("connected");
    assert_eq!(client.state(), State::Connected { connection: "c1".into(), client_id: None });
    assert_eq!(client.connection_id().as_deref(), Some("c1"));
}

#[tokio::test(start_paused = true)]
async fn a_publish_carries_an_id_and_answers_the_position() {
    let (client, _script, mut peer) = connected().await;
    let data = json!({"text": "hi"});
    let serve = async {
        let (id, body) = peer.expect("publish").await;
        assert_eq!((&body["channel"], &body["event"], &body["data"]), (&json!("room"), &json!("said"), &data));
        assert_eq!(body["id"].as_str().map(str::len), Some(36));
        peer.ok(id, json!({"id": body["id"], "position": "7-1"})).await;
    };
    let (published, ()) = tokio::join!(client.publish("room", "said", &data), serve);
    assert_eq!(published.expect("accepted").position, Some("7-1".parse().expect("a position")));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_typed() {
    let (client, _script, mut peer) = connected().await;
    let serve = async {
        let (id, _) = peer.expect("history").await;
        peer.refuse(id, refusal(ErrorCode::NotAuthorised)).await;
    };
    let (page, ()) = tokio::join!(client.history("room", crate::HistoryOptions::default()), serve);
    let error = page.expect_err("refused");
    assert_eq!((code_of(&error), error.retryable()), (ErrorCode::NotAuthorised, false));
}

#[tokio::test(start_paused = true)]
async fn a_refused_connect_is_the_answer_of_connect() {
    let (dial, mut script) = script();
    let serve = async {
        let mut peer = script.accept().await;
        let (id, _) = peer.expect("connect").await;
        peer.refuse(id, refusal(ErrorCode::UnknownKey)).await;
        peer.close(4001).await;
    };
    let (client, ()) = tokio::join!(Client::connect_over(ConnectOptions::with_key("http://test", "k1"), dial), serve);
    assert_eq!(code_of(&client.expect_err("refused")), ErrorCode::UnknownKey);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_server_fails_the_first_attempt() {
    let (dial, script) = script();
    drop(script);
    let error = Client::connect_over(ConnectOptions::with_key("http://test", "k1"), dial).await.expect_err("nobody is there");
    assert!(matches!(error, ClientError::Unreachable(_)) && error.retryable());
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered() {
    let (client, _script, mut peer) = connected().await;
    peer.ping().await;
    assert!(is_connected(&client.state()));
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_repeats_publishes_and_fails_the_rest() {
    let (client, mut script, mut peer) = connected().await;
    let publisher = client.clone();
    let publish = tokio::spawn(async move { publisher.publish("room", "said", &1).await });
    let (_, first) = peer.expect("publish").await;
    let asker = client.clone();
    let ask = tokio::spawn(async move { asker.ping().await });
    peer.expect("ping").await;
    drop(peer);
    assert_eq!(ask.await.expect("no panic"), Err(ClientError::ConnectionLost));
    let mut peer = script.accept_connected().await;
    let (id, second) = peer.expect("publish").await;
    assert_eq!(first, second, "the same message id");
    peer.ok(id, json!({"id": "x", "position": "7-1"})).await;
    assert!(publish.await.expect("no panic").is_ok());
}

#[tokio::test(start_paused = true)]
async fn requests_wait_for_a_connection_in_order_and_in_number() {
    let options = ConnectOptions { queue_max: 2, ..ConnectOptions::with_key("http://test", "k1") };
    let (client, mut script, peer) = connected_with(options).await;
    drop(peer);
    wait_for(&client, |state| matches!(state, State::Waiting { .. })).await;
    let ask = |event: &'static str| {
        let client = client.clone();
        async move { client.publish("room", event, &1).await }
    };
    let serve = async {
        let mut peer = script.accept_connected().await;
        for event in ["a", "b"] {
            let (id, body) = peer.expect("publish").await;
            assert_eq!(body["event"], event);
            peer.ok(id, json!({"id": "x"})).await;
        }
    };
    let (a, b, c, ()) = tokio::join!(ask("a"), ask("b"), ask("c"), serve);
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(c, Err(ClientError::QueueFull { max: 2 }));
}

#[tokio::test(start_paused = true)]
async fn a_publish_is_not_repeated_after_the_server_has_forgotten_its_id() {
    let (client, mut script, mut peer) = connected().await;
    let publish = tokio::spawn({
        let client = client.clone();
        async move { client.publish_with("room", "said", &1, PublishOptions { id: Some("x".into()), ..PublishOptions::default() }).await }
    });
    peer.expect("publish").await;
    peer.send(json!({"goaway": {"retry_in": 111_000}})).await;
    peer.close(4200).await;
    let mut peer = script.accept_connected().await;
    assert_eq!(publish.await.expect("no panic"), Err(ClientError::Unconfirmed));
    drop(client);
    assert_eq!(peer.expect_end().await, Some(1000));
}

#[tokio::test(start_paused = true)]
async fn stop_codes_stop_for_good() {
    let (client, mut script, mut peer) = connected().await;
    peer.send(json!({"error": refusal(ErrorCode::AppPaused)})).await;
    peer.close(4003).await;
    let State::Failed(error) = wait_for(&client, |state| matches!(state, State::Failed(_))).await else { unreachable!() };
    assert_eq!(code_of(&error), ErrorCode::AppPaused, "the reason was pushed before the close");
    assert_eq!(client.ping().await, Err(error));
    let nobody = tokio::time::timeout(Duration::from_secs(3_600), script.accept()).await;
    assert!(nobody.is_err(), "no attempt within an hour");
}

#[tokio::test(start_paused = true)]
async fn codes_of_the_4200s_reconnect_at_once_but_not_in_a_loop() {
    let (_client, mut script, peer) = connected().await;
    let began = Instant::now();
    peer.close(4200).await;
    let mut peer = script.accept_connected().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    for _ in 0..5 {
        peer.close(4200).await;
        peer = script.accept_connected().await;
    }
    assert!(began.elapsed() > Duration::ZERO, "five more without a stable connection back off");
}

#[tokio::test(start_paused = true)]
async fn goaway_says_when_to_come_back() {
    let (_client, mut script, mut peer) = connected().await;
    let began = Instant::now();
    peer.send(json!({"goaway": {"retry_in": 1_200}})).await;
    let _peer = script.accept_connected().await;
    assert_eq!(began.elapsed(), Duration::from_millis(1_200));
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_lost_connection() {
    let (client, mut script, mut peer) = connected().await;
    let began = Instant::now();
    let end = tokio::spawn(async move { peer.expect_end().await });
    let state = wait_for(&client, |state| matches!(state, State::Waiting { .. })).await;
    assert!(matches!(state, State::Waiting { error: ClientError::Silence, .. }));
    assert_eq!(began.elapsed(), Duration::from_secs(35), "ping and ten seconds");
    assert_eq!(end.await.expect("no panic"), None);
    script.accept_connected().await;
}

/// Answers `t1`, `t2`, … and counts.
fn token_source(asked: &Arc<AtomicU32>) -> Credentials {
    let asked = Arc::clone(asked);
    ConnectOptions::with_token_source("http://test", move || {
        let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
        async move { Ok(format!("t{number}")) }
    })
    .credentials
}

#[tokio::test(start_paused = true)]
async fn codes_of_the_4400s_ask_for_a_fresh_token() {
    let asked = Arc::new(AtomicU32::new(0));
    let (_client, mut script, peer) = connected_with(ConnectOptions::new("http://test", token_source(&asked))).await;
    peer.close(4200).await;
    let mut peer = script.accept().await;
    assert_eq!(peer.expect("connect").await.1["token"], "t1", "still good");
    peer.close(4401).await;
    let mut peer = script.accept().await;
    assert_eq!(peer.expect("connect").await.1["token"], "t2");
}

#[tokio::test(start_paused = true)]
async fn a_single_token_that_has_expired_fails_the_client() {
    let (client, _script, peer) = connected_with(ConnectOptions::with_token("http://test", "t1")).await;
    peer.close(4401).await;
    let state = wait_for(&client, |state| matches!(state, State::Failed(_))).await;
    assert_eq!(state, State::Failed(ClientError::ClosedByServer { code: 4401, reason: "because".into() }));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_expires() {
    let asked = Arc::new(AtomicU32::new(0));
    let (_client, mut script, mut peer) = connected_with(ConnectOptions::new("http://test", token_source(&asked))).await;
    peer.send(json!({"expiring": {"expires": 1_790_000_030_000_u64}})).await;
    let (id, body) = peer.expect("refresh").await;
    assert_eq!(body["token"], "t2");
    peer.ok(id, json!({"expires": 1_790_000_330_000_u64})).await;
    peer.close(4200).await;
    assert_eq!(script.accept().await.expect("connect").await.1["token"], "t2", "reconnects with the renewed one");
}

#[tokio::test(start_paused = true)]
async fn closing_shakes_hands_and_refuses_what_comes_later() {
    let (client, _script, mut peer) = connected().await;
    let (code, ()) = tokio::join!(peer.expect_end(), client.close());
    assert_eq!((code, client.state()), (Some(1000), State::Closed));
    assert_eq!(client.ping().await, Err(ClientError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_speaks_nonsense_is_left() {
    let (client, mut script, mut peer) = connected().await;
    peer.send_text("{\"message\":7}".into()).await;
    let state = wait_for(&client, |state| matches!(state, State::Waiting { .. })).await;
    assert!(matches!(state, State::Waiting { error: ClientError::UnexpectedAnswer(_), .. }));
    let mut peer = script.accept_connected().await;
    peer.send(json!({"news": {"of": "a later release"}})).await;
    peer.ping().await;
    assert!(is_connected(&client.state()), "an unknown push is ignored");
}

#[test]
fn no_token_is_ever_printed() {
    let options = format!("{:?}", ConnectOptions::with_token("http://test", "eyJsecret"));
    assert!(!options.contains("eyJsecret"), "{options}");
}
