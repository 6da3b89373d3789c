//! Apps as the control plane sees them.

use peal_core::{AppId, Environment, Features, Limits, OrgId, RuleSettings};
use rand::RngExt;
use serde_json::json;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::audit::{Actor, Change, append_in_txn};
use crate::directory::stamp_in_txn;
use crate::error::StoreError;
use crate::store::Store;

/// New ids have 9 to 15 digits.
const NEW_ID_MIN: i64 = 100_000_000;

#[derive(Debug, Clone)]
pub struct AppInfo {
    pub id: AppId,
    pub name: String,
    pub environment: Environment,
    pub created_at: OffsetDateTime,
}

pub(crate) struct NewApp<'a> {
    pub(crate) name: &'a str,
    pub(crate) environment: Environment,
}

#[derive(sqlx::FromRow)]
struct Row {
    app_id: i64,
    name: String,
    environment: String,
    created_at: OffsetDateTime,
}

impl TryFrom<Row> for AppInfo {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(AppInfo {
            id: app_id(row.app_id)?,
            name: row.name,
            environment: environment_parse(&row.environment)?,
            created_at: row.created_at,
        })
    }
}

impl Store {
    /// The apps of an org, oldest first.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn app_list(&self, org: OrgId) -> Result<Vec<AppInfo>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "select app_id, name, environment, created_at from app \
             where org_id = $1 and deleted_at is null order by created_at, app_id",
        )
        .bind(org.0)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(AppInfo::try_from).collect()
    }

    /// # Errors
    /// [`StoreError::NotFound`], also for an app of another org.
    pub async fn app_get(&self, org: OrgId, app: AppId) -> Result<AppInfo, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "select app_id, name, environment, created_at from app where org_id = $1 and app_id = $2 and deleted_at is null",
        )
        .bind(org.0)
        .bind(app.get())
        .fetch_optional(&self.pool)
        .await?;
        row.ok_or(StoreError::NotFound("app"))?.try_into()
    }

    /// # Errors
    /// [`StoreError::NotFound`], also for an app of another org.
    pub async fn app_rename(&self, org: OrgId, app: AppId, name: &str, actor: &Actor) -> Result<AppInfo, StoreError> {
        let mut txn = self.pool.begin().await?;
        app_lock_in_txn(&mut txn, org, app).await?;
        let (before, row): (String, Row) = {
            let before = sqlx::query_scalar("select name from app where org_id = $1 and app_id = $2")
                .bind(org.0)
                .bind(app.get())
                .fetch_one(&mut *txn)
                .await?;
            let row = sqlx::query_as(
                "update app set name = $3 where org_id = $1 and app_id = $2 returning app_id, name, environment, created_at",
            )
            .bind(org.0)
            .bind(app.get())
            .bind(name)
            .fetch_one(&mut *txn)
            .await?;
            (before, row)
        };
        let change = Change::of_app("app.update", app).before(json!({ "name": before })).after(json!({ "name": name }));
        append_in_txn(&mut txn, org, actor, change).await?;
        stamp_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        row.try_into()
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
pub(crate) async fn app_create_in_txn(conn: &mut PgConnection, org: OrgId, new: &NewApp<'_>) -> Result<AppInfo, StoreError> {
    loop {
        let id = AppId::new(rand::rng().random_range(NEW_ID_MIN..=AppId::MAX)).expect("the range lies within AppId's");
        if let Some(created) = app_insert_in_txn(conn, org, id, new).await? {
            return Ok(created);
        }
    }
}

/// `None` when the id is taken, whoever has it.
pub(crate) async fn app_insert_in_txn(
    conn: &mut PgConnection,
    org: OrgId,
    id: AppId,
    new: &NewApp<'_>,
) -> Result<Option<AppInfo>, StoreError> {
    let (features, default_rule) = match new.environment {
        Environment::Development => (DEVELOPMENT_FEATURES, RuleSettings::development()),
        Environment::Production => (Features::default(), RuleSettings::default()),
    };
    let row: Option<Row> = sqlx::query_as(
        "insert into app (org_id, app_id, name, environment, features, limits, default_rule, version) \
         values ($1, $2, $3, $4, $5, $6, $7, 0) on conflict (app_id) do nothing \
         returning app_id, name, environment, created_at",
    )
    .bind(org.0)
    .bind(id.get())
    .bind(new.name)
    .bind(environment_text(new.environment))
    .bind(Json(features))
    .bind(Json(Limits::default()))
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
