//! How much of the month's quota an org has used, and since when it is near or over it.
//!
//! The sums are kept by app, because usage knows no orgs; they are added where a batch is applied (`usage/flush.rs`) and so are exact. What an
//! org may use is its plan's business, and plans are a file, so that the comparison is made here and not in SQL. When a share is
//! crossed for the first time it is written down once, whoever notices.

use std::collections::{BTreeMap, BTreeSet};

use peal_core::quota::{NEAR_PERCENT, Quota};
use peal_core::{AppId, OrgId, Plan};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::error::StoreError;
use crate::store::Store;

/// Shares whose crossing is written down, in percent.
const CROSSINGS: [u64; 2] = [NEAR_PERCENT, 100];

/// An org, its plan, what it has used this month, and what time it is.
type Used = (Uuid, String, i64, OffsetDateTime);

/// By org, month, what was included and percent.
type Crossings = BTreeMap<(Uuid, i16), OffsetDateTime>;

impl Store {
    /// Where the orgs of some apps stand, by app: what an edge is told with the answer to a batch. `None` for no quota. An app that is not
    /// there is not in the answer.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn quotas_of_apps(&self, apps: &[AppId]) -> Result<Vec<(AppId, Option<Quota>)>, StoreError> {
        let ids: Vec<i64> = apps.iter().map(|app| app.get()).collect();
        let owners: Vec<(i64, Uuid, String)> =
            sqlx::query_as("select app_id, org_id, plan from app join org using (org_id) where app_id = any($1)")
                .bind(ids)
                .fetch_all(&self.pool)
                .await?;
        let has_quota = |plan: &str| self.plans.get_or_default(plan).messages_per_month.is_some();
        let limited: BTreeSet<Uuid> = owners.iter().filter(|(_, _, plan)| has_quota(plan)).map(|(_, org, _)| *org).collect();
        let quotas =
            if limited.is_empty() { BTreeMap::new() } else { self.quotas_of_orgs(&limited.into_iter().collect::<Vec<_>>()).await? };
        owners.into_iter().map(|(app, org, _)| Ok((crate::app::app_id(app)?, quotas.get(&org).copied()))).collect()
    }

    /// Where an org stands; `None` for no quota.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn quota_read(&self, org: OrgId) -> Result<(Plan, Option<Quota>), StoreError> {
        let plan: Option<String> =
            sqlx::query_scalar("select plan from org where org_id = $1").bind(org.0).fetch_optional(&self.pool).await?;
        let plan = self.plans.get_or_default(&plan.ok_or(StoreError::NotFound("org"))?).clone();
        let quota = if plan.messages_per_month.is_some() { self.quotas_of_orgs(&[org.0]).await?.remove(&org.0) } else { None };
        Ok((plan, quota))
    }

    async fn quotas_of_orgs(&self, orgs: &[Uuid]) -> Result<BTreeMap<Uuid, Quota>, StoreError> {
        let used: Vec<Used> = sqlx::query_as(
            "select org_id, plan, coalesce((select sum(messages) from app join quota_used using (app_id) \
               where app.org_id = org.org_id and month = date_trunc('month', now() at time zone 'UTC')::date), 0)::bigint, now() \
             from org where org_id = any($1)",
        )
        .bind(orgs)
        .fetch_all(&self.pool)
        .await?;
        let crossings = self.crossings(&used).await?;
        let quota = |(org, plan, used, now): Used| {
            let plan = self.plans.get_or_default(&plan);
            let quota = Quota {
                included: plan.messages_per_month?,
                used: used.max(0) as u64,
                when_used_up: plan.when_used_up,
                used_up_at_s: crossings.get(&(org, 100)).map(|at| at.unix_timestamp().max(0) as u64),
                resets_at_s: next_month(now).midnight().assume_utc().unix_timestamp().max(0) as u64,
            };
            Some((org, quota))
        };
        Ok(used.into_iter().filter_map(quota).collect())
    }

    /// When these orgs crossed what they have crossed. Writes down what nobody has yet.
    async fn crossings(&self, used: &[Used]) -> Result<Crossings, StoreError> {
        let mut crossed = Vec::new();
        for (org, plan, used, now) in used {
            let Some(included) = self.plans.get_or_default(plan).messages_per_month else { continue };
            for percent in CROSSINGS {
                if i128::from(*used) * 100 >= i128::from(included) * i128::from(percent) {
                    crossed.push((*org, first_of_month(*now), i64::try_from(included).unwrap_or(i64::MAX), percent as i16));
                }
            }
        }
        if crossed.is_empty() {
            return Ok(Crossings::new());
        }
        let orgs: Vec<Uuid> = crossed.iter().map(|row| row.0).collect();
        let months: Vec<Date> = crossed.iter().map(|row| row.1).collect();
        let included: Vec<i64> = crossed.iter().map(|row| row.2).collect();
        let percents: Vec<i16> = crossed.iter().map(|row| row.3).collect();
        sqlx::query(
            "insert into quota_crossing (org_id, month, included, percent) \
             select * from unnest($1::uuid[], $2::date[], $3::bigint[], $4::smallint[]) order by 1, 2, 3, 4 on conflict do nothing",
        )
        .bind(&orgs)
        .bind(&months)
        .bind(&included)
        .bind(&percents)
        .execute(&self.pool)
        .await?;
        let rows: Vec<(Uuid, i16, OffsetDateTime)> = sqlx::query_as(
            "select org_id, percent, crossed_at from quota_crossing join unnest($1::uuid[], $2::date[], $3::bigint[], $4::smallint[]) \
               as crossed (org_id, month, included, percent) using (org_id, month, included, percent)",
        )
        .bind(&orgs)
        .bind(&months)
        .bind(&included)
        .bind(&percents)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(org, percent, at)| ((org, percent), at)).collect())
    }
}

/// The month that usage counts in.
pub(crate) fn first_of_month(at: OffsetDateTime) -> Date {
    let day = at.to_offset(time::UtcOffset::UTC).date();
    day.replace_day(1).unwrap_or(day)
}

fn next_month(at: OffsetDateTime) -> Date {
    let first = first_of_month(at);
    let days = first.month().length(first.year());
    first.saturating_add(time::Duration::days(i64::from(days)))
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    #[test]
    fn months_are_calendar_months_in_utc() {
        assert_eq!(first_of_month(datetime!(2026-12-01 00:30 +01:00)), date!(2026 - 11 - 01));
        assert_eq!(next_month(datetime!(2026-12-31 23:59 UTC)), date!(2027 - 01 - 01));
        assert_eq!(next_month(datetime!(2028-02-29 12:00 UTC)), date!(2028 - 03 - 01));
    }
}
