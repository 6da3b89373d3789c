//! Apps as the control plane sees them.

mod change;

use peal_core::{AppId, Environment, Features, Limits, OrgId, Plan, RuleSettings, Tightening};
use rand::RngExt;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::error::StoreError;
use crate::page::{Page, Paging};
use crate::store::Store;
use crate::stored::settings;

pub(crate) use change::difference;
pub use change::{AppCreated, AppSettings};

/// Apps of one org that are not deleted.
pub const APPS_MAX: u32 = 100;
/// New ids have 9 to 15 digits.
const NEW_ID_MIN: i64 = 100_000_000;

#[derive(Debug, Clone)]
pub struct AppInfo {
    pub id: AppId,
    pub name: String,
    pub environment: Environment,
    pub paused: bool,
    pub features: Features,
    pub created_at: OffsetDateTime,
}

/// An app to be made.
#[derive(Debug, Clone)]
pub struct NewApp {
    pub name: String,
    pub environment: Environment,
}

/// What an app may do and where that comes from.
#[derive(Debug, Clone)]
pub struct AppLimits {
    pub plan: Plan,
    pub own: Tightening,
}

impl AppLimits {
    /// What holds.
    #[must_use]
    pub fn effective(&self) -> Limits {
        self.plan.limits.tightened(&self.own)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    app_id: i64,
    name: String,
    environment: String,
    paused: bool,
    features: Value,
    created_at: OffsetDateTime,
}

/// The columns of [`Row`].
macro_rules! row_columns {
    () => {
        "app_id, name, environment, paused, features, created_at"
    };
}

impl TryFrom<Row> for AppInfo {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(AppInfo {
            id: app_id(row.app_id)?,
            name: row.name,
            environment: environment_parse(&row.environment)?,
            paused: row.paused,
            features: settings("features", row.features)?,
            created_at: row.created_at,
        })
    }
}

impl Store {
    /// The apps of an org, oldest first.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn app_list(&self, org: OrgId, paging: Paging<AppId>) -> Result<Page<AppInfo, AppId>, StoreError> {
        let sql = concat!(
            "select ",
            row_columns!(),
            " from app where org_id = $1 and deleted_at is null \
             and ($2::bigint is null or (created_at, app_id) > (select created_at, app_id from app where org_id = $1 and app_id = $2)) \
             order by created_at, app_id limit $3"
        );
        let rows: Vec<Row> =
            sqlx::query_as(sql).bind(org.0).bind(paging.after.map(AppId::get)).bind(paging.fetch()).fetch_all(&self.pool).await?;
        let apps = rows.into_iter().map(AppInfo::try_from).collect::<Result<_, _>>()?;
        Ok(paging.page(apps, |app: &AppInfo| app.id))
    }

    /// # Errors
    /// [`StoreError::NotFound`], also for an app of another org.
    pub async fn app_get(&self, org: OrgId, app: AppId) -> Result<AppInfo, StoreError> {
        let sql = concat!("select ", row_columns!(), " from app where org_id = $1 and app_id = $2 and deleted_at is null");
        let row: Option<Row> = sqlx::query_as(sql).bind(org.0).bind(app.get()).fetch_optional(&self.pool).await?;
        row.ok_or(StoreError::NotFound("app"))?.try_into()
    }

    /// # Errors
    /// [`StoreError::NotFound`], also for an app of another org.
    pub async fn app_limits(&self, org: OrgId, app: AppId) -> Result<AppLimits, StoreError> {
        let mut conn = self.pool.acquire().await?;
        self.app_limits_in_txn(&mut conn, org, app).await
    }

    pub(crate) async fn app_limits_in_txn(&self, conn: &mut PgConnection, org: OrgId, app: AppId) -> Result<AppLimits, StoreError> {
        let row: Option<(String, Json<Tightening>)> = sqlx::query_as(
            "select o.plan, a.limits from app a join org o using (org_id) \
             where a.org_id = $1 and a.app_id = $2 and a.deleted_at is null",
        )
        .bind(org.0)
        .bind(app.get())
        .fetch_optional(conn)
        .await?;
        let (plan, own) = row.ok_or(StoreError::NotFound("app"))?;
        Ok(AppLimits { plan: self.plans.get_or_default(&plan).clone(), own: own.0 })
    }
}

/// Takes the app's row, which serialises its writers and proves that the org owns it. The first statement of every change.
pub(crate) async fn app_lock_in_txn(conn: &mut PgConnection, org: OrgId, app: AppId) -> Result<(), StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar("select app_id from app where org_id = $1 and app_id = $2 and deleted_at is null for update")
            .bind(org.0)
            .bind(app.get())
            .fetch_optional(conn)
            .await?;
    found.map(|_| ()).ok_or(StoreError::NotFound("app"))
}

/// Inserts an app under a random free id. It is invisible to edges until it is stamped.
pub(crate) async fn app_create_in_txn(conn: &mut PgConnection, org: OrgId, new: &NewApp) -> Result<AppInfo, StoreError> {
    loop {
        let id = AppId::new(rand::rng().random_range(NEW_ID_MIN..=AppId::MAX)).expect("the range lies within AppId's");
        if let Some(created) = app_insert_in_txn(conn, org, id, new).await? {
            return Ok(created);
        }
    }
}

/// `None` when the id is taken, whoever has it.
pub(crate) async fn app_insert_in_txn(conn: &mut PgConnection, org: OrgId, id: AppId, new: &NewApp) -> Result<Option<AppInfo>, StoreError> {
    let (features, default_rule) = match new.environment {
        Environment::Development => (DEVELOPMENT_FEATURES, RuleSettings::development()),
        Environment::Production => (Features::default(), RuleSettings::default()),
    };
    let sql = concat!(
        "insert into app (org_id, app_id, name, environment, features, limits, default_rule, version) \
         values ($1, $2, $3, $4, $5, $6, $7, 0) on conflict (app_id) do nothing returning ",
        row_columns!()
    );
    let row: Option<Row> = sqlx::query_as(sql)
        .bind(org.0)
        .bind(id.get())
        .bind(&new.name)
        .bind(environment_text(new.environment))
        .bind(Json(features))
        .bind(Json(Tightening::default()))
        .bind(Json(default_rule))
        .fetch_optional(conn)
        .await?;
    row.map(AppInfo::try_from).transpose()
}

/// `authorized_connections` stays off: it closes every client that only reads public channels, the first thing one tries.
const DEVELOPMENT_FEATURES: Features = Features { subscription_count: true, watchlist: true, authorized_connections: false };

pub(crate) fn app_id(value: i64) -> Result<AppId, StoreError> {
    AppId::new(value).map_err(|error| StoreError::malformed("app id", error))
}

pub(crate) fn environment_parse(text: &str) -> Result<Environment, StoreError> {
    match text {
        "development" => Ok(Environment::Development),
        "production" => Ok(Environment::Production),
        other => Err(StoreError::malformed("environment", format!("unknown environment {other:?}"))),
    }
}

fn environment_text(environment: Environment) -> &'static str {
    match environment {
        Environment::Development => "development",
        Environment::Production => "production",
    }
}
