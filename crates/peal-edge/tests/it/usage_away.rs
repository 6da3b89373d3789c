//! Postgres away: connections and publishes do not notice, and usage is exact afterwards, also when the node was replaced meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use peal_broker::MemoryBroker;
use peal_core::usage::Metric;
use peal_edge::EdgeConfig;
use peal_store::{Keyring, Store, StoreOptions};
use peal_testkit::postgres::TestDb;
use serde_json::json;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

use crate::support::{APP, TestNode, within};
use crate::usage::{config, used};

/// A way to Postgres that can be cut.
struct Cable {
    url: String,
    cut: watch::Sender<bool>,
    tried: Arc<AtomicBool>,
}

impl Cable {
    /// In front of the database's socket.
    async fn lay(database: &TestDb) -> Self {
        let options = database.options();
        let folder = options.get_socket().expect("test clusters listen on a socket").clone();
        let socket: PathBuf = folder.join(format!(".s.PGSQL.{}", options.get_port()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let url =
            format!("postgres://{}@127.0.0.1:{port}/{}?sslmode=disable", options.get_username(), options.get_database().expect("named"));
        let (cut, is_cut) = watch::channel(false);
        let tried = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&tried);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if *is_cut.borrow() {
                    seen.store(true, Ordering::Relaxed);
                    continue;
                }
                let (socket, mut is_cut) = (socket.clone(), is_cut.clone());
                tokio::spawn(async move {
                    let Ok(mut far) = UnixStream::connect(&socket).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = is_cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { url, cut, tried }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_does_not_notice_and_usage_is_exact_afterwards() {
    let database = TestDb::create().await;
    let cable = Cable::lay(&database).await;
    let spool = tempfile::tempdir().expect("a folder");
    let config = EdgeConfig { usage_spool: Some(spool.path().to_owned()), ..config() };
    let node = TestNode::start_on(config, database, &cable.url).await;
    let (mut subscriber, _) = node.pusher(&APP).await;
    subscriber.subscribe("room").await;
    let mut said = 0;
    let mut say = async |count: u64| {
        for _ in 0..count {
            assert_eq!(node.trigger(&APP, "room", "said", "x").await.status, 200);
            assert_eq!(subscriber.json().await["event"], "said");
            said += 1;
        }
    };
    say(20).await;
    cable.cut.send_replace(true);
    within(async {
        while !cable.tried.load(Ordering::Relaxed) {
            say(5).await;
        }
    })
    .await;
    say(50).await;
    cable.cut.send_replace(false);
    say(20).await;
    let (store, _database) = node.stop_and_keep().await;
    let used = used(&store, &APP).await;
    assert_eq!((used[&Metric::MessagesIn], used[&Metric::MessagesOut]), (said, said));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_could_not_send_its_successor_does() {
    let database = TestDb::create().await;
    let cable = Cable::lay(&database).await;
    let spool = tempfile::tempdir().expect("a folder");
    let config = EdgeConfig { usage_spool: Some(spool.path().to_owned()), usage_every: Duration::from_millis(50), ..config() };
    let node = TestNode::start_on(config.clone(), database, &cable.url).await;
    let mut ada = node.native(&APP, "ada").await;
    cable.cut.send_replace(true);
    for id in 2..12 {
        assert!(ada.request(json!({"id": id, "publish": {"channel": "room", "event": "e", "data": 1}})).await["ok"].is_object());
    }
    let (_, _database) = node.stop_and_keep().await;
    cable.cut.send_replace(false);
    let store = Store::connect(&cable.url, Keyring::ephemeral(), StoreOptions::default()).await.expect("the URL is valid");
    assert_eq!(used(&store, &APP).await.len(), 0);
    let broker = |inbox: Arc<peal_edge::MuxInbox>, clock: peal_edge::Clock| MemoryBroker::new(inbox, Arc::new(move || clock.now()), 1);
    let config = EdgeConfig { addrs: vec![([127, 0, 0, 1], 0).into()], ..config };
    let successor = peal_edge::start(config, store.clone(), broker).await.expect("starts");
    within(successor.shutdown()).await;
    let used = used(&store, &APP).await;
    assert_eq!((used[&Metric::MessagesIn], used[&Metric::ConnectionsOpened]), (10, 1));
}
