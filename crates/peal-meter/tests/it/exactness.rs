//! Senders that repeat, overtake, forget and are interrupted, with roll-ups in between: exact to the unit, and no deadlock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use peal_core::usage::{Batch, BreakdownRow, Dimension, Metric, Sample, Usage};
use peal_store::{FlushAnswer, Store};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::common::{Bench, Truth, add, app, batch, connect, far_future, minute_now, rows};

const SENDERS: u64 = 6;
const BATCHES: i64 = 60;

/// Apps and hours that all senders share, so that they meet in the same rows.
fn usage(rng: &mut StdRng) -> Usage {
    let now = minute_now();
    let some: Vec<_> = (0..rng.random_range(5..60))
        .map(|_| {
            let metric = [Metric::MessagesIn, Metric::MessagesOut, Metric::ConnectionMs][rng.random_range(0..3)];
            (rng.random_range(0..8), now - rng.random_range(0..180), metric, rng.random_range(1..1_000))
        })
        .collect();
    let usage = rows(&some);
    let breakdown = usage.rows.iter().map(|row| BreakdownRow {
        app: row.app,
        minute: row.minute,
        dimension: Dimension::Namespace,
        metric: row.metric,
        label: ["", "chat", "*"][(row.value % 3) as usize].into(),
        value: row.value,
    });
    let samples = (0..4).map(|number| Sample { app: app(number), slot: now * 6 - rng.random_range(0..1_000), value: 3 });
    let extra = Usage { breakdown: breakdown.collect(), samples: samples.collect(), ..Usage::default() };
    usage.merged(extra)
}

/// Delivers batches in the worst of ways, but all of them in the end.
async fn send(store: Store, batches: Vec<Batch>, mut rng: StdRng) -> (u64, u64, u64) {
    let (mut duplicates, mut gaps, mut unheard) = (0, 0, 0);
    let source = batches[0].source;
    assert_eq!(store.usage_flush(&batches[0]).await.unwrap(), FlushAnswer::UnknownSource);
    store.usage_source_touch(source, "node", 0).await.unwrap();
    let mut next = 0;
    while next < batches.len() {
        match rng.random_range(0..10) {
            // Ahead of its turn.
            0 if next + 2 < batches.len() => {
                let answer = store.usage_flush(&batches[next + 2]).await.unwrap();
                let due = batches[next].seq;
                // Whether an interrupted attempt was applied is not known.
                let expected = [FlushAnswer::Gap { last_seq: due - 1 }, FlushAnswer::Gap { last_seq: due }];
                assert!(expected.contains(&answer), "{answer:?} at {due}");
                gaps += 1;
            }
            // Again, long after.
            1 if next > 0 => {
                let old = rng.random_range(0..next);
                assert_eq!(store.usage_flush(&batches[old]).await.unwrap(), FlushAnswer::Duplicate);
                duplicates += 1;
            }
            // Twice at once: one of them wins.
            2 | 3 => {
                let (one, two) = tokio::join!(store.usage_flush(&batches[next]), store.usage_flush(&batches[next]));
                let answers = [one.unwrap(), two.unwrap()];
                assert!(answers.contains(&FlushAnswer::Duplicate), "{answers:?}");
                duplicates += 1;
            }
            // Interrupted at any moment, the answer unheard.
            4..=6 => {
                let patience = Duration::from_micros(rng.random_range(0..4_000));
                unheard += u64::from(tokio::time::timeout(patience, store.usage_flush(&batches[next])).await.is_err());
            }
            _ => {
                let answer = store.usage_flush(&batches[next]).await.unwrap();
                assert!(matches!(answer, FlushAnswer::Applied | FlushAnswer::Duplicate), "{answer:?}");
                next += 1;
            }
        }
    }
    (duplicates, gaps, unheard)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_senders_do_every_unit_counts_once() {
    let bench = Bench::new().await;
    let mut truth = Truth::new();
    let mut breakdown = 0;
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let mut rng = StdRng::seed_from_u64(sender);
        let source = Uuid::now_v7();
        let batches: Vec<Batch> = (1..=BATCHES).map(|seq| batch(source, seq, usage(&mut rng))).collect();
        for batch in &batches {
            add(&mut truth, &batch.usage);
            breakdown += batch.usage.breakdown.iter().map(|row| row.value as i64).sum::<i64>();
        }
        senders.spawn(send(connect(bench.db.url()).await, batches, rng));
    }
    let mut workers = JoinSet::new();
    let sent = Arc::new(AtomicBool::new(false));
    for _ in 0..2 {
        let (store, sent) = (connect(bench.db.url()).await, Arc::clone(&sent));
        workers.spawn(async move {
            while !sent.load(Ordering::Relaxed) {
                store.usage_rollup(Some(far_future())).await.expect("a roll-up");
                tokio::task::yield_now().await;
            }
        });
    }
    let mut seen = (0, 0, 0);
    while let Some(done) = senders.join_next().await {
        let (duplicates, gaps, unheard) = done.expect("a sender");
        seen = (seen.0 + duplicates, seen.1 + gaps, seen.2 + unheard);
    }
    // Stopped, not cut off: a transaction that is cut off keeps its marks locked until Postgres notices.
    sent.store(true, Ordering::Relaxed);
    while let Some(done) = workers.join_next().await {
        done.expect("a worker");
    }
    assert!(seen.0 > 50 && seen.1 > 10 && seen.2 > 10, "the senders were not bad enough: {seen:?}");
    bench.rollup_all().await;
    bench.assert_exact(&truth).await;
    assert_eq!(bench.number("select sum(value)::bigint from usage_breakdown").await, breakdown);
    let batches = bench.number("select count(*) from meter_batch").await;
    assert_eq!(batches, SENDERS as i64 * BATCHES);
}
