//! The books must balance: what the batches say they added is what the minutes hold is what the hours and days say.

use time::{Date, Duration};

use crate::error::StoreError;
use crate::store::Store;

/// A metric of a day on which two of them disagree. Over all apps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageDifference {
    pub metric: i16,
    pub ledger: i64,
    pub minutes: i64,
    pub hours: i64,
    pub day: i64,
}

impl Store {
    /// Compares ledger, minutes, hours and day of one day (UTC), which must be over, rolled up, and not longer ago than minutes are kept.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn usage_reconcile(&self, day: Date) -> Result<Vec<UsageDifference>, StoreError> {
        let begin = day.midnight().assume_utc();
        let rows: Vec<(i16, i64, i64, i64, i64)> = sqlx::query_as(
            "with books as ( \
               select key::smallint as metric, value::bigint as ledger, 0::bigint as minutes, 0::bigint as hours, 0::bigint as days \
                 from meter_batch cross join lateral jsonb_each_text(coalesce(sums -> $1, '{}')) where received_at >= $2 - interval '1 hour' \
               union all select metric, 0, value, 0, 0 from usage_minute where ts >= $2 and ts < $3 \
               union all select metric, 0, 0, value, 0 from usage_hour where ts >= $2 and ts < $3 and metric <> 13 \
               union all select metric, 0, 0, 0, value from usage_day where day = $4 and metric <> 13) \
             select metric, sum(ledger)::bigint, sum(minutes)::bigint, sum(hours)::bigint, sum(days)::bigint from books group by metric \
             having sum(ledger) <> sum(minutes) or sum(minutes) <> sum(hours) or sum(hours) <> sum(days) order by metric",
        )
        .bind(day.to_string())
        .bind(begin)
        .bind(begin + Duration::DAY)
        .bind(day)
        .fetch_all(&self.pool)
        .await?;
        let difference = |(metric, ledger, minutes, hours, day)| UsageDifference { metric, ledger, minutes, hours, day };
        Ok(rows.into_iter().map(difference).collect())
    }
}
