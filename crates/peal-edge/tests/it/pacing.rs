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

async fn read(socket: &mut Socket, count: usize) {
    for _ in 0..count {
        assert_eq!(socket.json().await["event"], "said");
    }
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
    let event = json!({"name": "said", "channel": "room", "data": "x"});
    let body = json!({"batch": vec![event; EVENTS]}).to_string();
    assert_eq!(paced(&node).await, 0);

    // A channel's first message begins its era, which is looked up in the history: behind a burst of more than is kept that would be too late.
    assert_eq!(node.trigger(&APP, "room", "said", "x").await.status, 200);
    within(join_all(subscribers.iter_mut().map(|socket| read(socket, 1)))).await;
    // Everybody has read a round before the next, so that no reader falls behind, however busy the machine is.
    within(async {
        while paced(&node).await == 0 {
            let publishing = join_all((0..PUBLISHERS).map(async |_| {
                let answer = node.pusher_request(&APP, "POST", "/batch_events", &[], &body).await;
                assert_eq!(answer.status, 200, "nobody is refused");
            }));
            let reading = join_all(subscribers.iter_mut().map(|socket| read(socket, PUBLISHERS * EVENTS)));
            tokio::join!(publishing, reading);
        }
    })
    .await;
    node.stop().await;
}
