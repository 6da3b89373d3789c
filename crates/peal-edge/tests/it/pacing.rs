//! Who publishes in a loop is slowed down to what the cores hand out, before anybody is refused.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{APP, Socket, TestNode, metrics, within};

const SUBSCRIBERS: usize = 60;
const PUBLISHERS: usize = 16;
/// In one request.
const EVENTS: usize = 10;

async fn paced(node: &TestNode) -> u64 {
    let metrics = metrics(node).await;
    let count = metrics.lines().find_map(|line| line.strip_prefix("peal_publishes_paced_total ")).expect("the metric is there");
    count.parse().expect("a number")
}

/// Reads until the event named `end`; answers how many came before it.
async fn read_to_end(socket: &mut Socket) -> usize {
    let mut count = 0;
    while socket.json().await["event"] != "end" {
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn who_publishes_in_a_loop_is_paced_and_not_refused() {
    let node = TestNode::start().await;
    let mut subscribers = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let (mut socket, _) = node.pusher(&APP).await;
        socket.subscribe("room").await;
        subscribers.push(socket);
    }
    let readers: Vec<_> = subscribers.into_iter().map(|mut socket| tokio::spawn(async move { read_to_end(&mut socket).await })).collect();
    let event = json!({"name": "said", "channel": "room", "data": "x"});
    let body = json!({"batch": vec![event; EVENTS]}).to_string();
    assert_eq!(paced(&node).await, 0);

    let mut published = 0;
    within(async {
        while paced(&node).await == 0 {
            let round = (0..PUBLISHERS).map(|_| node.pusher_request(&APP, "POST", "/batch_events", &[], &body));
            for answer in join_all(round).await {
                assert_eq!(answer.status, 200, "nobody is refused");
                published += EVENTS;
            }
        }
    })
    .await;
    assert_eq!(node.trigger(&APP, "room", "end", "x").await.status, 200);
    for read in within(join_all(readers)).await {
        assert_eq!(read.expect("reads"), published);
    }
    node.stop().await;
}
