//! What comes late fills its minute while minutes are kept; what comes too late, or from the future, is put where it can be seen.

use peal_core::usage::{Metric, Sample, Usage};
use peal_store::FlushAnswer;
use uuid::Uuid;

use crate::common::{Bench, Truth, add, app, batch, minute_now, rows};

const DAY: u64 = 24 * 60;

#[tokio::test]
async fn a_week_old_batch_fills_its_minutes_and_a_month_old_one_is_an_adjustment() {
    let bench = Bench::new().await;
    let source = Uuid::now_v7();
    bench.store.usage_source_touch(source, "node", 0).await.unwrap();
    let now = minute_now();
    let timely = rows(&[(1, now - 7 * DAY, Metric::MessagesIn, 5), (1, now + 1, Metric::MessagesIn, 6)]);
    let untimely = rows(&[(1, now - 30 * DAY, Metric::MessagesIn, 7), (2, now + 10, Metric::MessagesOut, 8)]);
    let sent = batch(source, 1, timely.clone().merged(untimely));
    assert_eq!(bench.store.usage_flush(&sent).await.unwrap(), FlushAnswer::Applied);
    assert_eq!(bench.store.usage_flush(&sent).await.unwrap(), FlushAnswer::Duplicate);
    bench.rollup_all().await;
    let mut truth = Truth::new();
    add(&mut truth, &timely);
    bench.assert_exact(&truth).await;
    assert_eq!(bench.number("select sum(value)::bigint from usage_adjustment").await, 7 + 8);
}

#[tokio::test]
async fn a_sample_that_is_older_than_samples_are_kept_is_dropped() {
    let bench = Bench::new().await;
    let source = Uuid::now_v7();
    bench.store.usage_source_touch(source, "node", 0).await.unwrap();
    let slot = minute_now() * 6;
    let samples = vec![Sample { app: app(1), slot: slot - 3 * 8_640, value: 9 }, Sample { app: app(1), slot, value: 4 }];
    bench.store.usage_flush(&batch(source, 1, Usage { samples, ..Usage::default() })).await.unwrap();
    assert_eq!(bench.number("select sum(value)::bigint from conn_sample").await, 4);
}
