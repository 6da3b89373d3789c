//! An app's limits are those of the whole fleet, not of each node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use peal_broker::{Broker, Inbox, RedisBroker, RedisOptions};
use peal_core::exchange::{Delivery, Publish};
use peal_core::limit::Limits;
use peal_core::share::{Demand, Report};
use peal_core::{AppId, Draft, Durability, PublicationKind, Retention, Topic};
use peal_store::AppSettings;

use crate::changes::owner;
use crate::fleet::Fleet;
use crate::support::{APP, Socket, TestNode, within};

const PER_SECOND: u32 = 50;

async fn tighten(fleet: &Fleet, name: &str, limit: u64) {
    let [one, two] = &fleet.nodes;
    let owner = owner(one).await;
    let plan = Limits::default();
    let edit = |settings: &mut AppSettings, _: &_| {
        settings.limits.change(&plan, name, Some(limit)).expect("lower than the plan's");
        Ok(())
    };
    one.store.app_update(owner.org, owner.app, &owner.actor, edit).await.expect("changes");
    one.edge.refresh_directory().await;
    two.edge.refresh_directory().await;
}

/// What a publish was answered: nothing if it was accepted, else why it was refused.
async fn publish(node: &TestNode) -> Option<String> {
    let answer = node.trigger(&APP, "room", "said", "x").await;
    if answer.status == 200 {
        return None;
    }
    answer.refused(429, "rate_limited");
    Some(answer.json()["detail"].as_str().expect("a detail").to_owned())
}

/// Of the app's rate, what the refusal says is this node's part.
fn part(refusal: &str) -> u32 {
    let Some((before, _)) = refusal.split_once(" of them on this node") else { return PER_SECOND };
    before.rsplit(' ').next().and_then(|part| part.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_busy_nodes_share_the_rate_and_one_has_it_alone() {
    let fleet = Fleet::start().await;
    let [one, two] = &fleet.nodes;
    tighten(&fleet, "messages_per_second", PER_SECOND.into()).await;

    let half = |refusal: Option<String>| refusal.is_some_and(|why| (15..=35).contains(&part(&why)));
    within(async {
        loop {
            let (first, second) = tokio::join!(publish(one), publish(two));
            if half(first) && half(second) {
                break;
            }
        }
    })
    .await;

    // The bursts are used up by now. A node that did not know of the other would let through as much again.
    let (begun, mut accepted) = (Instant::now(), 0);
    within(async {
        while accepted < 3 * PER_SECOND {
            let (first, second) = tokio::join!(publish(one), publish(two));
            accepted += u32::from(first.is_none()) + u32::from(second.is_none());
        }
    })
    .await;
    assert!(begun.elapsed() > Duration::from_secs(2), "{accepted} passed within {:?}", begun.elapsed());

    within(async { while publish(one).await.is_none_or(|why| part(&why) < PER_SECOND) {} }).await;
    fleet.stop().await;
}

/// The connection, unless it was refused by the limit.
async fn open(node: &TestNode) -> Option<Socket> {
    let mut socket = node.websocket(&format!("/app/{}?protocol=7", APP.key)).await;
    let first = socket.any_json().await;
    match first["event"].as_str() {
        Some("pusher:connection_established") => Some(socket),
        Some("pusher:error") => None,
        _ => panic!("{first}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_all_nodes_count_against_one_limit() {
    let fleet = Fleet::start().await;
    let [one, two] = &fleet.nodes;
    tighten(&fleet, "connections", 6).await;
    let mut kept = Vec::new();
    for node in [one, one, one, one, two, two] {
        kept.push(open(node).await.expect("there is room"));
    }
    // A moment later each node knows of the others' connections, and none has room for one more.
    within(async { while open(two).await.is_some() {} }).await;
    within(async { while open(one).await.is_some() {} }).await;
    drop(kept.drain(..2));
    kept.push(
        within(async {
            loop {
                if let Some(socket) = open(two).await {
                    break socket;
                }
            }
        })
        .await,
    );
    fleet.stop().await;
}

/// A node that only speaks.
#[derive(Debug)]
struct Deaf;

impl Inbox for Deaf {
    fn deliver(&self, _: Vec<Delivery>) {}
    fn interrupted(&self, _: Vec<Topic>) {}
}

/// Tells the fleet what a node owes the app's subscribers, as the probe of every node does.
async fn tell(node: &RedisBroker, number: u32, debt: u64) {
    let report = Report::new(vec![(APP.id.parse().expect("digits"), Demand { debt, ..Demand::default() })]);
    let draft = Draft {
        id: format!("probe-{number}").parse().expect("an id"),
        idempotent: false,
        origin: None,
        client_id: Some("the-node-that-is-behind".into()),
        ephemeral: false,
        client_event: false,
        kind: PublicationKind::Control(report.encode().into()),
    };
    let topic = Topic::control(AppId::new(AppId::MAX).expect("an id"));
    let retention = Retention { count: 1, ttl_ms: 60_000 };
    let published = node.publish(vec![Publish { topic, draft, retention, durability: Durability::Fast }]).await;
    assert!(published.iter().all(Result::is_ok), "{published:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_on_one_node_refuses_publishers_on_the_others() {
    let fleet = Fleet::start().await;
    let options = RedisOptions::new(&fleet.redis.url()).expect("a URL");
    let behind = RedisBroker::open(options).await.expect("opens").broker(Arc::new(Deaf));
    tell(&behind, 1, 1 << 40).await;
    for node in &fleet.nodes {
        let answer = within(async {
            loop {
                let answer = node.trigger(&APP, "room", "said", "x").await;
                if answer.status != 200 {
                    break answer;
                }
            }
        })
        .await;
        answer.refused(429, "fan_out_behind");
    }
    tell(&behind, 2, 0).await;
    for node in &fleet.nodes {
        within(async { while node.trigger(&APP, "room", "said", "x").await.status != 200 {} }).await;
    }
    fleet.stop().await;
}
