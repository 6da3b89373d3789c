//! What is done when a partition has a new generation: this node writes down what it saw of earlier ones and the server no longer has,
//! puts away members that the server still counts as this node's, and waits for the other nodes to have done the same.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use peal_core::exchange::{BrokerError, PresenceUpdate};
use peal_core::{Lane, Position, PresenceOp, Topic};
use redis::RedisResult;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::lease::live_tags;
use super::partition::{Change, Job};
use super::presence::table;
use super::scripts::Script;
use super::shared::{Shared, ended};

/// Topics in one call.
const CHUNK: usize = 128;
/// How long the other nodes are waited for, and how often they are looked for.
const OTHERS_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// What was written down outlives every wait for it.
const DONE_FOR_S: u64 = 600;
/// Changes on their way at once while members are put away.
const PACE: usize = 64;

pub(super) async fn run(shared: Arc<Shared>, mut generations: mpsc::UnboundedReceiver<(u16, u64)>) {
    let mut rounds = super::tasks::Tasks::default();
    while let Some((partition, generation)) = generations.recv().await {
        let shared = Arc::clone(&shared);
        rounds.prune();
        rounds.spawn(async move {
            let heard_at = Instant::now();
            if let Err(error) = round(&shared, partition, generation, heard_at).await {
                // The next connection is a new occasion; until then nobody is made to wait.
                tracing::warn!(%error, partition, "what was seen of an earlier generation could not be written down");
            }
            shared.partitions[usize::from(partition)].settle(generation);
        });
    }
}

async fn round(shared: &Shared, partition: u16, generation: u64, heard_at: Instant) -> Result<(), BrokerError> {
    let losses = write_down(shared, partition, generation).await?;
    if losses > 0 {
        tracing::warn!(partition, generation, losses, "publications were lost with a Redis primary; who missed them is told");
    }
    let done = shared.keys.witnessed(partition, generation);
    let link = shared.link_of(partition);
    let up = link.up().await?;
    let mut mark = redis::pipe();
    mark.cmd("SADD").arg(&done).arg(&shared.tag).cmd("EXPIRE").arg(&done).arg(DONE_FOR_S);
    link.checked(&up, mark.exec_async(&mut up.commands.clone()).await)?;
    put_away_leftovers(shared, partition).await?;
    while heard_at.elapsed() < OTHERS_WITHIN {
        let up = link.up().await?;
        let mut read = redis::cmd("SMEMBERS");
        let ready: Vec<String> = link.checked(&up, read.arg(&done).query_async(&mut up.commands.clone()).await)?;
        if live_tags(shared).await?.iter().all(|tag| ready.contains(tag)) {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

async fn write_down(shared: &Shared, partition: u16, generation: u64) -> Result<u64, BrokerError> {
    let link = shared.link_of(partition);
    let mine = |topic: &Topic| shared.keys.partition(topic) == partition;
    let mut ends: HashMap<(Topic, u64), Position> = HashMap::new();
    let heard = shared.attachments.heard_before(generation, mine).into_iter();
    for (topic, end) in heard.chain(shared.partitions[usize::from(partition)].known().acknowledged_before(generation)) {
        if !matches!(topic.lane, Lane::Presence(_)) {
            let known = ends.entry((topic, end.era)).or_insert(end);
            *known = end.max(*known);
        }
    }
    let ends: Vec<_> = ends.into_iter().collect();
    let mut losses = 0;
    for chunk in ends.chunks(CHUNK) {
        let up = link.up().await?;
        let mut call = up.scripts.call(Script::Witness, 2 * chunk.len());
        for ((topic, _), _) in chunk {
            call.arg(shared.keys.stream(topic)).arg(shared.keys.ledger(topic));
        }
        for (_, end) in chunk {
            call.arg(end.era).arg(end.seq);
        }
        let answer: RedisResult<u64> = call.query_async(&mut up.commands.clone()).await;
        losses += link.checked(&up, answer)?;
    }
    Ok(losses)
}

/// Members that left while the server that heard of it was about to be replaced by one that had not.
async fn put_away_leftovers(shared: &Shared, partition: u16) -> Result<(), BrokerError> {
    put_away(shared, partition, &shared.tag, |topic, field| !shared.has_member(topic, field)).await
}

/// Makes members of the node with this tag leave, as far as `goes` says.
pub(super) async fn put_away(shared: &Shared, partition: u16, tag: &str, goes: impl Fn(&Topic, &str) -> bool) -> Result<(), BrokerError> {
    let link = shared.link_of(partition);
    let up = link.up().await?;
    let mut read = redis::cmd("HKEYS");
    let streams: Vec<String> =
        link.checked(&up, read.arg(shared.keys.index(partition, tag)).query_async(&mut up.commands.clone()).await)?;
    for topic in streams.iter().filter_map(|stream| shared.keys.topic_of(stream)) {
        let members = table(shared, &topic)
            .await?
            .into_iter()
            .filter(|(field, held)| held.tag == tag && std::str::from_utf8(field).is_ok_and(|field| goes(&topic, field)));
        let members: Vec<_> = members.map(|(_, held)| held.member().as_ref().clone()).collect();
        for some in members.chunks(PACE) {
            let leaving: Vec<_> = some
                .iter()
                .map(|member| {
                    let update = PresenceUpdate { topic: topic.clone(), op: PresenceOp::Leave, member: member.clone(), users_max: None };
                    let (answer, wait) = tokio::sync::oneshot::channel();
                    let change = Change { update, only: Some(tag.to_owned()) };
                    shared.partitions[usize::from(partition)].push(Job::Presence { change, answer });
                    wait
                })
                .collect();
            for left in leaving {
                left.await.unwrap_or_else(|_| Err(ended()))?;
            }
        }
    }
    Ok(())
}
