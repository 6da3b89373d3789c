//! Reading usage. A marked hour is read from its minutes, every other from its sum, in one snapshot: so a number is the same before, while
//! and after a roll-up takes place.

use peal_core::AppId;
use peal_core::usage::Metric;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::store::Store;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    Minute,
    Hour,
    Day,
    Month,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsagePoint {
    /// The beginning of the period.
    pub ts: OffsetDateTime,
    pub metric: Metric,
    pub value: u64,
}

/// $1 the app, $2 and $3 the time from and to, at the boundary of a period.
macro_rules! with_parts {
    ($tail:literal) => {
        concat!(
            "with dirty as (select hour from usage_dirty \
               where app_id = $1 and hour >= date_trunc('hour', $2::timestamptz, 'UTC') and hour < $3), \
             slots as (select slot, sum(value) as total from dirty join conn_sample sample \
               on sample.app_id = $1 and slot >= hour and slot < hour + interval '1 hour' group by slot), \
             peaks as (select ts, max(peak)::bigint as peak from ( \
               select ts, peak from usage_peak where app_id = $1 and ts >= $2 and ts < $3 \
               union all select date_trunc('minute', slot), total from slots) as either group by ts), \
             hours as ( \
               select ts, metric, value from usage_hour \
                where app_id = $1 and ts >= $2 and ts < $3 and ts not in (select hour from dirty) \
               union all select hour, metric, sum(value)::bigint from dirty join usage_minute minute \
                  on minute.app_id = $1 and ts >= hour and ts < hour + interval '1 hour' group by hour, metric \
               union all select hour, 13::smallint, max(peak) from dirty join peaks \
                  on ts >= hour and ts < hour + interval '1 hour' group by hour), \
             dirty_days as (select distinct (hour at time zone 'UTC')::date as day from dirty), \
             days as ( \
               select day::timestamp at time zone 'UTC' as ts, metric, value from usage_day \
                where app_id = $1 and day >= ($2 at time zone 'UTC')::date and day < ($3 at time zone 'UTC')::date \
                  and day not in (select day from dirty_days) \
               union all select date_trunc('day', ts, 'UTC'), metric, (case when metric = 13 then max(value) else sum(value) end)::bigint \
                 from hours where (ts at time zone 'UTC')::date in (select day from dirty_days) group by 1, 2) ",
            $tail
        )
    };
}

const MINUTES: &str = with_parts!(
    "select ts, metric, value from usage_minute where app_id = $1 and ts >= $2 and ts < $3 \
     union all select ts, 13::smallint, peak from peaks where ts >= $2 and ts < $3 order by 1, 2"
);
const HOURS: &str = with_parts!("select ts, metric, value from hours order by 1, 2");
const DAYS: &str = with_parts!("select ts, metric, value from days order by 1, 2");
const MONTHS: &str = with_parts!(
    "select date_trunc('month', ts, 'UTC'), metric, (case when metric = 13 then max(value) else sum(value) end)::bigint \
     from days group by 1, 2 order by 1, 2"
);

impl Store {
    /// Everything an app used from one time to another, by period and metric. Both times must be at the boundary of a period.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn usage_read(
        &self,
        app: AppId,
        from: OffsetDateTime,
        to: OffsetDateTime,
        resolution: Resolution,
    ) -> Result<Vec<UsagePoint>, StoreError> {
        let statement = match resolution {
            Resolution::Minute => MINUTES,
            Resolution::Hour => HOURS,
            Resolution::Day => DAYS,
            Resolution::Month => MONTHS,
        };
        let rows: Vec<(OffsetDateTime, i16, i64)> =
            sqlx::query_as(statement).bind(app.get()).bind(from).bind(to).fetch_all(&self.pool).await?;
        // A later release may count what this one does not know.
        let known = rows.into_iter().filter_map(|(ts, metric, value)| Some((ts, Metric::from_number(metric)?, value)));
        Ok(known.map(|(ts, metric, value)| UsagePoint { ts, metric, value: value.max(0) as u64 }).collect())
    }

    /// Up to when the numbers are complete, and what time it is: every source that was heard of in the last ten minutes has reported up to
    /// there. What is older than ten minutes may be late, but nobody waits for it.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn usage_complete_to(&self) -> Result<(OffsetDateTime, OffsetDateTime), StoreError> {
        Ok(sqlx::query_as(
            "select least(now(), greatest(now() - interval '10 minutes', coalesce(min(covers_to), now()))), now() \
             from meter_source where ended_at is null and last_at > now() - interval '10 minutes'",
        )
        .fetch_one(&self.pool)
        .await?)
    }
}
