//! What a server or the dashboard asks of one node reaches connections of another within two seconds (DESIGN 5.3), and nobody else.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use peal_core::signature::{hmac_hex, pusher_user_text};
use peal_core::token::Claims;
use peal_core::{Capabilities, ConnectionId};
use peal_store::AppSettings;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::changes::owner;
use crate::fleet::Fleet;
use crate::support::{APP, CANARY, Response, Socket, TestNode, now_s};

const WITHIN: Duration = Duration::from_secs(2);

/// A request of the app's server.
async fn ask(node: &TestNode, path: &str, body: &Value) -> Response {
    let authorization = format!("Basic {}", STANDARD.encode(format!("{}:{}", APP.key, APP.secret().expose_secret())));
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    node.http("POST", path, &headers, body.to_string().as_bytes()).await
}

async fn asked(node: &TestNode, path: &str, body: Value) -> Instant {
    let begun = Instant::now();
    let answer = ask(node, path, &body).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    begun
}

async fn closes(socket: &mut Socket, code: u16, begun: Instant) {
    assert_eq!(socket.closed().await, Some(code));
    assert!(begun.elapsed() < WITHIN, "it took {:?}", begun.elapsed());
}

async fn lives(socket: &mut Socket) {
    assert!(socket.request(json!({"id": 90, "ping": {}})).await["ok"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_clients_and_users_are_disconnected_on_the_other_node() {
    let fleet = Fleet::start().await;
    let [one, two] = &fleet.nodes;
    let mut kept = two.native(&APP, "eve").await;
    let mut stranger = two.native(&CANARY, "ada").await;

    let (mut pusher, id) = two.pusher(&APP).await;
    let begun = asked(one, &format!("/v1/connections/{id}/disconnect"), json!({})).await;
    closes(&mut pusher, 4009, begun).await;

    let mut everywhere = [two.native(&APP, "ada").await, two.native(&APP, "ada").await, one.native(&APP, "ada").await];
    let begun = asked(one, "/v1/clients/ada/disconnect", json!({})).await;
    for socket in &mut everywhere {
        closes(socket, 4011, begun).await;
    }

    let (mut user, id) = two.pusher(&APP).await;
    sign_in(&mut user, id, "7").await;
    let begun = Instant::now();
    let answer = one.pusher_request(&APP, "POST", "/users/7/terminate_connections", &[], "{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    closes(&mut user, 4009, begun).await;

    lives(&mut kept).await;
    lives(&mut stranger).await;
    fleet.stop().await;
}

async fn sign_in(socket: &mut Socket, id: ConnectionId, user: &str) {
    let user_data = json!({"id": user}).to_string();
    let auth = format!("{}:{}", APP.key, hmac_hex(&APP.secret(), pusher_user_text(id, &user_data).as_bytes()));
    socket.send(&json!({"event": "pusher:signin", "data": {"auth": auth, "user_data": user_data}})).await;
    assert_eq!(socket.json().await["event"], "pusher:signin_success");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_subscription_ends_on_the_other_node_and_the_connection_stays() {
    let fleet = Fleet::start().await;
    let [one, two] = &fleet.nodes;
    let subscribed = async |client: &str, channel: &str| {
        let mut socket = two.native(&APP, client).await;
        assert!(socket.request(json!({"id": 2, "subscribe": {"channel": channel}})).await["ok"].is_object());
        socket
    };
    let (mut ada, mut bob) = (subscribed("ada", "room").await, subscribed("bob", "room").await);
    let begun = asked(one, "/v1/clients/ada/unsubscribe", json!({"channel": "room"})).await;
    let push = ada.json().await;
    assert_eq!(push["unsubscribed"]["channel"], "room", "{push}");
    assert!(begun.elapsed() < WITHIN, "it took {:?}", begun.elapsed());

    let (mut pusher, id) = two.pusher(&APP).await;
    pusher.subscribe("room").await;
    let begun = asked(one, &format!("/v1/connections/{}/unsubscribe", id.socket_id()), json!({"channel": "room"})).await;
    assert_eq!(pusher.json().await["event"], "pusher:subscription_error");
    assert!(begun.elapsed() < WITHIN, "it took {:?}", begun.elapsed());

    assert_eq!(one.trigger(&APP, "room", "n", "for bob").await.status, 200);
    assert_eq!(bob.json().await["message"]["data"], "for bob");
    lives(&mut ada).await;
    for body in [json!({}), json!({"channel": "room", "more": 1}), json!({"channel": "a room"})] {
        let refused = ask(one, "/v1/clients/ada/unsubscribe", &body).await;
        assert_eq!(refused.status, 400, "{body}: {refused:?}");
    }
    one.http("POST", "/v1/clients/bob/disconnect", &[], b"{}").await.refused(401, "credentials_missing");
    lives(&mut bob).await;
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_or_paused_at_one_node_is_closed_at_the_other() {
    let fleet = Fleet::start().await;
    let [one, two] = &fleet.nodes;
    let mut stranger = two.native(&CANARY, "ada").await;
    let connect = async |client: &str, id: &str| {
        let (sub, jti, cap) = (Some(client.into()), Some(id.into()), Some(Capabilities::all()));
        let claims = Claims { sub, jti, cap, exp: now_s() + 600, iat: Some(now_s()), ..Claims::default() };
        let mut socket = two.websocket("/v1/connect").await;
        let reply = socket.request(json!({"id": 1, "connect": {"token": APP.token(&claims), "version": 1}})).await;
        assert!(reply["ok"].is_object(), "{reply}");
        socket
    };
    let (mut by_client, mut by_token, mut paused) = (connect("ada", "1").await, connect("bob", "2").await, connect("eve", "3").await);
    let revocations = format!("/v1/apps/{}/revocations", APP.id);
    let begun = asked(one, &revocations, json!({"client_id": "ada"})).await;
    closes(&mut by_client, 4402, begun).await;
    let begun = asked(one, &revocations, json!({"token_id": "2"})).await;
    closes(&mut by_token, 4402, begun).await;
    lives(&mut paused).await;

    let owner = owner(one).await;
    let begun = Instant::now();
    let pause = |settings: &mut AppSettings, _: &_| {
        settings.paused = true;
        Ok(())
    };
    one.store.app_update(owner.org, owner.app, &owner.actor, pause).await.expect("changes");
    closes(&mut paused, 4003, begun).await;
    lives(&mut stranger).await;
    fleet.stop().await;
}
