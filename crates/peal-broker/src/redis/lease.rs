//! This node's number, leased in Redis, and what becomes of the members of nodes whose lease has ended.
//!
//! A number is given again only after a survivor has put its last holder's members away. Members are marked with the node's *tag*, which is
//! new with every start, so a node that comes back under the same number does not inherit them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use peal_core::exchange::BrokerError;
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value};
use tokio::sync::{mpsc, oneshot};

use super::frame::{pairs, text};
use super::history::now_ms;
use super::keys::Keys;
use super::scripts::{Loaded, Script};
use super::shared::Shared;
use super::witness::put_away;

/// Connection ids hold 16 bits of it, and 0 is no node.
const NODES: u16 = u16::MAX;
/// A survivor that dies while it puts members away is succeeded after this.
const BURIAL_S: u64 = 60;

/// What members of a node that stopped cleanly have to come back elsewhere: as long as after a lost transport.
const LEAVE_GRACE: Duration = Duration::from_secs(5);

/// One node as the others see it.
#[derive(Debug)]
struct Lease {
    node: u16,
    tag: String,
    ended: bool,
}

/// Takes the lowest free number, or renews the one that is `held` (0 for none), or gives it back if `lease` is zero. 0 if somebody else has that
/// one.
pub(super) async fn claim(
    connection: &mut MultiplexedConnection,
    scripts: &Loaded,
    keys: &Keys,
    tag: &str,
    lease: Duration,
    held: u16,
) -> RedisResult<u16> {
    let mut call = scripts.call(Script::Lease, 1);
    call.arg(keys.nodes()).arg(tag).arg(lease.as_millis() as u64).arg(held).arg(1).arg(NODES);
    call.query_async(connection).await
}

/// Renews the lease and buries the dead, until the broker ends or closes.
pub(super) async fn run(shared: Arc<Shared>, mut node: u16, mut closing: mpsc::Receiver<oneshot::Sender<()>>) {
    let mut ticks = tokio::time::interval(shared.options.lease / 3);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // Both branches are cancellation-safe. Nothing renews the lease once it was given back, since this task ends with that.
        tokio::select! {
            _ = ticks.tick() => {}
            Some(answer) = closing.recv() => {
                if let Err(error) = give_back(&shared, node).await {
                    tracing::warn!(%error, "the lease of this node could not be given back; it ends by itself");
                }
                // Whoever asked may not wait any more.
                let _ = answer.send(());
                return;
            }
        }
        let home = shared.home();
        let Some(up) = home.up_now() else { continue };
        let lease = shared.options.lease;
        let renewed = claim(&mut up.commands.clone(), &up.scripts, &shared.keys, &shared.tag, lease, node).await;
        match home.checked(&up, renewed) {
            Ok(0) => {
                // A primary that had not heard of the lease gave it away. Connection ids stay unique by their random half.
                tracing::error!(node, "another node has this node's number; taking another one");
                let claimed = claim(&mut up.commands.clone(), &up.scripts, &shared.keys, &shared.tag, lease, 0).await;
                node = home.checked(&up, claimed).unwrap_or(node);
            }
            Ok(renewed) => node = renewed,
            Err(error) => tracing::warn!(%error, "the lease of this node could not be renewed"),
        }
        if let Err(error) = bury(&shared).await {
            tracing::warn!(%error, "the members of a dead node could not be put away; trying again");
        }
    }
}

/// At once if the node has no members. Else its clients have a moment to come back elsewhere, before a survivor makes those leave that did not.
async fn give_back(shared: &Shared, node: u16) -> Result<(), BrokerError> {
    let members = try_join_all((0..shared.options.partitions).map(|partition| has_members(shared, partition))).await?;
    let home = shared.home();
    let up = home.up().await?;
    let lease = if !members.contains(&true) { Duration::ZERO } else { LEAVE_GRACE.min(shared.options.lease) };
    let given_back = claim(&mut up.commands.clone(), &up.scripts, &shared.keys, &shared.tag, lease, node).await;
    home.checked(&up, given_back).map(drop)
}

async fn has_members(shared: &Shared, partition: u16) -> Result<bool, BrokerError> {
    let link = shared.link_of(partition);
    let up = link.up().await?;
    let mut count = redis::cmd("HLEN");
    let members: u64 =
        link.checked(&up, count.arg(shared.keys.index(partition, &shared.tag)).query_async(&mut up.commands.clone()).await)?;
    Ok(members > 0)
}

async fn leases(shared: &Shared) -> Result<Vec<Lease>, BrokerError> {
    let home = shared.home();
    let up = home.up().await?;
    let mut read = redis::pipe();
    read.cmd("TIME").cmd("HGETALL").arg(shared.keys.nodes());
    let (time, nodes): (Value, Value) = home.checked(&up, read.query_async(&mut up.commands.clone()).await)?;
    let now_ms = now_ms(time);
    let leases = pairs(nodes).into_iter().filter_map(|(node, lease)| {
        let lease = text(lease)?;
        let (tag, ends) = lease.split_once(' ')?;
        Some(Lease { node: node.parse().ok()?, tag: tag.to_owned(), ended: ends.parse::<u64>().ok()? <= now_ms })
    });
    Ok(leases.collect())
}

/// The tags of the nodes that live.
pub(super) async fn live_tags(shared: &Shared) -> Result<Vec<String>, BrokerError> {
    Ok(leases(shared).await?.into_iter().filter(|lease| !lease.ended).map(|lease| lease.tag).collect())
}

async fn bury(shared: &Shared) -> Result<(), BrokerError> {
    let home = shared.home();
    for dead in leases(shared).await?.into_iter().filter(|lease| lease.ended && lease.tag != shared.tag) {
        let up = home.up().await?;
        let mut guard = redis::cmd("SET");
        guard.arg(shared.keys.burial(&dead.tag)).arg(&shared.tag).arg("NX").arg("EX").arg(BURIAL_S);
        let guarded: Option<String> = home.checked(&up, guard.query_async(&mut up.commands.clone()).await)?;
        if guarded.is_none() {
            continue;
        }
        tracing::warn!(node = dead.node, "a node's lease has ended; its members leave");
        for partition in 0..shared.options.partitions {
            put_away(shared, partition, &dead.tag, |_, _| true).await?;
        }
        let mut forget = redis::cmd("HDEL");
        forget.arg(shared.keys.nodes()).arg(dead.node);
        home.checked(&up, forget.exec_async(&mut up.commands.clone()).await)?;
    }
    Ok(())
}
