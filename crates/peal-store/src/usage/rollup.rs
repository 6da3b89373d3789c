//! From minutes to hours and days.
//!
//! A worker takes some apps that nobody else works on (an advisory lock each, released with the transaction), takes their marks away,
//! and *then*, in later statements that see everything committed until then, sums the marked hours and the days they belong to. A mark
//! that a batch is just touching is locked and skipped; it is there for the next round. Hours that are still open are left alone: readers
//! take them from the minutes.

use time::OffsetDateTime;

use crate::error::StoreError;
use crate::store::Store;

/// Apps in one transaction.
const APPS_MAX: i64 = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RolledUp {
    pub apps: usize,
    pub hours: usize,
}

impl Store {
    /// Sums what was marked, of hours that began before a time, or of hours that are over if none is given. Any number of workers may do
    /// so at once. Nothing rolled up means that nothing was left, or that others are at it.
    ///
    /// # Errors
    /// Only those of the database: then nothing has changed.
    pub async fn usage_rollup(&self, before: Option<OffsetDateTime>) -> Result<RolledUp, StoreError> {
        let mut txn = self.pool.begin().await?;
        // The bound of readers, `usage_dirty`, decides what is open; a few seconds let the last batch of an hour arrive first.
        let before: OffsetDateTime = sqlx::query_scalar("select coalesce($1, date_trunc('hour', now() - interval '15 seconds', 'UTC'))")
            .bind(before)
            .fetch_one(&mut *txn)
            .await?;
        let apps: Vec<i64> = sqlx::query_scalar(
            "with waiting as materialized (select distinct app_id from usage_dirty where hour < $1 limit $2) \
             select app_id from waiting where pg_try_advisory_xact_lock(-app_id)",
        )
        .bind(before)
        .bind(APPS_MAX)
        .fetch_all(&mut *txn)
        .await?;
        // Locked in one statement and deleted in the next, which sees the rows as they were locked. In one statement the deletion sees them as
        // they were before, and waits for whoever changed them meanwhile. In the order in which batches mark, because skipping is not always
        // not waiting: when the batch that holds a mark commits at just this moment and another one takes it, Postgres follows the mark to its
        // new version and waits for that.
        let marks: Vec<(i64, OffsetDateTime)> = sqlx::query_as(
            "select app_id, hour from usage_dirty where app_id = any($1) and hour < $2 order by app_id, hour for update skip locked",
        )
        .bind(&apps)
        .bind(before)
        .fetch_all(&mut *txn)
        .await?;
        if marks.is_empty() {
            // Not left to the pool, which would give the locks back a moment after the answer: whoever asks next would find the apps taken.
            txn.rollback().await?;
            return Ok(RolledUp::default());
        }
        let (app_ids, hours): (Vec<i64>, Vec<OffsetDateTime>) = marks.iter().copied().unzip();
        sqlx::query("delete from usage_dirty where (app_id, hour) in (select * from unnest($1::bigint[], $2::timestamptz[]))")
            .bind(&app_ids)
            .bind(&hours)
            .execute(&mut *txn)
            .await?;
        for statement in [PEAKS, HOURS, DAYS] {
            sqlx::query(statement).bind(&app_ids).bind(&hours).execute(&mut *txn).await?;
        }
        txn.commit().await?;
        Ok(RolledUp { apps: apps.len(), hours: marks.len() })
    }
}

/// The largest slot of each minute; each slot is the sum over the nodes. Samples only ever come to it, so a larger one stands.
const PEAKS: &str = "\
    insert into usage_peak (app_id, ts, peak) \
    select app_id, date_trunc('minute', slot), max(total) from \
      (select sample.app_id, sample.slot, sum(sample.value)::int as total \
         from unnest($1::bigint[], $2::timestamptz[]) as mark (app_id, hour) \
         join conn_sample sample on sample.app_id = mark.app_id and sample.slot >= mark.hour and sample.slot < mark.hour + interval '1 hour' \
        group by 1, 2) as slots \
     group by 1, 2 \
    on conflict (app_id, ts) do update set peak = greatest(usage_peak.peak, excluded.peak)";

const HOURS: &str = "\
    insert into usage_hour (app_id, ts, metric, value) \
    select minute.app_id, mark.hour, minute.metric, sum(minute.value)::bigint \
      from unnest($1::bigint[], $2::timestamptz[]) as mark (app_id, hour) \
      join usage_minute minute on minute.app_id = mark.app_id and minute.ts >= mark.hour and minute.ts < mark.hour + interval '1 hour' \
     group by 1, 2, 3 \
    union all \
    select peak.app_id, mark.hour, 13, max(peak.peak)::bigint \
      from unnest($1::bigint[], $2::timestamptz[]) as mark (app_id, hour) \
      join usage_peak peak on peak.app_id = mark.app_id and peak.ts >= mark.hour and peak.ts < mark.hour + interval '1 hour' \
     group by 1, 2 \
    on conflict (app_id, metric, ts) do update set value = excluded.value";

const DAYS: &str = "\
    insert into usage_day (app_id, day, metric, value) \
    select hour.app_id, mark.day::date, hour.metric, (case when hour.metric = 13 then max(hour.value) else sum(hour.value) end)::bigint \
      from (select distinct app_id, date_trunc('day', hour at time zone 'UTC') as day \
              from unnest($1::bigint[], $2::timestamptz[]) as mark (app_id, hour)) as mark \
      join usage_hour hour on hour.app_id = mark.app_id \
       and hour.ts >= mark.day at time zone 'UTC' and hour.ts < (mark.day + interval '1 day') at time zone 'UTC' \
     group by 1, 2, 3 \
    on conflict (app_id, metric, day) do update set value = excluded.value";
