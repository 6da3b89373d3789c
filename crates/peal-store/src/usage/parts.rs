//! What is recorded beside the numbers: their breakdown, and what is known to be missing from them or counted elsewhere.

use peal_core::AppId;
use peal_core::usage::{Dimension, Metric};
use time::{Duration, OffsetDateTime};

use super::source::GapReason;
use crate::error::StoreError;
use crate::store::Store;

/// What did not fit into its minute: too old or from the future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageAdjustment {
    /// When it happened, by the clock of the node.
    pub ts: OffsetDateTime,
    pub noticed_at: OffsetDateTime,
    pub metric: Metric,
    pub value: u64,
}

/// A time of which some node's counts may be lost, as far as it concerns tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageLoss {
    pub noticed_at: OffsetDateTime,
    pub reason: GapReason,
}

/// Rows of one answer.
const NOTES_MAX: i64 = 100;

impl Store {
    /// A metric of an app by the values of a dimension, largest first, of minutes from one time to another.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn usage_breakdown_read(
        &self,
        app: AppId,
        (dimension, metric): (Dimension, Metric),
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "select label, sum(value)::bigint from usage_breakdown \
             where app_id = $1 and dimension = $2 and metric = $3 and ts >= $4 and ts < $5 group by label order by 2 desc, 1",
        )
        .bind(app.get())
        .bind(dimension.number())
        .bind(metric.number())
        .bind(from)
        .bind(to)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(label, value)| (label, value.max(0) as u64)).collect())
    }

    /// The names of an app's keys, also of revoked ones.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn key_names(&self, app: AppId, keys: &[String]) -> Result<Vec<(String, String)>, StoreError> {
        Ok(sqlx::query_as("select key_id, name from api_key where app_id = $1 and key_id = any($2)")
            .bind(app.get())
            .bind(keys)
            .fetch_all(&self.pool)
            .await?)
    }

    /// What an app used and what is not in its numbers, because it was reported too late or for a time to come. Newest first.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn usage_adjustments(
        &self,
        app: AppId,
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> Result<Vec<UsageAdjustment>, StoreError> {
        let rows: Vec<(OffsetDateTime, OffsetDateTime, i16, i64)> = sqlx::query_as(
            "select date_trunc('day', ts, 'UTC'), max(noticed_at), metric, sum(value)::bigint from usage_adjustment \
             where app_id = $1 and noticed_at >= $2 and noticed_at < $3 group by 1, 3 order by 2 desc, 1, 3 limit $4",
        )
        .bind(app.get())
        .bind(from)
        .bind(to)
        .bind(NOTES_MAX)
        .fetch_all(&self.pool)
        .await?;
        // A later release may count what this one does not know.
        let known = rows.into_iter().filter_map(|(ts, noticed_at, metric, value)| {
            Some(UsageAdjustment { ts, noticed_at, metric: Metric::from_number(metric)?, value: value.max(0) as u64 })
        });
        Ok(known.collect())
    }

    /// Losses that may have touched an app: it used something on the day around them. Newest first. A gap is of a node and nobody knows whose
    /// counts were in it, so that more apps are told than lost something; neither node nor source is any tenant's business.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn usage_losses(&self, app: AppId, from: OffsetDateTime, to: OffsetDateTime) -> Result<Vec<UsageLoss>, StoreError> {
        let rows: Vec<(OffsetDateTime, String)> = sqlx::query_as(
            "select noticed_at, reason from meter_gap where noticed_at >= $2 and noticed_at < $3 \
               and exists (select from usage_minute where app_id = $1 and ts >= noticed_at - $5 and ts < noticed_at + $5 \
                           union all select from usage_hour where app_id = $1 and ts >= noticed_at - $5 and ts < noticed_at + $5) \
             order by noticed_at desc limit $4",
        )
        .bind(app.get())
        .bind(from)
        .bind(to)
        .bind(NOTES_MAX)
        .bind(Duration::DAY)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(|(noticed_at, reason)| Ok(UsageLoss { noticed_at, reason: GapReason::parse(&reason)? })).collect()
    }
}
