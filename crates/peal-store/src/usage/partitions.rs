//! Partitions: made ahead, dropped when what they hold has outlived its purpose.
//!
//! A new one is made beside its table and then attached, which does not stop anybody who writes; `create … partition of` would. One is never
//! dropped while an hour in it waits to be summed.

use sqlx::AssertSqlSafe;
use time::{Date, Duration, Month, OffsetDateTime};

use crate::error::StoreError;
use crate::store::Store;

/// Keeps two processes from making the same partition; any number that nothing else uses.
const LOCK: i64 = 0x7065_616c_7061_7274;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    Day,
    Month,
}

struct Table {
    name: &'static str,
    span: Span,
    /// Days back and ahead of today for which there must be partitions.
    behind: i64,
    ahead: i64,
    /// Days after which nothing in a partition is needed.
    kept: i64,
    /// What its rows are summed into is still to be made while a mark is there.
    summed: bool,
}

/// Late batches may reach 8 days back, so minutes are there for one more.
const TABLES: [Table; 6] = [
    Table { name: "usage_minute", span: Span::Day, behind: 8, ahead: 2, kept: 9, summed: true },
    Table { name: "usage_breakdown", span: Span::Day, behind: 8, ahead: 2, kept: 30, summed: false },
    Table { name: "conn_sample", span: Span::Day, behind: 2, ahead: 2, kept: 2, summed: true },
    Table { name: "usage_peak", span: Span::Day, behind: 2, ahead: 2, kept: 9, summed: true },
    Table { name: "usage_hour", span: Span::Month, behind: 8, ahead: 2, kept: 396, summed: false },
    Table { name: "meter_batch", span: Span::Month, behind: 0, ahead: 2, kept: 396, summed: false },
];

impl Span {
    fn begin(self, day: Date) -> Date {
        match self {
            Span::Day => day,
            Span::Month => day.replace_day(1).unwrap_or(day),
        }
    }

    fn end(self, begin: Date) -> Date {
        match self {
            Span::Day => begin.saturating_add(Duration::DAY),
            Span::Month => {
                let days = begin.month().length(begin.year());
                begin.saturating_add(Duration::days(i64::from(days)))
            }
        }
    }

    fn suffix(self, begin: Date) -> String {
        let (year, month) = (begin.year(), u8::from(begin.month()));
        match self {
            Span::Day => format!("{year:04}{month:02}{:02}", begin.day()),
            Span::Month => format!("{year:04}{month:02}"),
        }
    }

    fn parse(self, suffix: &str) -> Option<Date> {
        let number = |range: std::ops::Range<usize>| suffix.get(range).and_then(|text| text.parse::<u16>().ok());
        let month = Month::try_from(number(4..6)? as u8).ok()?;
        let day = match self {
            Span::Day => number(6..8)? as u8,
            Span::Month => 1,
        };
        Date::from_calendar_date(i32::from(number(0..4)?), month, day).ok()
    }
}

impl Store {
    /// Makes every partition that is needed now or soon and is not there.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn usage_partitions_create(&self) -> Result<(), StoreError> {
        for table in &TABLES {
            let mut txn = self.pool.begin().await?;
            sqlx::query("select pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *txn).await?;
            let today = sqlx::query_scalar::<_, OffsetDateTime>("select now()").fetch_one(&mut *txn).await?.date();
            let present = partitions_of(&mut txn, table).await?;
            let mut begin = table.span.begin(today - Duration::days(table.behind));
            while begin <= today + Duration::days(table.ahead) {
                let end = table.span.end(begin);
                if !present.contains(&begin) {
                    let (parent, suffix) = (table.name, table.span.suffix(begin));
                    let create = format!("create table {parent}_{suffix} (like {parent} including all) with (fillfactor = 70)");
                    sqlx::query(AssertSqlSafe(create)).execute(&mut *txn).await?;
                    let attach = format!(
                        "alter table {parent} attach partition {parent}_{suffix} for values from ('{begin} 00:00+00') to ('{end} 00:00+00')"
                    );
                    sqlx::query(AssertSqlSafe(attach)).execute(&mut *txn).await?;
                }
                begin = end;
            }
            txn.commit().await?;
        }
        Ok(())
    }

    /// Drops partitions that were over so many days before a time as their table is kept. Answers their names.
    ///
    /// # Errors
    /// Only those of the database. A partition that is in use for longer than two seconds stays until the next time.
    pub async fn usage_partitions_drop(&self, now: OffsetDateTime) -> Result<Vec<String>, StoreError> {
        let mut dropped = Vec::new();
        for table in &TABLES {
            let mut conn = self.pool.acquire().await?;
            let present = partitions_of(&mut conn, table).await?;
            drop(conn);
            for begin in present {
                let end = table.span.end(begin).midnight().assume_utc();
                if end + Duration::days(table.kept) > now {
                    continue;
                }
                let mut txn = self.pool.begin().await?;
                let waiting: bool =
                    sqlx::query_scalar("select exists (select from usage_dirty where hour < $1)").bind(end).fetch_one(&mut *txn).await?;
                if table.summed && waiting {
                    tracing::warn!(table = table.name, %begin, "hours of this day are not summed yet, so its minutes are kept");
                    continue;
                }
                let name = format!("{}_{}", table.name, table.span.suffix(begin));
                sqlx::query("set local lock_timeout = '2s'").execute(&mut *txn).await?;
                sqlx::query(AssertSqlSafe(format!("drop table {name}"))).execute(&mut *txn).await?;
                txn.commit().await?;
                dropped.push(name);
            }
        }
        Ok(dropped)
    }
}

async fn partitions_of(conn: &mut sqlx::PgConnection, table: &Table) -> Result<Vec<Date>, StoreError> {
    let names: Vec<String> = sqlx::query_scalar(
        "select child.relname::text from pg_inherits join pg_class child on child.oid = inhrelid where inhparent = $1::regclass order by 1",
    )
    .bind(table.name)
    .fetch_all(conn)
    .await?;
    let suffix = |name: &String| name.strip_prefix(table.name)?.strip_prefix('_').and_then(|suffix| table.span.parse(suffix));
    Ok(names.iter().filter_map(suffix).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partitions_name_says_where_it_begins() {
        let leap = Date::from_calendar_date(2028, Month::February, 29).unwrap();
        assert_eq!(Span::Day.suffix(leap), "20280229");
        assert_eq!(Span::Day.parse("20280229"), Some(leap));
        let month = Span::Month.begin(leap);
        assert_eq!((Span::Month.suffix(month).as_str(), Span::Month.end(month).to_string().as_str()), ("202802", "2028-03-01"));
        assert_eq!(Span::Month.parse("202802"), Some(month));
        assert_eq!(Span::Day.parse("2028"), None);
    }
}
