//! Removes what the retention no longer covers from streams that nobody reads or publishes to any more.
//!
//! The node that publishes looks again when its entry is due. A reader does not depend on it: it trims what it reads (`history`).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::scripts::Script;
use super::shared::Shared;

/// Streams remembered; beyond it a stream waits for its own expiry.
const STREAMS_MAX: usize = 200_000;
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Streams looked at per sweep.
const SWEEP_MAX: usize = 512;
/// A stream is not looked at more often.
const PAUSE_MIN_MS: u64 = 10_000;

#[derive(Debug, Default)]
pub(super) struct Sweeper(Mutex<Due>);

#[derive(Debug, Default)]
struct Due {
    streams: HashSet<Arc<str>>,
    order: BinaryHeap<Reverse<(Instant, u16, Arc<str>)>>,
}

impl Sweeper {
    fn lock(&self) -> MutexGuard<'_, Due> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was kept in this stream of the partition for so long.
    pub(super) fn note(&self, partition: u16, stream: &str, ttl_ms: u64) {
        let mut due = self.lock();
        if due.streams.len() < STREAMS_MAX && !due.streams.contains(stream) {
            let stream: Arc<str> = stream.into();
            due.streams.insert(Arc::clone(&stream));
            due.order.push(Reverse((Instant::now() + Duration::from_millis(ttl_ms.max(PAUSE_MIN_MS)), partition, stream)));
        }
    }

    /// What is due, by partition.
    fn take(&self) -> BTreeMap<u16, Vec<Arc<str>>> {
        let now = Instant::now();
        let mut due = self.lock();
        let (mut streams, mut taken) = (BTreeMap::<u16, Vec<_>>::new(), 0);
        while taken < SWEEP_MAX && due.order.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, partition, stream))) = due.order.pop() else { break };
            due.streams.remove(&stream);
            streams.entry(partition).or_default().push(stream);
            taken += 1;
        }
        streams
    }
}

pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        join_all(shared.sweeper.take().into_iter().map(|(partition, streams)| trim(&shared, partition, streams))).await;
    }
}

async fn trim(shared: &Shared, partition: u16, streams: Vec<Arc<str>>) {
    let Some(up) = shared.link_of(partition).up_now() else { return };
    let mut pipeline = redis::pipe();
    for stream in &streams {
        pipeline.add_command(up.scripts.call(Script::Older, 1)).arg(&**stream).arg("trim");
    }
    let answers: Vec<redis::RedisResult<i64>> = pipeline.ignore_errors().query_async(&mut up.commands.clone()).await.unwrap_or_default();
    for (stream, answer) in streams.iter().zip(answers) {
        if let Ok(pause_ms @ 1..) = answer {
            shared.sweeper.note(partition, stream, pause_ms as u64);
        }
    }
}
