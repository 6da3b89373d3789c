//! Keys. The id is public, the secret is stored encrypted and leaves this crate for three readers only: the edges (who verify
//! signatures), the API when it signs a console token, and a person in sudo mode, which the audit log notes.

use peal_core::{AppId, Capabilities, KeyId, KeyKind, OrgId};
use rand::RngExt;
use rand::distr::Alphanumeric;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::account::UserId;
use crate::app::app_lock_in_txn;
use crate::audit::{Actor, Change, append_in_txn};
use crate::directory::stamp_in_txn;
use crate::envelope::{self, Place, Sealed, SecretKey};
use crate::error::{StoreError, violates};
use crate::store::Store;
use crate::vault::data_key_in_txn;

const ID_CHARS: usize = 20;
const SECRET_CHARS: usize = 43;

/// What a list shows. There is no secret in it.
#[derive(Debug, Clone)]
pub struct KeyInfo {
    pub id: KeyId,
    pub name: String,
    pub capabilities: Capabilities,
    pub created_at: OffsetDateTime,
    pub last_used_at: Option<OffsetDateTime>,
    pub expires_at: Option<OffsetDateTime>,
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub id: KeyId,
    pub name: String,
    pub kind: KeyKind,
    pub secret: SecretString,
    pub capabilities: Capabilities,
}

impl NewKey {
    /// With a random id (20 base62 characters) and secret (43, more than 256 bits).
    #[must_use]
    pub fn generate(name: &str, kind: KeyKind, capabilities: Capabilities) -> Self {
        let id = base62(ID_CHARS).parse().expect("20 letters and digits are a key id");
        NewKey { id, name: name.to_owned(), kind, secret: base62(SECRET_CHARS).into(), capabilities }
    }

    pub(crate) fn console() -> Self {
        NewKey::generate("Console", KeyKind::Console, Capabilities::all())
    }
}

/// An id and the secret to sign with.
#[derive(Debug, Clone)]
pub struct SigningKey {
    pub id: KeyId,
    pub secret: SecretString,
}

#[derive(sqlx::FromRow)]
struct Row {
    key_id: String,
    name: String,
    capabilities: Json<Capabilities>,
    created_at: OffsetDateTime,
    last_used_at: Option<OffsetDateTime>,
    expires_at: Option<OffsetDateTime>,
}

impl TryFrom<Row> for KeyInfo {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(KeyInfo {
            id: key_id(&row.key_id)?,
            name: row.name,
            capabilities: row.capabilities.0,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
        })
    }
}

impl Store {
    /// The keys of an app that are not revoked, oldest first, without the hidden console key.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such app.
    pub async fn key_list(&self, org: OrgId, app: AppId) -> Result<Vec<KeyInfo>, StoreError> {
        self.app_get(org, app).await?;
        let rows: Vec<Row> = sqlx::query_as(
            "select key_id, name, capabilities, created_at, last_used_at, expires_at from api_key \
             where app_id = $1 and org_id = $2 and kind = 'standard' and revoked_at is null order by created_at, key_id",
        )
        .bind(app.get())
        .bind(org.0)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(KeyInfo::try_from).collect()
    }

    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such app; [`StoreError::KeyIdTaken`].
    pub async fn key_create(&self, org: OrgId, app: AppId, new: &NewKey, by: UserId, actor: &Actor) -> Result<KeyInfo, StoreError> {
        let mut txn = self.pool.begin().await?;
        app_lock_in_txn(&mut txn, org, app).await?;
        let data_key = data_key_in_txn(&mut txn, &self.keyring, org).await?;
        let key = key_create_in_txn(&mut txn, &data_key, org, app, new, Some(by)).await?;
        let created = json!({ "app": app, "name": new.name, "capabilities": new.capabilities });
        append_in_txn(&mut txn, org, actor, Change::of_key("key.create", &new.id).after(created)).await?;
        stamp_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        Ok(key)
    }

    /// Ends a key for good. Edges drop it, and what it opened, within two seconds.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such live key.
    pub async fn key_revoke(&self, org: OrgId, app: AppId, key: &KeyId, actor: &Actor) -> Result<(), StoreError> {
        let mut txn = self.pool.begin().await?;
        app_lock_in_txn(&mut txn, org, app).await?;
        let done = sqlx::query(
            "update api_key set revoked_at = now() \
             where app_id = $1 and org_id = $2 and key_id = $3 and kind = 'standard' and revoked_at is null",
        )
        .bind(app.get())
        .bind(org.0)
        .bind(key.as_str())
        .execute(&mut *txn)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("key"));
        }
        append_in_txn(&mut txn, org, actor, Change::of_key("key.revoke", key)).await?;
        stamp_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        Ok(())
    }

    /// Hands out a secret to a person, and writes down that it was. The caller has checked sudo mode.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such live key; a console key is never found.
    pub async fn key_reveal(&self, org: OrgId, app: AppId, key: &KeyId, actor: &Actor) -> Result<SigningKey, StoreError> {
        let mut txn = self.pool.begin().await?;
        app_lock_in_txn(&mut txn, org, app).await?;
        let sealed: Option<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "select nonce, ciphertext from api_key \
             where app_id = $1 and org_id = $2 and key_id = $3 and kind = 'standard' and revoked_at is null",
        )
        .bind(app.get())
        .bind(org.0)
        .bind(key.as_str())
        .fetch_optional(&mut *txn)
        .await?;
        let (nonce, ciphertext) = sealed.ok_or(StoreError::NotFound("key"))?;
        let data_key = data_key_in_txn(&mut txn, &self.keyring, org).await?;
        let secret = secret_open(&data_key, org, app, key, &Sealed { nonce, ciphertext })?;
        append_in_txn(&mut txn, org, actor, Change::of_key("key.reveal", key)).await?;
        txn.commit().await?;
        Ok(SigningKey { id: key.clone(), secret })
    }

    /// The hidden key that signs the dashboard's tokens, made when the app has none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such app.
    pub async fn console_key(&self, org: OrgId, app: AppId) -> Result<SigningKey, StoreError> {
        let mut txn = self.pool.begin().await?;
        app_lock_in_txn(&mut txn, org, app).await?;
        let data_key = data_key_in_txn(&mut txn, &self.keyring, org).await?;
        let stored: Option<(String, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "select key_id, nonce, ciphertext from api_key \
             where app_id = $1 and org_id = $2 and kind = 'console' and revoked_at is null",
        )
        .bind(app.get())
        .bind(org.0)
        .fetch_optional(&mut *txn)
        .await?;
        if let Some((id, nonce, ciphertext)) = stored {
            let id = key_id(&id)?;
            let secret = secret_open(&data_key, org, app, &id, &Sealed { nonce, ciphertext })?;
            return Ok(SigningKey { id, secret });
        }
        let new = NewKey::console();
        key_create_in_txn(&mut txn, &data_key, org, app, &new, None).await?;
        stamp_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        Ok(SigningKey { id: new.id, secret: new.secret })
    }
}

pub(crate) async fn key_create_in_txn(
    conn: &mut PgConnection,
    data_key: &SecretKey,
    org: OrgId,
    app: AppId,
    new: &NewKey,
    by: Option<UserId>,
) -> Result<KeyInfo, StoreError> {
    let sealed = secret_seal(data_key, org, app, &new.id, &new.secret);
    let kind = match new.kind {
        KeyKind::Standard => "standard",
        KeyKind::Console => "console",
    };
    let row: Row = sqlx::query_as(
        "insert into api_key (app_id, key_id, org_id, name, kind, capabilities, nonce, ciphertext, created_by) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         returning key_id, name, capabilities, created_at, last_used_at, expires_at",
    )
    .bind(app.get())
    .bind(new.id.as_str())
    .bind(org.0)
    .bind(&new.name)
    .bind(kind)
    .bind(Json(&new.capabilities))
    .bind(sealed.nonce)
    .bind(sealed.ciphertext)
    .bind(by.map(|user| user.0))
    .fetch_one(conn)
    .await
    .map_err(|error| if violates(&error, "api_key_key_id_key") { StoreError::KeyIdTaken } else { error.into() })?;
    row.try_into()
}

pub(crate) fn secret_seal(data_key: &SecretKey, org: OrgId, app: AppId, key: &KeyId, secret: &SecretString) -> Sealed {
    let row_id = row_id(app, key);
    envelope::seal(data_key, secret_place(&row_id, &org.to_string()), secret.expose_secret().as_bytes())
}

pub(crate) fn secret_open(data_key: &SecretKey, org: OrgId, app: AppId, key: &KeyId, sealed: &Sealed) -> Result<SecretString, StoreError> {
    let row_id = row_id(app, key);
    envelope::open_text(data_key, secret_place(&row_id, &org.to_string()), sealed)
        .map_err(|source| StoreError::SecretUnreadable { what: format!("secret of key {key}"), source })
}

fn secret_place<'a>(row_id: &'a str, org_id: &'a str) -> Place<'a> {
    Place { table: "api_key", column: "ciphertext", row_id, org_id }
}

fn row_id(app: AppId, key: &KeyId) -> String {
    format!("{app}.{key}")
}

pub(crate) fn key_id(text: &str) -> Result<KeyId, StoreError> {
    text.parse().map_err(|error| StoreError::malformed("key id", error))
}

fn base62(chars: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(chars).map(char::from).collect()
}
