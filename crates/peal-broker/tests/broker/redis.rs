//! The Redis broker against real servers. `suite` is the contract of every broker; the files below are the days on which something breaks.

mod connection;
mod deaf;
mod failover;
mod health;
mod nodes;
mod replicated;
mod tails;
mod tls;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use peal_broker::{RedisBroker, RedisOptions};
use peal_testkit::redis::RedisServer;

use crate::support::*;

/// Topics are fresh, so the contract's tests share one.
static SERVER: LazyLock<RedisServer> = LazyLock::new(RedisServer::start);

async fn start(inbox: Arc<Received>) -> RedisBroker {
    open(&SERVER, inbox).await
}

crate::contract::suite!(start);

fn options(server: &RedisServer) -> RedisOptions {
    options_for(&server.url())
}

/// With times that suit tests.
fn options_for(url: &str) -> RedisOptions {
    suited(RedisOptions::new(url).expect("a URL"))
}

fn suited(mut options: RedisOptions) -> RedisOptions {
    options.lease = Duration::from_millis(900);
    options.echo_every = Duration::from_millis(300);
    options.digest_every = Duration::from_millis(50);
    options
}

async fn open(server: &RedisServer, inbox: Arc<Received>) -> RedisBroker {
    RedisBroker::open(options(server)).await.expect("a fresh server can be used").broker(inbox)
}
