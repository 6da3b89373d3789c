//! `--redis-url`: two development servers that share a Redis are one service.

use std::process::Stdio;

use peal_testkit::redis::{RedisServer, wait_until};

use crate::http;
use crate::peal::{Home, Peal, run};

const SEED: &str = "4321:shared-key:shared-secret";
/// `shared-key:shared-secret`
const AUTHORIZATION: &str = "Basic c2hhcmVkLWtleTpzaGFyZWQtc2VjcmV0";

#[test]
fn what_one_node_takes_the_other_has() {
    let redis = RedisServer::start();
    let homes = [Home::new(), Home::new()];
    let nodes = homes.each_ref().map(|home| Peal::start(home, &["--ephemeral", "--seed-app", SEED, "--redis-url", &redis.url()]));
    let headers = [("Authorization", AUTHORIZATION), ("Content-Type", "application/json")];
    let published = http::post(nodes[0].address("edge_url"), "/v1/channels/hello/messages", &headers, r#"{"data":"over Redis"}"#);
    assert_eq!(published.status, 200, "{published:?}");
    let history = http::get_with(nodes[1].address("edge_url"), "/v1/channels/hello/messages", &headers[..1]);
    assert!(history.status == 200 && history.body.contains("over Redis"), "{history:?}");
    assert_eq!(redis.command(&["HLEN", "peal{0}nodes"]), "2", "each has a number of its own");
    wait_until("both stand on the server", || redis.command(&["CLIENT", "LIST", "TYPE", "pubsub"]).lines().count() >= 2);
}

#[test]
fn a_redis_that_cannot_be_used_is_refused_without_repeating_its_password() {
    let home = Home::new();
    let mut command = crate::peal::command(&["dev", "--ephemeral", "--redis-url", "redis://:hunter2@127.0.0.1:1"]);
    let refused = crate::peal::said(command.current_dir(home.path()).stdin(Stdio::null()));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("cannot use Redis") && !refused.stderr.contains("hunter2"), "{refused:?}");
    let refused = run(&["dev", "--ephemeral", "--redis-url", "http://user:hunter2@cache"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--redis-url") && !refused.stderr.contains("hunter2"), "{refused:?}");
}
