//! What an edge says about the use of keys: soon after the first, and at the end.

use std::time::Duration;

use peal_edge::EdgeConfig;
use peal_store::Store;

use crate::support::{APP, App, CANARY, PATIENCE, TestNode};

async fn last_used_ms(store: &Store, app: &App) -> Option<u64> {
    let id = app.id.parse().expect("digits");
    let org = store.directory_load(None).await.expect("loads").apps.iter().find(|found| found.id == id).expect("the app").org;
    let key = store.key_get(org, id, &app.key.parse().expect("a key id")).await.expect("the key");
    key.last_used_at.map(|at| (at.unix_timestamp_nanos() / 1_000_000) as u64)
}

#[tokio::test]
async fn a_published_message_and_an_open_connection_are_uses_of_their_keys() {
    let node = TestNode::start_with(EdgeConfig { usage_every: Duration::from_millis(20), ..EdgeConfig::default() }).await;
    assert_eq!(last_used_ms(&node.store, &APP).await, None);
    assert_eq!(node.trigger(&APP, "hello", "event", "data").await.status, 200);
    let seen = async {
        while last_used_ms(&node.store, &APP).await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("it is written");
    assert_eq!(last_used_ms(&node.store, &CANARY).await, None, "nobody used the other's");
    let (_socket, _) = node.pusher(&CANARY).await;
    let (store, _database) = node.stop_and_keep().await;
    assert!(last_used_ms(&store, &CANARY).await.is_some(), "what is left is written at the end");
}
