//! What `peal dev` puts into its own database: apps with given credentials and one account to sign in with. Every step can be
//! repeated, because a development server starts many times on one data directory.

use peal_core::plan::UNLIMITED;
use peal_core::{AppId, Capabilities, Environment, KeyId, KeyKind, OrgId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::account::{Org, UserId, email_key, member_add_in_txn, org_create_in_txn, user_create_in_txn};
use crate::app::{NewApp, app_insert_in_txn, app_lock_in_txn};
use crate::audit::{Actor, Change, append_in_txn};
use crate::directory::stamp_in_txn;
use crate::envelope::{Sealed, SecretKey};
use crate::error::StoreError;
use crate::key::{NewKey, key_create_in_txn, secret_open, secret_seal};
use crate::session::Role;
use crate::store::Store;
use crate::vault::data_key_in_txn;

/// The org that owns seeded apps.
const DEV_ORG: OrgId = OrgId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));

/// An app with exactly these credentials.
#[derive(Debug, Clone)]
pub struct SeedApp {
    pub app_id: AppId,
    pub key_id: KeyId,
    pub secret: SecretString,
    pub name: String,
}

impl Store {
    /// Makes the app and the key, or brings them back to what is given: neither deleted, revoked nor expired. Development environment, no
    /// limits of a plan, every capability.
    ///
    /// # Errors
    /// [`StoreError::KeyIdTaken`] when another app has the key id.
    pub async fn app_seed(&self, seed: &SeedApp) -> Result<(), StoreError> {
        let mut txn = self.pool.begin().await?;
        org_create_in_txn(&mut txn, &Org { id: DEV_ORG, name: "Peal dev".to_owned() }, UNLIMITED).await?;
        let new = NewApp { name: seed.name.clone(), environment: Environment::Development };
        let made = app_insert_in_txn(&mut txn, DEV_ORG, seed.app_id, &new).await?.is_some();
        let revived =
            sqlx::query("update app set deleted_at = null, paused = false where org_id = $1 and app_id = $2 and deleted_at is not null")
                .bind(DEV_ORG.0)
                .bind(seed.app_id.get())
                .execute(&mut *txn)
                .await?;
        let revived = revived.rows_affected() > 0;
        let org = app_org_in_txn(&mut txn, seed.app_id).await?;
        app_lock_in_txn(&mut txn, org, seed.app_id).await?;
        let data_key = data_key_in_txn(&mut txn, &self.keyring, org).await?;
        if made {
            key_create_in_txn(&mut txn, &data_key, org, seed.app_id, &NewKey::console(), None).await?;
        }
        let key_changed = key_seed_in_txn(&mut txn, &data_key, org, seed).await?;
        if made || revived || key_changed {
            let after = json!({ "name": seed.name, "key": seed.key_id });
            let change = Change::of_app("app.seed", seed.app_id).after(after);
            append_in_txn(&mut txn, org, &Actor::system("peal dev"), change).await?;
            stamp_in_txn(&mut txn, org, seed.app_id).await?;
        }
        txn.commit().await?;
        Ok(())
    }

    /// Makes the account, or sets its password, as an owner of the org that has the app. The password's hash comes from the API.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn dev_account(&self, email: &str, password_hash: &str, app: AppId) -> Result<(), StoreError> {
        let mut txn = self.pool.begin().await?;
        let org = app_org_in_txn(&mut txn, app).await?;
        let known: Option<Uuid> = sqlx::query_scalar("update user_account set password_hash = $2 where email_key = $1 returning user_id")
            .bind(email_key(email))
            .bind(password_hash)
            .fetch_optional(&mut *txn)
            .await?;
        let user = match known {
            Some(id) => UserId(id),
            None => user_create_in_txn(&mut txn, email, password_hash).await?.id,
        };
        member_add_in_txn(&mut txn, org, user, Role::Owner).await?;
        let change = Change::of("account.seed", format!("user:{user}"));
        append_in_txn(&mut txn, org, &Actor::system("peal dev"), change).await?;
        txn.commit().await?;
        Ok(())
    }
}

async fn app_org_in_txn(conn: &mut PgConnection, app: AppId) -> Result<OrgId, StoreError> {
    let org: Option<Uuid> =
        sqlx::query_scalar("select org_id from app where app_id = $1 and deleted_at is null").bind(app.get()).fetch_optional(conn).await?;
    org.map(OrgId).ok_or(StoreError::NotFound("app"))
}

/// Whether anything had to be written.
async fn key_seed_in_txn(conn: &mut PgConnection, data_key: &SecretKey, org: OrgId, seed: &SeedApp) -> Result<bool, StoreError> {
    let stored: Option<(Vec<u8>, Vec<u8>, bool)> = sqlx::query_as(
        "select nonce, ciphertext, revoked_at is null and expires_at is null from api_key \
         where app_id = $1 and org_id = $2 and key_id = $3 and kind = 'standard'",
    )
    .bind(seed.app_id.get())
    .bind(org.0)
    .bind(seed.key_id.as_str())
    .fetch_optional(&mut *conn)
    .await?;
    let Some((nonce, ciphertext, is_live)) = stored else {
        let new = NewKey {
            id: seed.key_id.clone(),
            name: "Seeded key".to_owned(),
            kind: KeyKind::Standard,
            secret: seed.secret.clone(),
            capabilities: Capabilities::all(),
            allowed_origins: Vec::new(),
            expires_at: None,
        };
        key_create_in_txn(conn, data_key, org, seed.app_id, &new, None).await?;
        return Ok(true);
    };
    let present = secret_open(data_key, org, seed.app_id, &seed.key_id, &Sealed { nonce, ciphertext })?;
    if is_live && present.expose_secret() == seed.secret.expose_secret() {
        return Ok(false);
    }
    let sealed = secret_seal(data_key, org, seed.app_id, &seed.key_id, &seed.secret);
    sqlx::query(
        "update api_key set nonce = $4, ciphertext = $5, revoked_at = null, expires_at = null, replaced_by = null \
         where app_id = $1 and org_id = $2 and key_id = $3",
    )
    .bind(seed.app_id.get())
    .bind(org.0)
    .bind(seed.key_id.as_str())
    .bind(sealed.nonce)
    .bind(sealed.ciphertext)
    .execute(conn)
    .await?;
    Ok(true)
}
