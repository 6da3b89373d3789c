//! Nodes on one Redis, each behind a way to it and a way to itself that can be made bad.

use std::time::Duration;

use peal_broker::{RedisBroker, RedisOptions};
use peal_client::{Client, ConnectOptions};
use peal_edge::EdgeConfig;
use peal_testkit::postgres::TestDb;
use peal_testkit::proxy::FaultProxy;

use crate::support::{APP, TestNode, within};

pub(crate) struct Fleet {
    pub(crate) nodes: Vec<TestNode>,
    /// Between each node and Redis. `SUBSCRIBE` marks the connection on which it listens.
    pub(crate) ways: Vec<FaultProxy>,
    /// Between clients and each node.
    pub(crate) doors: Vec<FaultProxy>,
}

impl Fleet {
    /// On the Redis of this port.
    pub(crate) async fn start(count: usize, redis: u16) -> Self {
        let mut ways = Vec::new();
        for _ in 0..count {
            ways.push(FaultProxy::marking(redis, "SUBSCRIBE").await);
        }
        let urls = ways.iter().map(|way| format!("redis://{}", way.addr())).collect();
        Self { ways, ..Self::start_on(urls).await }
    }

    /// Each on its own URL, with nothing between.
    pub(crate) async fn start_on(urls: Vec<String>) -> Self {
        let database = TestDb::create().await;
        let store = TestNode::store(database.url()).await;
        let mut database = Some(database);
        let (mut nodes, mut doors) = (Vec::new(), Vec::new());
        for url in urls {
            let opening = RedisBroker::open(options(&url)).await.expect("opens");
            let config = EdgeConfig { node: opening.node(), ..EdgeConfig::default() };
            let node = TestNode::start_around(config, database.take(), store.clone(), |inbox, _| opening.broker(inbox)).await;
            doors.push(FaultProxy::to(node.addr.port()).await);
            nodes.push(node);
        }
        let fleet = Self { nodes, ways: Vec::new(), doors };
        for at in 0..fleet.nodes.len() {
            fleet.is_ready(at).await;
        }
        fleet
    }

    pub(crate) async fn is_ready(&self, at: usize) {
        self.readiness(at, true).await;
    }

    pub(crate) async fn is_unready(&self, at: usize) {
        self.readiness(at, false).await;
    }

    async fn readiness(&self, at: usize, ready: bool) {
        within(async {
            while self.nodes[at].edge.unready().is_empty() != ready {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    pub(crate) async fn client(&self, door: usize, name: &str) -> Client {
        let url = format!("http://{}", self.doors[door].addr());
        let connecting = Client::connect(ConnectOptions::with_token(url, APP.full_token(name)));
        within(connecting).await.expect("connects")
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("http://{}", node.addr)).collect()
    }

    /// For everybody else the node is gone: no connection to it or from it.
    pub(crate) fn kill(&self, at: usize) {
        self.ways[at].refuse();
        self.doors[at].refuse();
    }

    /// Who looked for this node is led to that one.
    pub(crate) fn lead(&self, from: usize, to: usize) {
        self.doors[from].lead_to(self.nodes[to].addr.port());
        self.doors[from].heal();
    }

    pub(crate) async fn stop(self) {
        for way in &self.ways {
            way.heal();
        }
        for node in self.nodes.into_iter().rev() {
            node.stop().await;
        }
    }
}

/// With times that suit tests.
fn options(url: &str) -> RedisOptions {
    let mut options = RedisOptions::new(url).expect("a URL");
    options.lease = Duration::from_millis(1_500);
    options.echo_every = Duration::from_millis(300);
    options.digest_every = Duration::from_millis(50);
    options
}
