//! Making, changing, rotating and revoking keys.

use std::time::Duration;

use peal_core::{AppId, Capabilities, KeyId, KeyKind, OrgId};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::{KEYS_MAX, KeyInfo, NewKey, key_create_in_txn, key_get_in_txn};
use crate::app::{app_lock_in_txn, difference};
use crate::audit::{Actor, Change, append_in_txn};
use crate::directory::stamp_in_txn;
use crate::error::StoreError;
use crate::idempotency::{Answered, Making, begin_in_txn, end_in_txn};
use crate::store::Store;
use crate::vault::data_key_in_txn;

/// A new key and its secret.
#[derive(Debug, Clone)]
pub struct KeyCreated {
    pub key: KeyInfo,
    pub secret: SecretString,
}

/// A new key, its secret, and the key that it replaces.
#[derive(Debug, Clone)]
pub struct KeyRotated {
    pub key: KeyInfo,
    pub secret: SecretString,
    pub old: KeyInfo,
}

/// What can be changed about a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeySettings {
    pub name: String,
    pub capabilities: Capabilities,
    pub allowed_origins: Vec<String>,
    /// The key is dead from then on.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
}

impl Store {
    /// `answer` writes what the caller is told.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such app; [`StoreError::TooMany`]; [`StoreError::KeyIdTaken`];
    /// [`StoreError::IdempotencyConflict`].
    pub async fn key_create(
        &self,
        org: OrgId,
        app: AppId,
        new: &NewKey,
        making: Making<'_>,
        answer: impl FnOnce(KeyCreated) -> SecretString,
    ) -> Result<Answered, StoreError> {
        let Making { by, actor, once } = making;
        let mut txn = self.pool.begin().await?;
        if let Some(earlier) = begin_in_txn(&mut txn, self, org, once).await? {
            return Ok(earlier);
        }
        app_lock_in_txn(&mut txn, org, app).await?;
        has_room_in_txn(&mut txn, org, app).await?;
        let data_key = data_key_in_txn(&mut txn, &self.keyring, org).await?;
        let key = key_create_in_txn(&mut txn, &data_key, org, app, new, Some(by)).await?;
        let answered = end_in_txn(&mut txn, self, org, once, answer(KeyCreated { key, secret: new.secret.clone() })).await?;
        let NewKey { name, capabilities, allowed_origins, .. } = new;
        let created = json!({ "app": app, "name": name, "capabilities": capabilities, "allowed_origins": allowed_origins });
        append_in_txn(&mut txn, org, actor, Change::of_key("key.create", &new.id).after(created)).await?;
        stamp_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        Ok(answered)
    }

    /// Lets `edit` change a key's settings. What it leaves as it was is neither written nor noted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such key.
    pub async fn key_update(
        &self,
        org: OrgId,
        app: AppId,
        key: &KeyId,
        actor: &Actor,
        edit: impl FnOnce(&mut KeySettings),
    ) -> Result<KeyInfo, StoreError> {
        let mut txn = self.pool.begin().await?;
        app_lock_in_txn(&mut txn, org, app).await?;
        let KeyInfo { name, capabilities, allowed_origins, expires_at, .. } = key_get_in_txn(&mut txn, org, app, key).await?;
        let before = KeySettings { name, capabilities, allowed_origins, expires_at };
        let mut after = before.clone();
        edit(&mut after);
        if after != before {
            sqlx::query(
                "update api_key set name = $4, capabilities = $5, allowed_origins = $6, expires_at = $7 \
                 where app_id = $1 and org_id = $2 and key_id = $3",
            )
            .bind(app.get())
            .bind(org.0)
            .bind(key.as_str())
            .bind(&after.name)
            .bind(Json(&after.capabilities))
            .bind(&after.allowed_origins)
            .bind(after.expires_at)
            .execute(&mut *txn)
            .await?;
            let (was, is) = difference(&before, &after)?;
            append_in_txn(&mut txn, org, actor, Change::of_key("key.update", key).before(was).after(is)).await?;
            stamp_in_txn(&mut txn, org, app).await?;
        }
        let key = key_get_in_txn(&mut txn, org, app, key).await?;
        txn.commit().await?;
        Ok(key)
    }

    /// Puts a new key in the place of one, which stays good for the overlap. The new one has the old one's settings, and its lifetime if
    /// it has one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such key; [`StoreError::KeyReplaced`]; [`StoreError::TooMany`];
    /// [`StoreError::IdempotencyConflict`].
    pub async fn key_rotate(
        &self,
        org: OrgId,
        app: AppId,
        key: &KeyId,
        overlap: Duration,
        making: Making<'_>,
        answer: impl FnOnce(KeyRotated) -> SecretString,
    ) -> Result<Answered, StoreError> {
        let Making { by, actor, once } = making;
        let mut txn = self.pool.begin().await?;
        if let Some(earlier) = begin_in_txn(&mut txn, self, org, once).await? {
            return Ok(earlier);
        }
        app_lock_in_txn(&mut txn, org, app).await?;
        has_room_in_txn(&mut txn, org, app).await?;
        let old = key_get_in_txn(&mut txn, org, app, key).await?;
        if old.replaced_by.is_some() {
            return Err(StoreError::KeyReplaced);
        }
        let now: OffsetDateTime = sqlx::query_scalar("select now()").fetch_one(&mut *txn).await?;
        let new = NewKey {
            allowed_origins: old.allowed_origins,
            expires_at: old.expires_at.map(|at| now + (at - old.created_at)),
            ..NewKey::generate(&old.name, KeyKind::Standard, old.capabilities)
        };
        let data_key = data_key_in_txn(&mut txn, &self.keyring, org).await?;
        let made = key_create_in_txn(&mut txn, &data_key, org, app, &new, Some(by)).await?;
        sqlx::query(
            "update api_key set replaced_by = $4, expires_at = least(expires_at, now() + $5 * interval '1 second') \
             where app_id = $1 and org_id = $2 and key_id = $3",
        )
        .bind(app.get())
        .bind(org.0)
        .bind(key.as_str())
        .bind(new.id.as_str())
        .bind(overlap.as_secs_f64())
        .execute(&mut *txn)
        .await?;
        let old = key_get_in_txn(&mut txn, org, app, key).await?;
        let answered = end_in_txn(&mut txn, self, org, once, answer(KeyRotated { key: made, secret: new.secret, old })).await?;
        let after = json!({ "app": app, "replaced_by": new.id, "overlap_s": overlap.as_secs() });
        append_in_txn(&mut txn, org, actor, Change::of_key("key.rotate", key).after(after)).await?;
        stamp_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        Ok(answered)
    }

    /// Ends a key for good. Edges drop it, and what it opened, within two seconds.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such live key.
    pub async fn key_revoke(&self, org: OrgId, app: AppId, key: &KeyId, actor: &Actor) -> Result<(), StoreError> {
        let mut txn = self.pool.begin().await?;
        app_lock_in_txn(&mut txn, org, app).await?;
        let name: Option<String> = sqlx::query_scalar(
            "update api_key set revoked_at = now() \
             where app_id = $1 and org_id = $2 and key_id = $3 and kind = 'standard' and revoked_at is null returning name",
        )
        .bind(app.get())
        .bind(org.0)
        .bind(key.as_str())
        .fetch_optional(&mut *txn)
        .await?;
        let name = name.ok_or(StoreError::NotFound("key"))?;
        append_in_txn(&mut txn, org, actor, Change::of_key("key.revoke", key).before(json!({ "app": app, "name": name }))).await?;
        stamp_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        Ok(())
    }
}

/// The app's row is locked, so the count holds.
async fn has_room_in_txn(conn: &mut PgConnection, org: OrgId, app: AppId) -> Result<(), StoreError> {
    let present: i64 =
        sqlx::query_scalar("select count(*) from api_key where app_id = $1 and org_id = $2 and kind = 'standard' and revoked_at is null")
            .bind(app.get())
            .bind(org.0)
            .fetch_one(conn)
            .await?;
    if present < i64::from(KEYS_MAX) { Ok(()) } else { Err(StoreError::TooMany { what: "keys", limit: u64::from(KEYS_MAX) }) }
}
