//! A well-behaved app beside a hostile one: 50 messages a second, none lost, p99 under 50 ms, while the other app sends everything
//! that `hostile_*` knows. Runs alone, because it measures time.

#[allow(dead_code)]
#[path = "it/support.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use support::{APP, CANARY, TestNode, within};

const MESSAGES: usize = 500;
const EVERY: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_under_attack_is_not_noticed() {
    let node = Arc::new(TestNode::start().await);
    let (mut listener, _) = node.pusher(&CANARY).await;
    listener.subscribe("canary").await;
    let over = Arc::new(AtomicBool::new(false));
    let attackers: Vec<_> = (0..4).map(|kind| tokio::spawn(attack(Arc::clone(&node), Arc::clone(&over), kind))).collect();

    let mut sender = node.native(&CANARY, "canary").await;
    let begin = Instant::now();
    let sending = tokio::spawn(async move {
        let mut every = tokio::time::interval(EVERY);
        for n in 0..MESSAGES {
            every.tick().await;
            let sent_us = begin.elapsed().as_micros() as u64;
            sender.send(&json!({"id": n + 2, "publish": {"channel": "canary", "event": "n", "data": {"n": n, "sent_us": sent_us}}})).await;
        }
        sender
    });
    let mut latencies_us = Vec::with_capacity(MESSAGES);
    for n in 0..MESSAGES {
        let frame = listener.json().await;
        let data: serde_json::Value = serde_json::from_str(frame["data"].as_str().expect("text")).expect("JSON");
        assert_eq!(data["n"], n, "lost, doubled or out of order");
        latencies_us.push(begin.elapsed().as_micros() as u64 - data["sent_us"].as_u64().expect("a time"));
    }
    over.store(true, Ordering::Relaxed);
    within(sending).await.expect("sends");
    let mut rounds = 0;
    for attacker in attackers {
        rounds += within(attacker).await.expect("the attacker itself does not fail");
    }
    latencies_us.sort_unstable();
    let p99 = latencies_us[MESSAGES * 99 / 100 - 1];
    println!("p99 {p99} us over {MESSAGES} messages beside {rounds} rounds of attack");
    assert!(rounds > 10, "the attack took place");
    assert!(p99 < 50_000, "p99 was {p99} us");
}

/// One kind of bad input after another until told to stop; answers how many rounds it was.
async fn attack(node: Arc<TestNode>, over: Arc<AtomicBool>, kind: usize) -> usize {
    let mut rounds = 0;
    let deep = "[".repeat(20_000);
    while !over.load(Ordering::Relaxed) {
        match kind {
            0 => {
                let (mut socket, _) = node.pusher(&APP).await;
                for frame in ["{", &deep, r#"{"event":"pusher:subscribe","data":{"channel":"private-x"}}"#] {
                    socket.send_text(frame).await;
                }
                socket.alive().await;
            }
            1 => {
                let mut raw = b"GET /app/appkey?protocol=7 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".to_vec();
                raw.extend([0x01, 0x80, 0, 0, 0, 0]);
                for _ in 0..5_000 {
                    raw.extend([0x00, 0x80, 0, 0, 0, 0]);
                }
                node.raw(&raw).await;
            }
            2 => {
                // One connection that sends without pause, valid frames that are dear to read.
                let (mut socket, _) = node.pusher(&APP).await;
                let dear = json!({"event": "pusher:ping", "data": vec![0; 4_000]}).to_string();
                for _ in 0..50 {
                    socket.send_text(&dear).await;
                }
                for _ in 0..50 {
                    assert_eq!(socket.json().await["event"], "pusher:pong");
                }
            }
            _ => {
                node.http(
                    "POST",
                    "/apps/411111111/events?auth_key=appkey&auth_version=1.0&auth_timestamp=1&auth_signature=0",
                    &[],
                    deep.as_bytes(),
                )
                .await
                .refused(401, "timestamp_stale");
                let mut socket = node.websocket("/v1/connect").await;
                socket.send(&json!({"id": 1, "connect": {"token": "x.y.z", "version": 1}})).await;
                socket.closed().await;
            }
        }
        rounds += 1;
    }
    rounds
}
