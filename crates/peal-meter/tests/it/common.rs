//! A migrated store on a database of its own, and the truth to compare it with.

use std::collections::BTreeMap;

use peal_core::AppId;
use peal_core::usage::{Batch, Metric, Row, Usage};
use peal_store::{Keyring, Store, StoreOptions};
use peal_testkit::postgres::TestDb;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) db: TestDb,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let db = TestDb::create().await;
        Self { store: connect(db.url()).await, db }
    }

    pub(crate) async fn connection(&self) -> PgConnection {
        PgConnection::connect(self.db.url()).await.expect("Postgres answers")
    }

    pub(crate) async fn sql(&self, sql: &str) {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection().await).await.expect("the statement runs");
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut self.connection().await).await.expect("the query runs")
    }

    /// Rolls everything up, also hours that are open.
    pub(crate) async fn rollup_all(&self) {
        while self.store.usage_rollup(Some(far_future())).await.expect("a roll-up").hours > 0 {}
        assert_eq!(self.number("select count(*) from usage_dirty").await, 0);
    }

    /// Minutes, hours, days, quotas and ledger all say the same as the truth.
    pub(crate) async fn assert_exact(&self, truth: &Truth) {
        let mut connection = self.connection().await;
        let rows: Vec<(i64, OffsetDateTime, i16, i64)> =
            sqlx::query_as("select app_id, ts, metric, value from usage_minute").fetch_all(&mut connection).await.unwrap();
        let minutes: Truth = rows
            .into_iter()
            .map(|(app, ts, metric, value)| ((app, (ts.unix_timestamp() / 60) as u64, Metric::from_number(metric).unwrap()), value as u64))
            .collect();
        assert_eq!(&minutes, truth, "minutes");
        let wrong = "select count(*) from (select app_id, date_trunc('hour', ts, 'UTC') as hour, metric, sum(value) as value from usage_minute \
             group by 1, 2, 3) as truth full join (select * from usage_hour where metric <> 13) as hours \
             on hours.app_id = truth.app_id and hours.ts = truth.hour and hours.metric = truth.metric \
             where truth.value is distinct from hours.value";
        assert_eq!(self.number(wrong).await, 0, "hours");
        let wrong = "select count(*) from (select app_id, (ts at time zone 'UTC')::date as day, metric, sum(value) as value from usage_hour \
             where metric <> 13 group by 1, 2, 3) as truth full join (select * from usage_day where metric <> 13) as days \
             on days.app_id = truth.app_id and days.day = truth.day and days.metric = truth.metric \
             where truth.value is distinct from days.value";
        assert_eq!(self.number(wrong).await, 0, "days");
        let mut day = OffsetDateTime::now_utc().date();
        for _ in 0..3 {
            assert_eq!(self.store.usage_reconcile(day).await.unwrap(), [], "{day}");
            day = day.previous_day().unwrap();
        }
        let whole: u64 = truth.values().sum();
        let ledger = self
            .number("select coalesce(sum(value::bigint), 0)::bigint from meter_batch, jsonb_each(sums) as d (day, metrics), jsonb_each_text(metrics)")
            .await;
        assert_eq!(ledger as u64, whole, "ledger");
        let billable: u64 = truth.iter().filter(|((.., metric), _)| metric.info().billable).map(|(_, value)| value).sum();
        let quotas = self.number("select coalesce(sum(messages), 0)::bigint from quota_used").await;
        assert_eq!(quotas as u64, billable, "quotas");
        assert_eq!(self.deadlocks().await, 0, "deadlocks");
    }

    /// How often Postgres had to end a deadlock. A session may keep what it has noticed to itself until it ends, so all are ended first.
    pub(crate) async fn deadlocks(&self) -> i64 {
        let others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
        while self.number(&format!("select count(pg_terminate_backend(pid)) {others}")).await > 0 {
            tokio::task::yield_now().await;
        }
        self.number("select deadlocks from pg_stat_database where datname = current_database()").await
    }
}

/// By app, minute and metric.
pub(crate) type Truth = BTreeMap<(i64, u64, Metric), u64>;

pub(crate) fn add(truth: &mut Truth, usage: &Usage) {
    for row in &usage.rows {
        *truth.entry((row.app.get(), row.minute, row.metric)).or_default() += row.value;
    }
}

pub(crate) async fn connect(url: &str) -> Store {
    Store::connect(url, Keyring::ephemeral(), StoreOptions { max_connections: 8, ..StoreOptions::default() })
        .await
        .expect("the URL is valid")
}

pub(crate) fn far_future() -> OffsetDateTime {
    OffsetDateTime::now_utc() + time::Duration::days(1)
}

pub(crate) fn app(number: i64) -> AppId {
    AppId::new(100_000_000 + number).expect("a valid id")
}

pub(crate) fn minute_now() -> u64 {
    (OffsetDateTime::now_utc().unix_timestamp() / 60) as u64
}

pub(crate) fn rows(rows: &[(i64, u64, Metric, u64)]) -> Usage {
    let row = |(number, minute, metric, value): &(i64, u64, Metric, u64)| Row {
        app: app(*number),
        minute: *minute,
        metric: *metric,
        value: *value,
    };
    let usage = Usage { rows: rows.iter().map(row).collect(), ..Usage::default() };
    usage.merged(Usage::default())
}

pub(crate) fn batch(source: Uuid, seq: i64, usage: Usage) -> Batch {
    Batch { source, seq, covers_to_ms: OffsetDateTime::now_utc().unix_timestamp() as u64 * 1_000, usage }
}
