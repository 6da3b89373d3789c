//! Postgres is restored to an earlier time, behind what a node has sent and forgotten: the node goes on, and the gap is written down.

use std::sync::Arc;

use peal_core::usage::Metric;
use peal_meter::{Sender, Spool};

use crate::common::{Bench, Truth, add, minute_now, rows};

/// Sends five batches, loses the last three in Postgres, and sends two more.
async fn after(loss: &str) -> (Bench, Truth, uuid::Uuid) {
    let bench = Bench::new().await;
    let spool = Arc::new(Spool::open(None).unwrap());
    let mut sender = Sender::new(Arc::clone(&spool), bench.store.clone(), "node 1");
    let first = spool.source();
    let minute = minute_now() - 90;
    for value in 1..=5 {
        spool.append(rows(&[(1, minute, Metric::MessagesOut, value)]), 1_000).unwrap();
        sender.send_all().await.unwrap();
    }
    bench.sql("delete from meter_batch where seq > 2").await;
    bench.sql("update usage_minute set value = 1 + 2").await;
    bench.sql("update quota_used set messages = 1 + 2").await;
    bench.sql(loss).await;
    let mut truth = Truth::new();
    add(&mut truth, &rows(&[(1, minute, Metric::MessagesOut, 1), (1, minute, Metric::MessagesOut, 2)]));
    for value in [60, 70] {
        let usage = rows(&[(1, minute, Metric::MessagesOut, value)]);
        add(&mut truth, &usage);
        spool.append(usage, 2_000).unwrap();
    }
    sender.send_all().await.unwrap();
    assert_eq!(spool.waiting(), 0);
    assert_ne!(spool.source(), first, "it goes on under a new source");
    assert_eq!(spool.gaps(), 1);
    spool.append(rows(&[(1, minute, Metric::MessagesOut, 800)]), 3_000).unwrap();
    add(&mut truth, &rows(&[(1, minute, Metric::MessagesOut, 800)]));
    sender.finish().await.unwrap();
    (bench, truth, first)
}

#[tokio::test]
async fn a_guard_that_is_behind_the_spool_is_a_gap() {
    let (bench, truth, first) = after("update meter_source set last_seq = 2").await;
    bench.rollup_all().await;
    bench.assert_exact(&truth).await;
    let gap = "select count(*) from meter_gap where from_seq = 3 and to_seq = 5 and reason = 'behind_spool' and node_name = 'node 1'";
    assert_eq!(bench.number(&format!("{gap} and source_id = '{first}' and new_source is not null")).await, 1);
    assert_eq!(bench.number("select count(*) from meter_gap").await, 1);
}

#[tokio::test]
async fn so_is_a_source_that_postgres_has_never_heard_of() {
    let (bench, truth, first) = after("delete from meter_source").await;
    bench.rollup_all().await;
    bench.assert_exact(&truth).await;
    assert_eq!(
        bench.number(&format!("select count(*) from meter_gap where source_id = '{first}' and from_seq = 1 and to_seq = 5")).await,
        1
    );
}

#[tokio::test]
async fn a_damaged_spool_is_written_down_once() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let minute = minute_now();
    let spool = Spool::open(Some(folder.path())).unwrap();
    let source = spool.source();
    for value in 1..=3 {
        spool.append(rows(&[(1, minute, Metric::MessagesIn, value)]), 0).unwrap();
    }
    drop(spool);
    let path = folder.path().join("usage.spool");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 0x55;
    std::fs::write(&path, bytes).unwrap();
    let spool = Arc::new(Spool::open(Some(folder.path())).unwrap());
    let mut sender = Sender::new(Arc::clone(&spool), bench.store.clone(), "node 1");
    sender.finish().await.unwrap();
    sender.send_all().await.unwrap();
    let noted = format!(
        "select count(*) from meter_gap where source_id = '{source}' and from_seq = 3 and to_seq is null and reason = 'spool_damaged'"
    );
    assert_eq!(bench.number(&noted).await, 1);
    assert_eq!(bench.number("select sum(value)::bigint from usage_minute").await, 1 + 2);
}
