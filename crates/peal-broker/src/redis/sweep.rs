//! The slow sweep: once a minute the heads of topics on which something happened lately are compared with what was heard, for what no
//! digest told (its node died first).
//!
//! A head that is ahead of what was heard proves nothing yet: the publication may be on its way. So the sweep waits until a probe that
//! was sent after the heads were read has come back, over the same connection and behind whatever was published before it; who is behind
//! then has missed something.

use std::sync::Arc;
use std::time::Duration;

use peal_core::exchange::BrokerError;
use peal_core::{Position, Topic};

use super::heads::{CHUNK, tops};
use super::partition::Partition;
use super::shared::Shared;

/// How lately something must have happened on a topic.
const HOT: Duration = Duration::from_secs(600);
/// Topics in one sweep, those that were heard of last; at 4 µs of Redis for each.
const TOPICS_MAX: usize = 20_000;
/// Between two calls.
const PACE: Duration = Duration::from_millis(5);
const NOTICED: &str = "sweep";

pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        // Nodes that were started together do not sweep together.
        tokio::time::sleep(shared.options.sweep_every.mul_f64(rand::random_range(0.75..1.25))).await;
        let mut by_partition: Vec<Vec<Arc<str>>> = vec![Vec::new(); shared.partitions.len()];
        for (stream, topic) in shared.attachments.hot(HOT, TOPICS_MAX) {
            by_partition[usize::from(shared.keys.partition(&topic))].push(stream);
        }
        for (partition, streams) in shared.partitions.iter().zip(by_partition) {
            if shared.link_of(partition.index).up_now().is_some()
                && let Err(error) = sweep(&shared, partition, &streams).await
            {
                tracing::debug!(%error, partition = partition.index, "the heads could not be compared");
            }
        }
    }
}

async fn sweep(shared: &Shared, partition: &Partition, streams: &[Arc<str>]) -> Result<(), BrokerError> {
    let mut ahead: Vec<(Arc<str>, Position)> = Vec::new();
    for streams in streams.chunks(CHUNK) {
        let names: Vec<&str> = streams.iter().map(|name| &**name).collect();
        let tops = tops(shared, partition.index, &names).await?.tops;
        let tops = streams.iter().zip(tops).filter_map(|(stream, top)| Some((Arc::clone(stream), top?)));
        ahead.extend(tops.filter(|(stream, top)| shared.attachments.behind(stream, *top).is_some()));
        tokio::time::sleep(PACE).await;
    }
    if !ahead.is_empty() && partition.all_arrived(shared.options.echo_every * 2).await {
        let missed: Vec<Topic> = ahead.iter().filter_map(|(stream, top)| shared.attachments.behind(stream, *top)).collect();
        if !missed.is_empty() {
            tracing::warn!(topics = missed.len(), "publications did not arrive and no digest told of them; they are read");
            shared.metrics.tail_losses.with_label_values(&[NOTICED]).inc_by(missed.len() as u64);
            shared.inbox.interrupted(missed);
        }
    }
    Ok(())
}
