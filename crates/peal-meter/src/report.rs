//! Usage as it is read: one metric as a series, every metric in total, and up to when that is complete. The API and `peal usage` print the same.

mod breakdown;

use std::collections::BTreeMap;

use peal_core::AppId;
use peal_core::usage::{Aggregate, Metric};
use peal_store::{Resolution, Store, StoreError, UsagePoint};
use time::{Duration, OffsetDateTime, Time};

pub use breakdown::{BreakdownItem, BreakdownQuery, BreakdownReport};

/// Periods in one answer.
const ITEMS_MAX: i64 = 1_500;
/// Minutes are kept for so long.
const MINUTES_KEPT: Duration = Duration::days(8);

#[derive(Debug, Clone, Copy)]
pub struct Query {
    pub metric: Metric,
    /// The hour up to `to` if not given.
    pub from: Option<OffsetDateTime>,
    /// Now if not given.
    pub to: Option<OffsetDateTime>,
    /// By the length of the time if not given.
    pub resolution: Option<Resolution>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Item {
    /// The beginning of the period.
    pub ts: OffsetDateTime,
    pub value: u64,
    /// Of [`Metric::PeakConnections`]: how many were open on average.
    pub average: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub metric: Metric,
    pub resolution: Resolution,
    /// As asked, widened to whole periods.
    pub from: OffsetDateTime,
    pub to: OffsetDateTime,
    /// Numbers of later moments are still coming in.
    pub complete_to: OffsetDateTime,
    /// Every period, also those in which nothing happened; those that have not begun are left out.
    pub items: Vec<Item>,
    /// Every metric from `from` to `to`: sums, and the maximum of the peak.
    pub totals: BTreeMap<Metric, u64>,
    /// Connections open on average from `from` to `to`, or to `complete_to` if that is earlier.
    pub average_connections: f64,
}

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// For whoever asked.
    #[error("{0}")]
    Query(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Report {
    #[must_use]
    pub fn peak_connections(&self) -> u64 {
        self.totals.get(&Metric::PeakConnections).copied().unwrap_or(0)
    }

    /// # Errors
    /// [`ReportError::Query`] when the times do not make sense together.
    pub async fn read(store: &Store, app: AppId, query: Query) -> Result<Self, ReportError> {
        let (complete_to, now) = store.usage_complete_to().await?;
        let to = query.to.unwrap_or(now);
        let from = query.from.unwrap_or(to - Duration::HOUR);
        if from >= to {
            return Err(ReportError::Query("from must be earlier than to."));
        }
        let resolution = query.resolution.unwrap_or_else(|| suitable(from, to, now));
        let (from, to) = (floor(from, resolution), ceil(to, resolution));
        if resolution == Resolution::Minute && from < now - MINUTES_KEPT - Duration::DAY {
            return Err(ReportError::Query("Minutes are kept for 8 days; ask for hours or days."));
        }
        if (to - from) / shortest(resolution) > ITEMS_MAX as f64 {
            return Err(ReportError::Query("That is more than 1,500 periods; ask for a coarser resolution or a shorter time."));
        }
        let points = store.usage_read(app, from, to, resolution).await?;
        let report = Self {
            metric: query.metric,
            resolution,
            from,
            to,
            complete_to,
            items: Vec::new(),
            totals: totals(&points),
            average_connections: 0.0,
        };
        Ok(report.with_items(&points, now))
    }

    fn with_items(mut self, points: &[UsagePoint], now: OffsetDateTime) -> Self {
        let of = |metric: Metric| -> BTreeMap<OffsetDateTime, u64> {
            points.iter().filter(|point| point.metric == metric).map(|point| (point.ts, point.value)).collect()
        };
        let (values, times) = (of(self.metric), of(Metric::ConnectionMs));
        let averaged = self.metric == Metric::PeakConnections;
        let mut ts = self.from;
        while ts < self.to && ts <= now {
            let end = next(ts, self.resolution);
            let average = averaged.then(|| self.average(times.get(&ts).copied().unwrap_or(0), ts, end));
            self.items.push(Item { ts, value: values.get(&ts).copied().unwrap_or(0), average });
            ts = end;
        }
        let open_ms = self.totals.get(&Metric::ConnectionMs).copied().unwrap_or(0);
        self.average_connections = self.average(open_ms, self.from, self.to);
        self
    }

    fn average(&self, open_ms: u64, from: OffsetDateTime, to: OffsetDateTime) -> f64 {
        let passed_ms = (to.min(self.complete_to) - from).whole_milliseconds();
        if passed_ms <= 0 { 0.0 } else { open_ms as f64 / passed_ms as f64 }
    }
}

fn totals(points: &[UsagePoint]) -> BTreeMap<Metric, u64> {
    let mut totals: BTreeMap<Metric, u64> = Metric::ALL.into_iter().map(|metric| (metric, 0)).collect();
    for point in points {
        let total = totals.entry(point.metric).or_default();
        *total = match point.metric.info().aggregate {
            Aggregate::Sum => *total + point.value,
            Aggregate::Max => point.value.max(*total),
        };
    }
    totals
}

/// What makes a readable chart, of what is still kept.
fn suitable(from: OffsetDateTime, to: OffsetDateTime, now: OffsetDateTime) -> Resolution {
    let length = to - from;
    if length <= Duration::hours(6) && from >= now - MINUTES_KEPT {
        Resolution::Minute
    } else if length <= Duration::days(8) {
        Resolution::Hour
    } else if length <= Duration::days(400) {
        Resolution::Day
    } else {
        Resolution::Month
    }
}

fn shortest(resolution: Resolution) -> Duration {
    match resolution {
        Resolution::Minute => Duration::MINUTE,
        Resolution::Hour => Duration::HOUR,
        Resolution::Day => Duration::DAY,
        Resolution::Month => Duration::days(28),
    }
}

fn floor(at: OffsetDateTime, resolution: Resolution) -> OffsetDateTime {
    let at = at.to_offset(time::UtcOffset::UTC);
    let seconds = at.unix_timestamp();
    let cut = |length: i64| at - Duration::seconds(seconds.rem_euclid(length)) - Duration::nanoseconds(i64::from(at.nanosecond()));
    match resolution {
        Resolution::Minute => cut(60),
        Resolution::Hour => cut(3_600),
        Resolution::Day => cut(86_400),
        Resolution::Month => cut(86_400).replace_day(1).unwrap_or(at),
    }
}

fn next(begin: OffsetDateTime, resolution: Resolution) -> OffsetDateTime {
    match resolution {
        Resolution::Month => {
            let date = begin.date();
            let days = date.month().length(date.year());
            OffsetDateTime::new_utc(date + Duration::days(i64::from(days)), Time::MIDNIGHT)
        }
        shorter => begin + shortest(shorter),
    }
}

fn ceil(at: OffsetDateTime, resolution: Resolution) -> OffsetDateTime {
    let begin = floor(at, resolution);
    if begin == at { begin } else { next(begin, resolution) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn periods_begin_at_their_boundaries() {
        // 2026-02-27 23:59:58
        let late = at(1_772_236_798);
        assert_eq!(floor(late, Resolution::Minute).to_string(), "2026-02-27 23:59:00.0 +00:00:00");
        assert_eq!(ceil(late, Resolution::Hour).to_string(), "2026-02-28 0:00:00.0 +00:00:00");
        assert_eq!(floor(late, Resolution::Month).to_string(), "2026-02-01 0:00:00.0 +00:00:00");
        assert_eq!(ceil(late, Resolution::Month).to_string(), "2026-03-01 0:00:00.0 +00:00:00");
        let march = ceil(late, Resolution::Month);
        assert_eq!(ceil(march, Resolution::Month), march);
    }

    #[test]
    fn the_resolution_suits_the_length() {
        let now = at(1_772_236_798);
        let of = |length| suitable(now - length, now, now);
        assert_eq!(of(Duration::HOUR), Resolution::Minute);
        assert_eq!(of(Duration::DAY), Resolution::Hour);
        assert_eq!(of(Duration::days(31)), Resolution::Day);
        assert_eq!(of(Duration::days(800)), Resolution::Month);
        let long_ago = now - Duration::days(30);
        assert_eq!(suitable(long_ago, long_ago + Duration::HOUR, now), Resolution::Hour);
    }
}
