//! What one Redis pays for a publish with history, and how many it takes: three nodes publish in a closed loop through a server of their own.
//!
//! `cargo run -p peal-broker --example redis_cost [seconds for each row]`. Redis' CPU is its main thread's, user and system, from `INFO cpu`; the
//! scripts' part is from `INFO commandstats`. Rates depend on the machine and on how this program was built, the CPU for each publish hardly does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use peal_broker::{Broker, Inbox, RedisBroker, RedisOptions};
use peal_core::exchange::{Delivery, Publish};
use peal_core::{AppId, ChannelName, Data, Draft, Durability, Message, PublicationKind, Retention, Topic};
use peal_testkit::redis::RedisServer;

const NODES: usize = 3;
const CHANNELS: usize = 500;
const PAYLOAD: usize = 256;

#[derive(Debug, Default)]
struct Heard(AtomicU64);

impl Inbox for Heard {
    fn deliver(&self, batch: Vec<Delivery>) {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
    }

    fn interrupted(&self, _: Vec<Topic>) {}
}

#[derive(Clone, Copy)]
struct Row {
    in_flight: usize,
    with_id: bool,
    durability: Durability,
}

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    println!(
        "| in flight on each of {NODES} nodes | | publishes/s | Redis CPU, µs per publish | of that in scripts | publishes per call | p50 | p99 |"
    );
    println!("|---:|---|---:|---:|---:|---:|---:|---:|");
    let fast = |in_flight, with_id| Row { in_flight, with_id, durability: Durability::Fast };
    for row in [fast(1, false), fast(16, false), fast(64, false), fast(256, false), fast(64, true), fast(256, true)] {
        measure(row, seconds, false).await;
    }
    measure(Row { in_flight: 64, with_id: true, durability: Durability::Replicated }, seconds, true).await;
}

async fn measure(row: Row, seconds: u64, replica: bool) {
    let server = RedisServer::start();
    let _replica = replica.then(|| RedisServer::start_replica_of(&server));
    let topics: Arc<Vec<Topic>> = Arc::new((0..CHANNELS).map(topic).collect());
    let heard = Arc::new(Heard::default());
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        let options = RedisOptions::new(&server.url()).expect("a URL");
        let node = RedisBroker::open(options).await.expect("opens").broker(Arc::<Heard>::clone(&heard));
        node.attach(topics.to_vec()).await.expect("attached");
        nodes.push(Arc::new(node));
    }
    let (running, done) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
    let mut publishers = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        for loop_number in 0..row.in_flight {
            let (node, topics, running, done) = (Arc::clone(node), Arc::clone(&topics), Arc::clone(&running), Arc::clone(&done));
            // Every publish has a number of its own, so that no id is given twice.
            let mut n = (number * 1_000 + loop_number) * 10_000_000;
            publishers.push(tokio::spawn(async move {
                let mut took = Vec::new();
                while running.load(Ordering::Relaxed) {
                    n += 1;
                    let began = Instant::now();
                    node.publish(vec![publish(&topics[(n + 37 * loop_number) % CHANNELS], n, row)]).await.remove(0).expect("accepted");
                    took.push(began.elapsed());
                    done.fetch_add(1, Ordering::Relaxed);
                }
                took
            }));
        }
    }
    // Streams are full and eras known by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, from, began) = (Usage::of(&server), done.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (after, published, elapsed) = (Usage::of(&server), done.load(Ordering::Relaxed) - from, began.elapsed());
    running.store(false, Ordering::Relaxed);
    let mut took = Vec::new();
    for publisher in publishers {
        took.extend(publisher.await.expect("publishes"));
    }
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let each = |total: f64| total / published as f64;
    println!(
        "| {} | {}{} | {:.0} | {:.1} | {:.1} | {:.1} | {:.2} ms | {:.2} ms |",
        row.in_flight,
        if row.with_id { "with a message id" } else { "without an id" },
        if row.durability == Durability::Replicated { ", replicated" } else { "" },
        published as f64 / elapsed.as_secs_f64(),
        each(after.cpu_us - before.cpu_us),
        each(after.script_us - before.script_us),
        published as f64 / (after.calls - before.calls),
        at(0.5),
        at(0.99),
    );
    assert!(heard.0.load(Ordering::Relaxed) > published * NODES as u64 / 2, "every node hears what is published");
}

/// Of the server so far.
struct Usage {
    cpu_us: f64,
    script_us: f64,
    calls: f64,
}

impl Usage {
    fn of(server: &RedisServer) -> Self {
        let (cpu, commands) = (server.command(&["INFO", "cpu"]), server.command(&["INFO", "commandstats"]));
        let seconds = |name: &str| number(&cpu, &format!("{name}:"));
        let cpu_us = (seconds("used_cpu_sys_main_thread") + seconds("used_cpu_user_main_thread")) * 1e6;
        let scripts = commands.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap_or_default();
        Self { cpu_us, script_us: number(scripts, ",usec="), calls: number(scripts, "calls=") }
    }
}

fn number(text: &str, after: &str) -> f64 {
    let rest = text.split_once(after).map_or("", |(_, rest)| rest);
    rest.split(['\r', '\n', ',']).next().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

fn topic(n: usize) -> Topic {
    let channel = ChannelName::parse(&format!("room{n}")).expect("a valid name");
    Topic::messages(AppId::new(123_456_789).expect("in range"), channel)
}

fn publish(topic: &Topic, n: usize, row: Row) -> Publish {
    let draft = Draft {
        id: format!("m{n}").parse().expect("a valid id"),
        idempotent: row.with_id,
        origin: None,
        client_id: None,
        ephemeral: false,
        client_event: false,
        kind: PublicationKind::Messages(vec![Message::new("said", Data::Text("x".repeat(PAYLOAD).into()))]),
    };
    Publish { topic: topic.clone(), draft, retention: Retention::FLOOR, durability: row.durability }
}
