//! Where topics stand: the answer to attaching, and to every check after an interruption.

use std::sync::Arc;

use futures_util::future::try_join_all;
use peal_core::exchange::BrokerError;
use peal_core::{Lane, Position, Topic};
use redis::Value;

use super::continuity::{Evidence, Fence};
use super::era::generation_of;
use super::frame::{parse, text};
use super::scripts::Script;
use super::shared::Shared;

/// Topics in one call.
pub(super) const CHUNK: usize = 256;

/// What a partition's server says of streams, at one moment.
pub(super) struct Tops {
    pub(super) fence: Fence,
    pub(super) tops: Vec<Option<Position>>,
}

pub(super) async fn heads(shared: &Shared, topics: &[Topic], streams: &[Arc<str>]) -> Result<Vec<Position>, BrokerError> {
    let by_partition = shared.places(topics);
    let chunks = by_partition.iter().enumerate().flat_map(|(partition, places)| places.chunks(CHUNK).map(move |chunk| (partition, chunk)));
    let answers = try_join_all(chunks.map(|(partition, places)| async move {
        let names: Vec<&str> = places.iter().map(|place| &*streams[*place]).collect();
        let tops = tops(shared, partition as u16, &names).await?;
        let mut heads = Vec::new();
        for (place, top) in places.iter().zip(tops.tops) {
            heads.push((*place, head(shared, tops.fence, &topics[*place], &streams[*place], top).await?));
        }
        Ok::<_, BrokerError>(heads)
    }));
    let mut heads = vec![Position::new(0, 0); topics.len()];
    for (place, head) in answers.await?.into_iter().flatten() {
        shared.attachments.head(&streams[place], head);
        heads[place] = head;
    }
    Ok(heads)
}

/// Makes a fence if there is none.
pub(super) async fn tops(shared: &Shared, partition: u16, streams: &[&str]) -> Result<Tops, BrokerError> {
    let first = tops_once(shared, partition, streams).await?;
    if first.fence.last_era > 0 {
        return Ok(first);
    }
    shared.touch(partition).await?;
    tops_once(shared, partition, streams).await
}

async fn tops_once(shared: &Shared, partition: u16, streams: &[&str]) -> Result<Tops, BrokerError> {
    let link = shared.link_of(partition);
    let up = link.up().await?;
    let mut call = up.scripts.call(Script::Heads, streams.len() + 1);
    call.arg(shared.keys.fence(partition)).arg(streams);
    let answer: Vec<Value> = link.checked(&up, call.query_async(&mut up.commands.clone()).await)?;
    let mut answer = answer.into_iter();
    let mut number = || answer.next().and_then(text).and_then(|text| text.parse().ok()).unwrap_or(0);
    let fence = Fence { generation: number(), last_era: number(), young_after: u64::MAX };
    if fence.generation > 0 {
        shared.heard_generation(partition, fence.generation);
    }
    let tops = answer.map(|value| text(value).and_then(|text| parse(text.as_bytes()))).collect();
    Ok(Tops { fence, tops })
}

/// What is answered for a topic whose stream ends at `top`.
///
/// A lane of presence begins anew with each generation, because its table of members may have lost something that its stream does not
/// show: the position before the next era makes receivers read, and the reading tells them so.
async fn head(shared: &Shared, fence: Fence, topic: &Topic, stream: &str, top: Option<Position>) -> Result<Position, BrokerError> {
    let is_presence = matches!(topic.lane, Lane::Presence(_));
    match top {
        Some(top) if generation_of(top) >= fence.generation => Ok(top),
        Some(_) if is_presence => Ok(fence.next()),
        Some(top) => Ok(ledger(shared, topic).await?.head(top)),
        // Nothing came since this node began to listen: it stands where it stood, unless somebody knows better.
        None => match shared.attachments.last(stream).filter(|last| last.seq == 0) {
            Some(last) if generation_of(last) == fence.generation => Ok(last),
            Some(last) if !is_presence && ledger(shared, topic).await? == Evidence::default() => Ok(last),
            _ => Ok(fence.next()),
        },
    }
}

/// What nodes have written down about a topic's lost tails.
pub(super) async fn ledger(shared: &Shared, topic: &Topic) -> Result<Evidence, BrokerError> {
    let link = shared.link_of(shared.keys.partition(topic));
    let up = link.up().await?;
    let mut read = redis::cmd("HGETALL");
    read.arg(shared.keys.ledger(topic));
    let answer: Value = link.checked(&up, read.query_async(&mut up.commands.clone()).await)?;
    let mut evidence = Evidence::default();
    for (era, ends) in super::frame::pairs(answer) {
        let ends = text(ends).unwrap_or_default();
        if let (Ok(era), Some((tail, seen))) = (era.parse(), ends.split_once(' '))
            && let (Ok(tail), Ok(seen)) = (tail.parse(), seen.parse())
        {
            evidence.lost(era, tail, seen);
        }
    }
    Ok(evidence)
}
