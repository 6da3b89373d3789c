//! What is read is the same before and after it is rolled up, at every resolution.

use peal_core::usage::{Metric, Sample, Usage};
use peal_meter::{Query, Report, ReportError};
use peal_store::Resolution;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::common::{Bench, app, batch, minute_now, rows};

const RESOLUTIONS: [Resolution; 4] = [Resolution::Minute, Resolution::Hour, Resolution::Day, Resolution::Month];

fn query(metric: Metric, hours: i64, resolution: Resolution) -> Query {
    let now = OffsetDateTime::now_utc();
    Query { metric, from: Some(now - Duration::hours(hours)), to: Some(now + Duration::MINUTE), resolution: Some(resolution) }
}

async fn read(bench: &Bench, metric: Metric, resolution: Resolution) -> Report {
    Report::read(&bench.store, app(1), query(metric, 20, resolution)).await.expect("a report")
}

#[tokio::test]
async fn a_roll_up_changes_no_number() {
    let bench = Bench::new().await;
    let source = Uuid::now_v7();
    bench.store.usage_source_touch(source, "node", 0).await.unwrap();
    let now = minute_now();
    let spread: Vec<_> = (0..10).map(|hour| (1, now - hour * 61, Metric::MessagesOut, 100 + hour)).collect();
    let samples: Vec<_> = (0..10).map(|hour| Sample { app: app(1), slot: (now - hour * 61) * 6, value: 7 + hour as u32 }).collect();
    let others = rows(&[(2, now, Metric::MessagesOut, 5_000)]);
    let usage = rows(&spread).merged(others).merged(Usage { samples, ..Usage::default() });
    bench.store.usage_flush(&batch(source, 1, usage)).await.unwrap();
    let expected: u64 = (0..10).map(|hour| 100 + hour).sum();
    let mut before = Vec::new();
    for resolution in RESOLUTIONS {
        for metric in [Metric::MessagesOut, Metric::PeakConnections] {
            before.push(read(&bench, metric, resolution).await);
        }
    }
    for report in &before {
        assert_eq!(report.totals[&Metric::MessagesOut], expected, "{:?}", report.resolution);
        assert_eq!(report.peak_connections(), 16, "{:?}", report.resolution);
    }
    assert_eq!(before[0].items.iter().map(|item| item.value).sum::<u64>(), expected);
    let closed = bench.store.usage_rollup(None).await.unwrap();
    assert!(closed.hours >= 8, "{closed:?}");
    for round in 0..2 {
        let mut after = before.iter();
        for resolution in RESOLUTIONS {
            for metric in [Metric::MessagesOut, Metric::PeakConnections] {
                let (now, then) = (read(&bench, metric, resolution).await, after.next().unwrap());
                let values =
                    |report: &Report| report.items.iter().map(|item| (item.ts, item.value)).filter(|item| item.1 > 0).collect::<Vec<_>>();
                assert_eq!((values(&now), &now.totals), (values(then), &then.totals), "{resolution:?} {round}");
            }
        }
        bench.rollup_all().await;
    }
}

#[tokio::test]
async fn the_peak_is_that_of_the_sum_and_not_the_sum_of_peaks() {
    let bench = Bench::new().await;
    let minute = minute_now() - 60;
    // Six nodes whose peaks of 200 are out of phase: at most 630 at once.
    for node in 0..6_u64 {
        let source = Uuid::now_v7();
        bench.store.usage_source_touch(source, "node", 0).await.unwrap();
        let value = |slot: u64| if slot == node { 200 } else { 86 };
        let samples = (0..6).map(|slot| Sample { app: app(1), slot: minute * 6 + slot, value: value(slot) }).collect();
        bench.store.usage_flush(&batch(source, 1, Usage { samples, ..Usage::default() })).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(read(&bench, Metric::PeakConnections, Resolution::Minute).await.peak_connections(), 630);
        bench.rollup_all().await;
        assert_eq!(read(&bench, Metric::PeakConnections, Resolution::Day).await.peak_connections(), 630);
    }
}

#[tokio::test]
async fn the_average_is_connection_time_by_time_that_passed() {
    let bench = Bench::new().await;
    let source = Uuid::now_v7();
    bench.store.usage_source_touch(source, "node", 0).await.unwrap();
    let minute = minute_now() - 90;
    bench.store.usage_flush(&batch(source, 1, rows(&[(1, minute, Metric::ConnectionMs, 150_000)]))).await.unwrap();
    let from = OffsetDateTime::from_unix_timestamp((minute * 60) as i64).unwrap();
    let query = Query {
        metric: Metric::PeakConnections,
        from: Some(from),
        to: Some(from + Duration::minutes(10)),
        resolution: Some(Resolution::Minute),
    };
    let report = Report::read(&bench.store, app(1), query).await.unwrap();
    assert_eq!(report.items.len(), 10);
    assert_eq!(report.items[0].average, Some(2.5));
    assert_eq!(report.average_connections, 0.25);
}

#[tokio::test]
async fn numbers_are_complete_up_to_what_the_slowest_node_has_reported() {
    let bench = Bench::new().await;
    let now_ms = OffsetDateTime::now_utc().unix_timestamp() as u64 * 1_000;
    let (fast, slow) = (Uuid::now_v7(), Uuid::now_v7());
    bench.store.usage_source_touch(fast, "fast", now_ms - 2_000).await.unwrap();
    bench.store.usage_source_touch(slow, "slow", now_ms - 120_000).await.unwrap();
    let age = async || {
        let (complete_to, now) = bench.store.usage_complete_to().await.unwrap();
        (now - complete_to).whole_seconds()
    };
    assert!((120..=130).contains(&age().await));
    bench.store.usage_source_end(slow).await.unwrap();
    assert!((2..=12).contains(&age().await));
    bench.sql("update meter_source set last_at = now() - interval '1 hour'").await;
    assert_eq!(age().await, 0, "nobody waits for a node that is gone");
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let bench = Bench::new().await;
    let now = OffsetDateTime::now_utc();
    let ask = async |from, to, resolution| {
        Report::read(&bench.store, app(1), Query { metric: Metric::MessagesIn, from: Some(from), to: Some(to), resolution }).await
    };
    assert!(matches!(ask(now, now - Duration::HOUR, None).await, Err(ReportError::Query(_))));
    assert!(matches!(ask(now - Duration::days(20), now, Some(Resolution::Minute)).await, Err(ReportError::Query(_))));
    assert!(matches!(ask(now - Duration::days(2), now, Some(Resolution::Minute)).await, Err(ReportError::Query(_))));
    assert!(ask(now - Duration::days(1_000), now, None).await.is_ok());
}
