//! Keys. The id is public, the secret is stored encrypted and leaves this crate for three readers only: the edges (who verify
//! signatures), the API when it signs a console token, and a person in sudo mode, which the audit log notes.

mod change;
mod used;

use peal_core::{AppId, Capabilities, KeyId, KeyKind, OrgId};
use rand::RngExt;
use rand::distr::Alphanumeric;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::account::UserId;
use crate::app::app_lock_in_txn;
use crate::audit::{Actor, Change, append_in_txn};
use crate::directory::stamp_in_txn;
use crate::envelope::{self, Place, Sealed, SecretKey};
use crate::error::{StoreError, violates};
use crate::page::{Page, Paging};
use crate::store::Store;
use crate::vault::data_key_in_txn;

pub use change::{KeyCreated, KeyRotated, KeySettings};
pub use used::KeyUsed;

/// Keys of one app that are not revoked.
pub const KEYS_MAX: u32 = 100;
const ID_CHARS: usize = 20;
const SECRET_CHARS: usize = 43;

/// What a list shows. There is no secret in it.
#[derive(Debug, Clone)]
pub struct KeyInfo {
    pub id: KeyId,
    pub name: String,
    pub capabilities: Capabilities,
    pub allowed_origins: Vec<String>,
    /// The e-mail address of who made it, while they have an account.
    pub created_by: Option<String>,
    pub created_at: OffsetDateTime,
    pub last_used_at: Option<OffsetDateTime>,
    pub expires_at: Option<OffsetDateTime>,
    /// The key that a rotation put in its place.
    pub replaced_by: Option<KeyId>,
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub id: KeyId,
    pub name: String,
    pub kind: KeyKind,
    pub secret: SecretString,
    pub capabilities: Capabilities,
    /// Empty allows all.
    pub allowed_origins: Vec<String>,
    pub expires_at: Option<OffsetDateTime>,
}

impl NewKey {
    /// With a random id (20 base62 characters) and secret (43, more than 256 bits).
    #[must_use]
    pub fn generate(name: &str, kind: KeyKind, capabilities: Capabilities) -> Self {
        let id = base62(ID_CHARS).parse().expect("20 letters and digits are a key id");
        let secret = base62(SECRET_CHARS).into();
        NewKey { id, name: name.to_owned(), kind, secret, capabilities, allowed_origins: Vec::new(), expires_at: None }
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
    allowed_origins: Vec<String>,
    created_by: Option<String>,
    created_at: OffsetDateTime,
    last_used_at: Option<OffsetDateTime>,
    expires_at: Option<OffsetDateTime>,
    replaced_by: Option<String>,
}

/// The columns of [`Row`], of a table or result `k`.
macro_rules! row_columns {
    () => {
        "k.key_id, k.name, k.capabilities, k.allowed_origins, \
         (select email from user_account u where u.user_id = k.created_by) as created_by, \
         k.created_at, k.last_used_at, k.expires_at, k.replaced_by"
    };
}

impl TryFrom<Row> for KeyInfo {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(KeyInfo {
            id: key_id(&row.key_id)?,
            name: row.name,
            capabilities: row.capabilities.0,
            allowed_origins: row.allowed_origins,
            created_by: row.created_by,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            replaced_by: row.replaced_by.as_deref().map(key_id).transpose()?,
        })
    }
}

impl Store {
    /// The keys of an app that are not revoked, oldest first, without the hidden console key. Expired ones stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such app.
    pub async fn key_list(&self, org: OrgId, app: AppId, paging: Paging<KeyId>) -> Result<Page<KeyInfo, KeyId>, StoreError> {
        self.app_get(org, app).await?;
        let sql = concat!(
            "select ",
            row_columns!(),
            " from api_key k where k.app_id = $1 and k.org_id = $2 and k.kind = 'standard' and k.revoked_at is null \
             and ($3::text is null or (k.created_at, k.key_id) > \
                  (select created_at, key_id from api_key where app_id = $1 and org_id = $2 and key_id = $3)) \
             order by k.created_at, k.key_id limit $4"
        );
        let rows: Vec<Row> = sqlx::query_as(sql)
            .bind(app.get())
            .bind(org.0)
            .bind(paging.after.as_ref().map(KeyId::as_str))
            .bind(paging.fetch())
            .fetch_all(&self.pool)
            .await?;
        let keys = rows.into_iter().map(KeyInfo::try_from).collect::<Result<_, _>>()?;
        Ok(paging.page(keys, |key: &KeyInfo| key.id.clone()))
    }

    /// A key that is not revoked.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the org has no such key; a console key is never found.
    pub async fn key_get(&self, org: OrgId, app: AppId, key: &KeyId) -> Result<KeyInfo, StoreError> {
        self.app_get(org, app).await?;
        let mut conn = self.pool.acquire().await?;
        key_get_in_txn(&mut conn, org, app, key).await
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
    let sql = concat!(
        "insert into api_key as k \
           (app_id, key_id, org_id, name, kind, capabilities, nonce, ciphertext, created_by, allowed_origins, expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning ",
        row_columns!()
    );
    let row: Row = sqlx::query_as(sql)
        .bind(app.get())
        .bind(new.id.as_str())
        .bind(org.0)
        .bind(&new.name)
        .bind(kind)
        .bind(Json(&new.capabilities))
        .bind(sealed.nonce)
        .bind(sealed.ciphertext)
        .bind(by.map(|user| user.0))
        .bind(&new.allowed_origins)
        .bind(new.expires_at)
        .fetch_one(conn)
        .await
        .map_err(|error| if violates(&error, "api_key_key_id_key") { StoreError::KeyIdTaken } else { error.into() })?;
    row.try_into()
}

async fn key_get_in_txn(conn: &mut PgConnection, org: OrgId, app: AppId, key: &KeyId) -> Result<KeyInfo, StoreError> {
    let sql = concat!(
        "select ",
        row_columns!(),
        " from api_key k where k.app_id = $1 and k.org_id = $2 and k.key_id = $3 and k.kind = 'standard' and k.revoked_at is null"
    );
    let row: Option<Row> = sqlx::query_as(sql).bind(app.get()).bind(org.0).bind(key.as_str()).fetch_optional(conn).await?;
    row.ok_or(StoreError::NotFound("key"))?.try_into()
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
