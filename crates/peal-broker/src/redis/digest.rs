//! Digests: what a node wrote into a partition, told to all of them once a second, so that a publication that never arrived is noticed although nothing
//! follows it on its topic.
//!
//! A digest is published by the same server as what it speaks of and comes over the same connection, after it: who knows less by then has
//! missed something. It is text, one line for each topic: `D`, then `<position> <milliseconds since then> <stream>`. None is sent when nothing was written.
//! What a digest does not reach (it is lost itself, or its node dies before it sends it) is found by the check of heads on a new connection and by
//! [`super::sweep`].

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use peal_core::Position;

use super::frame::parse;
use super::known::Fresh;
use super::partition::Partition;
use super::shared::Shared;

/// Topics in one message.
const LINES: usize = 1_000;
const NOTICED: &str = "digest";
/// No frame begins with it.
const BEGIN: &str = "D\n";

pub(super) async fn run(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(shared.options.digest_every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        join_all(shared.partitions.iter().map(|partition| tell(&shared, partition))).await;
    }
}

async fn tell(shared: &Shared, partition: &Partition) {
    let link = shared.link_of(partition.index);
    let Some(up) = link.up_now() else { return };
    let fresh: Vec<Fresh> = partition.known().take_fresh();
    for lines in fresh.chunks(LINES) {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(shared.keys.digest(partition.index)).arg(encode(lines));
        if let Err(error) = publish.exec_async(&mut up.commands.clone()).await {
            // What it would have said is found by the check of heads on the next connection.
            link.judge(up.serial, &error);
        }
    }
}

fn encode(lines: &[Fresh]) -> String {
    let mut text = String::from("D");
    for Fresh { stream, position, age } in lines {
        // Writing to a string does not fail.
        let _ = write!(text, "\n{position} {} {stream}", age.as_millis());
    }
    text
}

/// Whether this is a digest and no frame.
pub(super) fn is_digest(payload: &[u8]) -> bool {
    payload.starts_with(BEGIN.as_bytes())
}

/// What another node, or this one, has written; `None` if it is no digest.
pub(super) fn decode(payload: &[u8]) -> Option<impl Iterator<Item = (&str, Position, Duration)>> {
    let lines = std::str::from_utf8(payload).ok()?.strip_prefix(BEGIN)?;
    Some(lines.split('\n').filter_map(|line| {
        let mut parts = line.splitn(3, ' ');
        let (position, age) = (parse(parts.next()?.as_bytes())?, parse(parts.next()?.as_bytes())?);
        Some((parts.next()?, position, Duration::from_millis(age)))
    }))
}

/// Has the heads checked of topics that this node holds and of which it has heard less than the digest says.
pub(super) fn hear(shared: &Shared, payload: &[u8]) {
    let Some(lines) = decode(payload) else { return };
    let mut missed = Vec::new();
    for (stream, position, age) in lines {
        if let Some(topic) = shared.attachments.behind(stream, position) {
            shared.metrics.tail_losses.with_label_values(&[NOTICED]).inc();
            shared.metrics.tail_loss_detection_seconds.observe(age.as_secs_f64());
            missed.push(topic);
        }
    }
    if !missed.is_empty() {
        tracing::warn!(topics = missed.len(), "publications did not arrive; they are read");
        shared.inbox.interrupted(missed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_was_written() {
        let line = |stream: &str, seq, ms| Fresh { stream: stream.into(), position: Position::new(7, seq), age: Duration::from_millis(ms) };
        let written = encode(&[line("peal{0}s\x001\0m\0room 1", 3, 12), line("peal{3}s\x001\0c", 4, 900)]);
        let read: Vec<_> = decode(written.as_bytes()).expect("a digest").collect();
        assert_eq!(read[0], ("peal{0}s\x001\0m\0room 1", Position::new(7, 3), Duration::from_millis(12)));
        assert_eq!(read[1], ("peal{3}s\x001\0c", Position::new(7, 4), Duration::from_millis(900)));
        assert!(is_digest(written.as_bytes()) && !is_digest(b"M 7-3 1  x"));
        assert!(decode(b"M 7-3 1  x").is_none());
        assert_eq!(decode(b"D\nnonsense\n7-1 x stream").expect("a digest").count(), 0, "what cannot be read is passed over");
    }
}
