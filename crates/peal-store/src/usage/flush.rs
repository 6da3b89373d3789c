//! Applying a batch.

use std::collections::BTreeMap;

use peal_core::usage::{Batch, BreakdownRow, Row, Sample};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use super::{LATE_DAYS, unix};
use crate::error::StoreError;
use crate::quota::first_of_month;
use crate::store::Store;

/// A batch is tried again at once so often where the first attempt met a missing partition or a deadlock.
const ATTEMPTS: usize = 4;
/// A clock that runs ahead is believed this far.
const FUTURE: Duration = Duration::minutes(2);
/// Samples live 48 hours; a partition must not be gone under one.
const SAMPLE_LATE: Duration = Duration::hours(47);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushAnswer {
    Applied,
    /// It was applied before.
    Duplicate,
    /// Batches before it are missing here: `last_seq` is the last one that was applied.
    Gap {
        last_seq: i64,
    },
    UnknownSource,
}

impl Store {
    /// Applies a batch, or says why not. Safe to repeat with the same batch, also when the answer of an earlier attempt was lost.
    ///
    /// # Errors
    /// Those of the database: then nothing was applied, or, if the connection broke while it committed, everything.
    pub async fn usage_flush(&self, batch: &Batch) -> Result<FlushAnswer, StoreError> {
        for _ in 0..ATTEMPTS {
            match self.flush_once(batch).await {
                Err(error) if lacks_partition(&error) => self.usage_partitions_create().await?,
                // Postgres chose this transaction to end a deadlock: nothing of it was applied.
                Err(error) if is_deadlock(&error) => {}
                answer => return answer,
            }
        }
        self.flush_once(batch).await
    }

    async fn flush_once(&self, batch: &Batch) -> Result<FlushAnswer, StoreError> {
        let mut txn = self.pool.begin().await?;
        let Some(now) = pass_guard(&mut txn, batch).await? else {
            let last: Option<i64> = sqlx::query_scalar("select last_seq from meter_source where source_id = $1")
                .bind(batch.source)
                .fetch_optional(&mut *txn)
                .await?;
            return Ok(match last {
                None => FlushAnswer::UnknownSource,
                Some(last) if last >= batch.seq => FlushAnswer::Duplicate,
                Some(last_seq) => FlushAnswer::Gap { last_seq },
            });
        };
        let (timely, untimely): (Vec<Row>, Vec<Row>) = batch.usage.rows.iter().partition(|row| is_timely(row.minute, now));
        let breakdown: Vec<&BreakdownRow> = batch.usage.breakdown.iter().filter(|row| is_timely(row.minute, now)).collect();
        let oldest = (now - SAMPLE_LATE).unix_timestamp();
        let newest = (now + FUTURE).unix_timestamp();
        let in_time = |sample: &&Sample| (oldest..=newest).contains(&((sample.slot * 10) as i64));
        let samples: Vec<Sample> = batch.usage.samples.iter().filter(in_time).copied().collect();
        minutes_add(&mut txn, &timely).await?;
        breakdown_add(&mut txn, &breakdown).await?;
        samples_add(&mut txn, batch.source, &samples).await?;
        mark_dirty(&mut txn, &timely, &samples).await?;
        months_add(&mut txn, &timely).await?;
        adjustments_add(&mut txn, batch, &untimely).await?;
        ledger_add(&mut txn, batch, &timely).await?;
        txn.commit().await?;
        Ok(FlushAnswer::Applied)
    }
}

/// The row lock keeps other attempts of the same source waiting until this transaction has ended. Answers the database's time.
async fn pass_guard(conn: &mut PgConnection, batch: &Batch) -> Result<Option<OffsetDateTime>, StoreError> {
    Ok(sqlx::query_scalar(
        "update meter_source set last_seq = $2, last_at = now(), covers_to = greatest(covers_to, $3), ended_at = null \
         where source_id = $1 and last_seq = $2 - 1 returning now()",
    )
    .bind(batch.source)
    .bind(batch.seq)
    .bind(unix(batch.covers_to_ms / 1_000)?)
    .fetch_optional(conn)
    .await?)
}

fn is_timely(minute: u64, now: OffsetDateTime) -> bool {
    let at = i64::try_from(minute.saturating_mul(60)).unwrap_or(i64::MAX);
    (now - Duration::days(LATE_DAYS)).unix_timestamp() <= at && at <= (now + FUTURE).unix_timestamp()
}

async fn minutes_add(conn: &mut PgConnection, rows: &[Row]) -> Result<(), StoreError> {
    sqlx::query(
        "insert into usage_minute (app_id, ts, metric, value) \
         select app, to_timestamp(minute * 60), metric, value \
           from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[]) as row (app, minute, metric, value) \
          order by 1, 2, 3 \
         on conflict (app_id, ts, metric) do update set value = usage_minute.value + excluded.value",
    )
    .bind(rows.iter().map(|row| row.app.get()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.minute as i64).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.metric.number()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.value as i64).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

async fn breakdown_add(conn: &mut PgConnection, rows: &[&BreakdownRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into usage_breakdown (app_id, ts, dimension, metric, label, value) \
         select app, to_timestamp(minute * 60), dimension, metric, label, value \
           from unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::smallint[], $5::text[], $6::bigint[]) \
             as row (app, minute, dimension, metric, label, value) \
          order by 1, 2, 3, 4, 5 \
         on conflict (app_id, ts, dimension, metric, label) do update set value = usage_breakdown.value + excluded.value",
    )
    .bind(rows.iter().map(|row| row.app.get()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.minute as i64).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.dimension.number()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.metric.number()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.label.to_string()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.value as i64).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

async fn samples_add(conn: &mut PgConnection, source: Uuid, samples: &[Sample]) -> Result<(), StoreError> {
    if samples.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into conn_sample (app_id, slot, source_id, value) \
         select app, to_timestamp(slot * 10), $1, value from unnest($2::bigint[], $3::bigint[], $4::int[]) as sample (app, slot, value) \
          order by 1, 2 \
         on conflict (app_id, slot, source_id) do update set value = greatest(conn_sample.value, excluded.value)",
    )
    .bind(source)
    .bind(samples.iter().map(|sample| sample.app.get()).collect::<Vec<_>>())
    .bind(samples.iter().map(|sample| sample.slot as i64).collect::<Vec<_>>())
    .bind(samples.iter().map(|sample| i32::try_from(sample.value).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// `do update`, not `do nothing`: it locks a mark that is there until this transaction has committed, so that no roll-up takes the mark
/// away and then sums without what this transaction adds.
async fn mark_dirty(conn: &mut PgConnection, rows: &[Row], samples: &[Sample]) -> Result<(), StoreError> {
    let of_rows = rows.iter().map(|row| (row.app.get(), row.minute as i64 / 60));
    let of_samples = samples.iter().map(|sample| (sample.app.get(), sample.slot as i64 / 360));
    let (apps, hours): (Vec<i64>, Vec<i64>) = of_rows.chain(of_samples).unzip();
    sqlx::query(
        "insert into usage_dirty (app_id, hour) \
         select distinct app, to_timestamp(hour * 3600) from unnest($1::bigint[], $2::bigint[]) as mark (app, hour) order by 1, 2 \
         on conflict (app_id, hour) do update set hour = excluded.hour",
    )
    .bind(apps)
    .bind(hours)
    .execute(conn)
    .await?;
    Ok(())
}

/// What the month's quota counts: everything billable.
async fn months_add(conn: &mut PgConnection, rows: &[Row]) -> Result<(), StoreError> {
    let mut months: BTreeMap<(i64, Date), i64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.metric.info().billable) {
        let month = first_of_month(unix(row.minute.saturating_mul(60))?);
        *months.entry((row.app.get(), month)).or_default() += row.value as i64;
    }
    if months.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into quota_used (app_id, month, messages) select * from unnest($1::bigint[], $2::date[], $3::bigint[]) order by 1, 2 \
         on conflict (app_id, month) do update set messages = quota_used.messages + excluded.messages",
    )
    .bind(months.keys().map(|(app, _)| *app).collect::<Vec<_>>())
    .bind(months.keys().map(|(_, month)| *month).collect::<Vec<_>>())
    .bind(months.values().copied().collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

async fn adjustments_add(conn: &mut PgConnection, batch: &Batch, rows: &[Row]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let times: Result<Vec<OffsetDateTime>, StoreError> = rows.iter().map(|row| unix(row.minute.saturating_mul(60))).collect();
    sqlx::query(
        "insert into usage_adjustment (app_id, source_id, seq, ts, metric, value) \
         select app, $1, $2, ts, metric, value \
           from unnest($3::bigint[], $4::timestamptz[], $5::smallint[], $6::bigint[]) as row (app, ts, metric, value)",
    )
    .bind(batch.source)
    .bind(batch.seq)
    .bind(rows.iter().map(|row| row.app.get()).collect::<Vec<_>>())
    .bind(times?)
    .bind(rows.iter().map(|row| row.metric.number()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.value as i64).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// What was added to the minutes, by day and metric: the other half of the books.
async fn ledger_add(conn: &mut PgConnection, batch: &Batch, rows: &[Row]) -> Result<(), StoreError> {
    let mut sums: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for row in rows {
        let day = unix(row.minute.saturating_mul(60))?.date().to_string();
        *sums.entry(day).or_default().entry(row.metric.number().to_string()).or_default() += row.value;
    }
    sqlx::query("insert into meter_batch (source_id, seq, rows, sums) values ($1, $2, $3, $4)")
        .bind(batch.source)
        .bind(batch.seq)
        .bind(rows.len() as i32)
        .bind(Json(sums))
        .execute(conn)
        .await?;
    Ok(())
}

fn is_deadlock(error: &StoreError) -> bool {
    let (StoreError::Database(sqlx::Error::Database(refusal)) | StoreError::Unavailable(sqlx::Error::Database(refusal))) = error else {
        return false;
    };
    refusal.code().as_deref() == Some("40P01")
}

/// Class 23514 is what Postgres answers when no partition takes a row.
fn lacks_partition(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(sqlx::Error::Database(refusal)) if refusal.code().as_deref() == Some("23514"))
}
