//! A quota that other nodes have used up stops publishes on this one, with the answer to its usage and without a question on the way of a
//! message.

use std::net::{IpAddr, Ipv4Addr};

use peal_core::usage::{Batch, Metric, Row, Usage};
use peal_store::{FlushAnswer, SessionOrigin, SignUp, SignedUp, Store};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{APP, App, TestNode, now_s, within};
use crate::usage::{config, used};

/// Somebody on the smallest plan, and their app as its clients know it.
async fn customer(store: &Store) -> (SignedUp, App) {
    let origin = SessionOrigin { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), user_agent: "a test".into() };
    let (email, plan) = ("ada@example.com".into(), Some("free".into()));
    let sign_up = SignUp { email, password_hash: "no hash".into(), origin, request_id: "req-1".into(), plan };
    let made = store.sign_up(&sign_up).await.expect("signs up");
    let actor = peal_store::Actor::system("a test");
    let key = store.key_reveal(made.org.id, made.app.id, &made.key.id, &actor).await.expect("reveals");
    let text = |text: String| -> &'static str { text.leak() };
    let app = App { id: text(made.app.id.to_string()), key: text(key.id.to_string()), secret: text(key.secret.expose_secret().to_owned()) };
    (made, app)
}

/// Half as much again as the plan includes, reported by another node.
async fn use_up(store: &Store, owner: &SignedUp) {
    let source = Uuid::now_v7();
    store.usage_source_touch(source, "another node", 0).await.expect("a source");
    let row = Row { app: owner.app.id, minute: now_s() / 60, metric: Metric::MessagesOut, value: 15_000_000 };
    let batch = Batch { source, seq: 1, covers_to_ms: 0, usage: Usage { rows: vec![row], ..Usage::default() } };
    assert_eq!(store.usage_flush(&batch).await.expect("applies"), FlushAnswer::Applied);
}

fn ok(reply: Value) {
    assert!(reply["ok"].is_object(), "{reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_others_have_used_up_stops_publishes_here() {
    let node = TestNode::start_with(config()).await;
    let (owner, app) = customer(&node.store).await;
    node.edge.refresh_directory().await;
    let mut ada = node.native(&app, "ada").await;
    ok(ada.request(json!({"id": 1, "subscribe": {"channel": "room"}})).await);
    assert_eq!(node.trigger(&app, "room", "said", "1").await.status, 200);
    use_up(&node.store, &owner).await;

    // The next publish is let through and its usage is answered.
    let refused = within(async {
        loop {
            let answer = node.trigger(&app, "room", "said", "2").await;
            if answer.status != 200 {
                break answer;
            }
        }
    })
    .await;
    refused.refused(429, "quota_exceeded");
    let problem = refused.json();
    assert_eq!(problem["limit"], 10_000_000, "{problem}");
    assert!(problem["current"].as_u64() > Some(15_000_000) && problem["retry_after"].as_u64() > Some(0), "{problem}");
    assert!(problem["help_url"].as_str().is_some_and(|url| url.ends_with("#quota_exceeded")), "{problem}");
    let reply = ada.request(json!({"id": 2, "publish": {"channel": "room", "event": "said", "data": 1}})).await;
    assert_eq!(reply["error"]["name"], "quota_exceeded", "{reply}");
    assert_eq!(node.trigger(&APP, "room", "said", "x").await.status, 200, "others and seeded apps go on");
    let mut bob = node.native(&app, "bob").await;
    ok(bob.request(json!({"id": 1, "subscribe": {"channel": "room"}})).await);

    let (store, _database) = node.stop_and_keep().await;
    let used = used(&store, &app).await;
    assert!(used[&Metric::RejectedQuota] >= 2, "{used:?}");
    assert_eq!(used.get(&Metric::RejectedRate), None);
}
