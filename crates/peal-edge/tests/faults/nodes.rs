//! What happens to nodes. A node that is killed is one that nobody reaches and that reaches nobody any more.

use std::collections::BTreeSet;
use std::time::Duration;

use peal_client::Client;
use peal_testkit::redis::RedisServer;

use crate::deep;
use crate::fleet::Fleet;
use crate::load::Load;
use crate::observer::Observer;
use crate::redis::judge;
use crate::support::within;

const ROOM: &str = "room";

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_of_a_killed_node_go_on_elsewhere_without_a_gap() {
    let redis = RedisServer::start();
    let fleet = Fleet::start(2, redis.port()).await;
    let mut observers = Vec::new();
    for n in 0..deep(50, 1_000) {
        let name = format!("c{n}");
        observers.push(Observer::start(fleet.client(1, &name).await, name, ROOM).await);
    }
    let load = Load::start(&fleet.urls()[..1], ROOM);
    load.more(10).await;
    fleet.kill(1);
    fleet.lead(1, 0);
    load.more(10).await;
    let accepted = load.stop().await;
    judge(&fleet, &observers, &accepted).await;
    assert!(observers.iter().all(|observer| observer.lost().is_empty()), "a hundred are kept");
    fleet.stop().await;
}

async fn members(client: &Client) -> Vec<String> {
    let members = within(client.presence_members(ROOM)).await.expect("answers");
    members.iter().map(|member| member.client_id.to_string()).collect()
}

async fn members_become(client: &Client, expected: &[&str]) {
    let mut last = Vec::new();
    let becoming = async {
        loop {
            last = members(client).await;
            last.sort();
            if last == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let became = tokio::time::timeout(2 * crate::support::PATIENCE, becoming).await.is_ok();
    assert!(became, "{last:?} and not {expected:?}");
}

async fn enter(client: &Client) {
    within(async {
        while client.presence_enter(ROOM, None).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Its node dies, and the one it goes to dies before the first one's members are put away.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_node_dies_twice_within_the_grace_is_there_once() {
    let redis = RedisServer::start();
    let fleet = Fleet::start(3, redis.port()).await;
    let watcher = fleet.client(0, "watcher").await;
    let _watching = within(watcher.subscribe(ROOM)).await.expect("subscribes");
    let ada = fleet.client(1, "ada").await;
    let _subscribed = within(ada.subscribe(ROOM)).await.expect("subscribes");
    enter(&ada).await;
    members_become(&watcher, &["ada"]).await;
    let mut connections = BTreeSet::from([ada.connection_id()]);
    for (dies, next) in [(1, 2), (2, 0)] {
        fleet.kill(dies);
        // Its own way leads through this door.
        fleet.doors[1].refuse();
        fleet.lead(1, next);
        let mut state = ada.watch_state();
        within(state.wait_for(|_| ada.connection_id().is_some_and(|id| !connections.contains(&Some(id))))).await.expect("it lives");
        connections.insert(ada.connection_id());
        enter(&ada).await;
    }
    members_become(&watcher, &["ada"]).await;
    within(ada.presence_leave(ROOM)).await.expect("leaves");
    members_become(&watcher, &[]).await;
    fleet.stop().await;
}
