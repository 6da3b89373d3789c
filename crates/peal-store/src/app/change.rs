//! Making, changing and deleting apps.

use peal_core::{AppId, Capabilities, Features, KeyKind, OrgId, Plan, Tightening};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::types::Json;

use super::{APPS_MAX, AppInfo, NewApp, app_create_in_txn, app_lock_in_txn};
use crate::audit::{Actor, Change, append_in_txn};
use crate::directory::stamp_in_txn;
use crate::error::StoreError;
use crate::idempotency::{Answered, Making, begin_in_txn, end_in_txn};
use crate::key::{KeyInfo, NewKey, key_create_in_txn};
use crate::store::Store;
use crate::stored::settings;
use crate::vault::data_key_in_txn;

/// A new app and its first key.
#[derive(Debug, Clone)]
pub struct AppCreated {
    pub app: AppInfo,
    pub key: KeyInfo,
}

/// What can be changed about an app, apart from its rules and keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppSettings {
    pub name: String,
    /// Edges close what is open and refuse everything, within two seconds.
    pub paused: bool,
    pub features: Features,
    /// Lower limits than the plan's.
    pub limits: Tightening,
}

impl Store {
    /// Makes an app with a first key that may do everything, and the hidden console key. `answer` writes what the caller is told.
    ///
    /// # Errors
    /// [`StoreError::TooMany`]; [`StoreError::IdempotencyConflict`].
    pub async fn app_create(
        &self,
        org: OrgId,
        new: &NewApp,
        making: Making<'_>,
        answer: impl FnOnce(AppCreated) -> SecretString,
    ) -> Result<Answered, StoreError> {
        let Making { by, actor, once } = making;
        let mut txn = self.pool.begin().await?;
        if let Some(earlier) = begin_in_txn(&mut txn, self, org, once).await? {
            return Ok(earlier);
        }
        // The org's row serialises those who make apps in it, so that the count holds.
        sqlx::query("select from org where org_id = $1 for no key update").bind(org.0).execute(&mut *txn).await?;
        let present: i64 = sqlx::query_scalar("select count(*) from app where org_id = $1 and deleted_at is null")
            .bind(org.0)
            .fetch_one(&mut *txn)
            .await?;
        if present >= i64::from(APPS_MAX) {
            return Err(StoreError::TooMany { what: "apps", limit: u64::from(APPS_MAX) });
        }
        let app = app_create_in_txn(&mut txn, org, new).await?;
        let data_key = data_key_in_txn(&mut txn, &self.keyring, org).await?;
        let first = NewKey::generate("First key", KeyKind::Standard, Capabilities::all());
        let key = key_create_in_txn(&mut txn, &data_key, org, app.id, &first, Some(by)).await?;
        key_create_in_txn(&mut txn, &data_key, org, app.id, &NewKey::console(), None).await?;
        let created = json!({ "name": app.name, "environment": app.environment, "key": key.id });
        let id = app.id;
        let answered = end_in_txn(&mut txn, self, org, once, answer(AppCreated { app, key })).await?;
        append_in_txn(&mut txn, org, actor, Change::of_app("app.create", id).after(created)).await?;
        stamp_in_txn(&mut txn, org, id).await?;
        txn.commit().await?;
        Ok(answered)
    }

    /// Lets `edit` change an app's settings. It sees them as they are while nobody else can change them, and the plan of the org. What it
    /// leaves as it was is neither written nor noted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also for an app of another org; [`StoreError::Invalid`] with the sentence of `edit`.
    pub async fn app_update(
        &self,
        org: OrgId,
        app: AppId,
        actor: &Actor,
        edit: impl FnOnce(&mut AppSettings, &Plan) -> Result<(), String>,
    ) -> Result<AppInfo, StoreError> {
        let mut txn = self.pool.begin().await?;
        app_lock_in_txn(&mut txn, org, app).await?;
        let plan = self.app_limits_in_txn(&mut txn, org, app).await?.plan;
        let (name, paused, features, limits): (String, bool, Value, Json<Tightening>) =
            sqlx::query_as("select name, paused, features, limits from app where org_id = $1 and app_id = $2")
                .bind(org.0)
                .bind(app.get())
                .fetch_one(&mut *txn)
                .await?;
        let before = AppSettings { name, paused, features: settings("features", features)?, limits: limits.0 };
        let mut after = before.clone();
        edit(&mut after, &plan).map_err(StoreError::Invalid)?;
        if after != before {
            sqlx::query("update app set name = $3, paused = $4, features = $5, limits = $6 where org_id = $1 and app_id = $2")
                .bind(org.0)
                .bind(app.get())
                .bind(&after.name)
                .bind(after.paused)
                .bind(Json(after.features))
                .bind(Json(&after.limits))
                .execute(&mut *txn)
                .await?;
            let (was, is) = difference(&before, &after)?;
            append_in_txn(&mut txn, org, actor, Change::of_app("app.update", app).before(was).after(is)).await?;
            stamp_in_txn(&mut txn, org, app).await?;
        }
        txn.commit().await?;
        self.app_get(org, app).await
    }

    /// Takes an app out of service for good: edges drop it, and nothing finds it here any more. Its rows stay for the books.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also for an app of another org.
    pub async fn app_delete(&self, org: OrgId, app: AppId, actor: &Actor) -> Result<(), StoreError> {
        let mut txn = self.pool.begin().await?;
        app_lock_in_txn(&mut txn, org, app).await?;
        let name: String = sqlx::query_scalar("update app set deleted_at = now() where org_id = $1 and app_id = $2 returning name")
            .bind(org.0)
            .bind(app.get())
            .fetch_one(&mut *txn)
            .await?;
        append_in_txn(&mut txn, org, actor, Change::of_app("app.delete", app).before(json!({ "name": name }))).await?;
        stamp_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        Ok(())
    }
}

/// The fields that differ, as they were and as they are.
pub(crate) fn difference(before: &impl Serialize, after: &impl Serialize) -> Result<(Value, Value), StoreError> {
    let print = |value: serde_json::Result<Value>| value.map_err(|error| StoreError::malformed("settings", error));
    let (mut before, mut after) = (print(serde_json::to_value(before))?, print(serde_json::to_value(after))?);
    if let (Value::Object(was), Value::Object(is)) = (&mut before, &mut after) {
        let same: Vec<String> = was.iter().filter(|(name, value)| is.get(*name) == Some(value)).map(|(name, _)| name.clone()).collect();
        for name in same {
            was.remove(&name);
            is.remove(&name);
        }
    }
    Ok((before, after))
}
