//! The race that once lost counts: a batch finds its hour marked already, a roll-up takes that mark and sums before the batch commits, and
//! nobody sums again. (With `on conflict do nothing` in `mark_dirty` this test fails.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use peal_core::usage::Metric;
use peal_store::FlushAnswer;
use sqlx::Connection;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::common::{Bench, Truth, add, batch, far_future, minute_now, rows};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_commits_during_a_roll_up_is_summed() {
    let bench = Bench::new().await;
    let minute = minute_now() - 120;
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    for source in [one, two] {
        bench.store.usage_source_touch(source, "node", 0).await.unwrap();
    }
    let usage = rows(&[(1, minute, Metric::MessagesOut, 10)]);
    // The first leaves a mark.
    assert_eq!(bench.store.usage_flush(&batch(one, 1, usage.clone())).await.unwrap(), FlushAnswer::Applied);
    // The second has written its minute and its mark, and is held before it can commit.
    let mut holder = bench.connection().await;
    let mut held = holder.begin().await.unwrap();
    sqlx::query("lock table meter_batch in access exclusive mode").execute(&mut *held).await.unwrap();
    let store = bench.store.clone();
    let second = batch(two, 1, usage.clone());
    let flush = tokio::spawn(async move { store.usage_flush(&second).await });
    while bench.number("select count(*) from pg_locks where not granted and relation = 'meter_batch'::regclass").await == 0 {
        tokio::task::yield_now().await;
    }
    // The roll-up must leave the mark alone, or be able to sum again later; it must not wait either.
    let during = bench.store.usage_rollup(Some(far_future())).await.unwrap();
    assert_eq!(during.hours, 0, "the mark is locked by the batch");
    held.rollback().await.unwrap();
    assert_eq!(flush.await.unwrap().unwrap(), FlushAnswer::Applied);
    bench.rollup_all().await;
    let mut truth = Truth::new();
    add(&mut truth, &usage);
    add(&mut truth, &usage);
    bench.assert_exact(&truth).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_hours_that_different_workers_sum_is_whole() {
    let bench = Bench::new().await;
    let source = Uuid::now_v7();
    bench.store.usage_source_touch(source, "node", 0).await.unwrap();
    let now = minute_now();
    let mut truth = Truth::new();
    for seq in 1..=40 {
        let spread: Vec<_> = (0..24).map(|hour| (hour as i64 % 3, now - hour * 60, Metric::MessagesIn, seq as u64)).collect();
        let usage = rows(&spread);
        add(&mut truth, &usage);
        let flushed = batch(source, seq, usage);
        let (answer, one, two) = tokio::join!(
            bench.store.usage_flush(&flushed),
            bench.store.usage_rollup(Some(far_future())),
            bench.store.usage_rollup(Some(far_future()))
        );
        assert_eq!(answer.unwrap(), FlushAnswer::Applied);
        one.unwrap();
        two.unwrap();
    }
    bench.rollup_all().await;
    bench.assert_exact(&truth).await;
}

/// What is locked is skipped, and can be waited for all the same: when a batch commits at just this moment and the next one takes the mark,
/// Postgres follows the mark to its new version and waits there. So roll-ups lock marks in the order in which batches do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roll_ups_lock_marks_in_the_order_of_batches() {
    // As `mark_dirty` does it, but without pause: what goes wrong takes microseconds.
    const MARKS: &str = "do $$ begin for turn in 1..5000 loop \
         insert into usage_dirty select app, to_timestamp(hour * 3600) from generate_series(1, 4) app, generate_series(1, 10) hour \
           where random() < 0.3 order by 1, 2 on conflict (app_id, hour) do update set hour = excluded.hour; \
         commit; end loop; end $$";
    let bench = Bench::new().await;
    let mut batches = JoinSet::new();
    for _ in 0..4 {
        let mut connection = bench.connection().await;
        batches.spawn(async move { sqlx::raw_sql(MARKS).execute(&mut connection).await.map(drop) });
    }
    let marked = Arc::new(AtomicBool::new(false));
    let worker = tokio::spawn({
        let (store, marked) = (bench.store.clone(), Arc::clone(&marked));
        async move {
            while !marked.load(Ordering::Relaxed) {
                store.usage_rollup(Some(far_future())).await.expect("no deadlock");
            }
        }
    });
    while let Some(done) = batches.join_next().await {
        done.expect("it runs").expect("no deadlock");
    }
    marked.store(true, Ordering::Relaxed);
    worker.await.expect("the worker");
}
