//! What is changed in the dashboard reaches a running edge within two seconds: pausing, revoking, rotating, deleting.

use std::time::{Duration, Instant};

use peal_core::{AppId, KeyId, OrgId};
use peal_store::{Actor, AppSettings, KeyRotated, Making, UserId};
use secrecy::SecretString;

use crate::support::{APP, CANARY, Socket, TestNode};

/// From the commit of a change to its effect (DESIGN section 6).
const WITHIN: Duration = Duration::from_secs(2);

pub(crate) struct Owner {
    pub(crate) org: OrgId,
    user: UserId,
    pub(crate) app: AppId,
    key: KeyId,
    pub(crate) actor: Actor,
}

pub(crate) async fn owner(node: &TestNode) -> Owner {
    let app = APP.id.parse().expect("digits");
    node.store.dev_account("ada@example.com", "no hash", app).await.expect("an account");
    let account = node.store.credentials_find("ada@example.com").await.expect("answers").expect("is there");
    let actor = Actor::system("a test");
    Owner { org: account.org.id, user: account.user.id, app, key: APP.key.parse().expect("a key id"), actor }
}

async fn pause(node: &TestNode, owner: &Owner, paused: bool) {
    let edit = |settings: &mut AppSettings, _: &_| {
        settings.paused = paused;
        Ok(())
    };
    node.store.app_update(owner.org, owner.app, &owner.actor, edit).await.expect("changes");
}

/// Closes with this code within two seconds from now, while the other app's connection stays.
async fn closes(socket: &mut Socket, code: u16, other: &mut Socket) {
    let begun = Instant::now();
    assert_eq!(socket.closed().await, Some(code));
    assert!(begun.elapsed() < WITHIN, "it took {:?}", begun.elapsed());
    other.alive().await;
}

#[tokio::test]
async fn a_paused_app_closes_refuses_and_comes_back() {
    let node = TestNode::start().await;
    let owner = owner(&node).await;
    let ((mut socket, _), (mut other, _)) = (node.pusher(&APP).await, node.pusher(&CANARY).await);
    pause(&node, &owner, true).await;
    closes(&mut socket, 4003, &mut other).await;
    node.trigger(&APP, "hello", "event", "data").await.refused(403, "app_paused");
    let mut refused = node.websocket(&format!("/app/{}?protocol=7", APP.key)).await;
    assert_eq!(refused.closed().await, Some(4003));
    pause(&node, &owner, false).await;
    node.edge.refresh_directory().await;
    assert_eq!(node.trigger(&APP, "hello", "event", "data").await.status, 200);
    node.pusher(&APP).await;
    node.stop().await;
}

#[tokio::test]
async fn a_revoked_key_closes_what_it_opened_and_signs_nothing() {
    let node = TestNode::start().await;
    let owner = owner(&node).await;
    let ((mut socket, _), (mut other, _)) = (node.pusher(&APP).await, node.pusher(&CANARY).await);
    node.store.key_revoke(owner.org, owner.app, &owner.key, &owner.actor).await.expect("revokes");
    closes(&mut socket, 4009, &mut other).await;
    node.trigger(&APP, "hello", "event", "data").await.refused(401, "unknown_key");
    node.stop().await;
}

#[tokio::test]
async fn a_rotated_key_serves_until_its_overlap_ends_and_not_longer() {
    let node = TestNode::start().await;
    let owner = owner(&node).await;
    let ((mut socket, _), (mut native, mut other)) =
        (node.pusher(&APP).await, (node.native(&APP, "ada").await, node.pusher(&CANARY).await.0));
    let making = Making { by: owner.user, actor: &owner.actor, once: None };
    let answer = |_: KeyRotated| SecretString::default();
    let overlap = Duration::from_secs(1);
    let rotated = node.store.key_rotate(owner.org, owner.app, &owner.key, overlap, making, answer).await;
    let begun = Instant::now();
    rotated.expect("rotates");
    node.edge.refresh_directory().await;
    assert_eq!(node.trigger(&APP, "hello", "event", "data").await.status, 200, "within the overlap");
    socket.alive().await;
    assert_eq!((socket.closed().await, native.closed().await), (Some(4009), Some(4008)));
    let took = begun.elapsed();
    assert!(took > overlap - Duration::from_millis(100) && took < overlap + WITHIN, "{took:?}");
    node.trigger(&APP, "hello", "event", "data").await.refused(401, "unknown_key");
    other.alive().await;
    node.stop().await;
}

#[tokio::test]
async fn a_deleted_app_closes_and_is_unknown() {
    let node = TestNode::start().await;
    let owner = owner(&node).await;
    let ((mut socket, _), (mut other, _)) = (node.pusher(&APP).await, node.pusher(&CANARY).await);
    node.store.app_delete(owner.org, owner.app, &owner.actor).await.expect("deletes");
    closes(&mut socket, 4001, &mut other).await;
    node.trigger(&APP, "hello", "event", "data").await.refused(401, "unknown_key");
    node.stop().await;
}
