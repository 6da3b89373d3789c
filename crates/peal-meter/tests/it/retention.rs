//! Partitions are there before they are needed, and go when what they hold is not needed any more.

use peal_core::usage::Metric;
use peal_meter::Worker;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::common::{Bench, batch, minute_now, rows};

#[tokio::test]
async fn nothing_is_dropped_that_is_not_summed() {
    let bench = Bench::new().await;
    Worker::new(bench.store.clone()).turn().await.unwrap();
    let partitions = bench.number("select count(*) from pg_inherits").await;
    Worker::new(bench.store.clone()).turn().await.unwrap();
    assert_eq!(bench.number("select count(*) from pg_inherits").await, partitions, "a second turn makes and drops nothing");
    let source = Uuid::now_v7();
    bench.store.usage_source_touch(source, "node", 0).await.unwrap();
    let minute = minute_now() - 3 * 24 * 60;
    bench.store.usage_flush(&batch(source, 1, rows(&[(1, minute, Metric::MessagesIn, 5)]))).await.unwrap();
    let later = OffsetDateTime::now_utc() + Duration::days(8);
    let dropped = bench.store.usage_partitions_drop(later).await.unwrap();
    let before = dropped.iter().filter(|name| name.starts_with("usage_minute")).count();
    assert!(before > 0, "what lies before the marked hour goes: {dropped:?}");
    assert_eq!(bench.number("select sum(value)::bigint from usage_minute").await, 5);
    bench.rollup_all().await;
    bench.store.usage_partitions_drop(later).await.unwrap();
    assert_eq!(bench.number("select coalesce(sum(value), 0)::bigint from usage_minute").await, 0);
    assert_eq!(bench.number("select sum(value)::bigint from usage_hour").await, 5);
    assert_eq!(bench.number("select sum(value)::bigint from usage_month").await, 5);
}

#[tokio::test]
async fn two_meters_make_each_partition_once() {
    let bench = Bench::new().await;
    let (mut one, mut two) = (Worker::new(bench.store.clone()), Worker::new(bench.store.clone()));
    let (first, second) = tokio::join!(one.turn(), two.turn());
    first.unwrap();
    second.unwrap();
    assert!(bench.number("select count(*) from pg_inherits").await > 20);
}
