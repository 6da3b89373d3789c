//! The keyring meets the database: data keys of orgs, and the canaries that refuse a wrong keyring.

use std::collections::HashMap;

use peal_core::OrgId;
use secrecy::ExposeSecret;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::envelope::{self, Place, Sealed, SecretKey};
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::store::Store;

const CANARY: &[u8] = b"the right keyring opens this";

impl Store {
    /// Decrypts the canary of every master key that this database has known, and plants one for the present primary key.
    ///
    /// # Errors
    /// [`StoreError::MasterKeyWrong`] when a key of the same name has other bytes; [`StoreError::MasterKeyMissing`] when data keys
    /// still depend on a key that the keyring does not hold.
    pub async fn keyring_check(&self) -> Result<(), StoreError> {
        self.canaries_open().await?;
        let (kek_id, key) = self.keyring.primary();
        let sealed = envelope::seal(key, canary_place(kek_id), CANARY);
        sqlx::query("insert into keyring_canary (kek_id, nonce, ciphertext) values ($1, $2, $3) on conflict do nothing")
            .bind(kek_id)
            .bind(sealed.nonce)
            .bind(sealed.ciphertext)
            .execute(&self.pool)
            .await?;
        // Two processes with different keys of one name may have raced; the first one's canary decides for both.
        self.canaries_open().await
    }

    /// The part of the check that writes nothing.
    pub(crate) async fn canaries_open(&self) -> Result<(), StoreError> {
        let canaries: Vec<(String, Vec<u8>, Vec<u8>, bool)> = sqlx::query_as(
            "select kek_id, nonce, ciphertext, exists (select from org_data_key d where d.kek_id = c.kek_id) \
             from keyring_canary c order by kek_id",
        )
        .fetch_all(&self.pool)
        .await?;
        for (kek_id, nonce, ciphertext, in_use) in canaries {
            match self.keyring.find(&kek_id) {
                Some(key) => canary_open(key, &kek_id, &Sealed { nonce, ciphertext })?,
                None if in_use => return Err(StoreError::MasterKeyMissing { kek_id }),
                None => tracing::debug!(kek_id, "a retired master key is no longer in the keyring; nothing depends on it"),
            }
        }
        Ok(())
    }
}

/// Data keys rewrapped in one transaction.
const REWRAP_BATCH: i64 = 100;

impl Store {
    /// Wraps every data key that an older master key holds with the present primary one; how many. Afterwards the older master key
    /// may leave the keyring. Nodes that still run must hold both keys meanwhile. Several callers share the work.
    ///
    /// # Errors
    /// [`StoreError::MasterKeyMissing`] and [`StoreError::SecretUnreadable`] when a data key does not open; those before it are done.
    pub async fn data_keys_rewrap(&self) -> Result<u64, StoreError> {
        let (kek_id, kek) = self.keyring.primary();
        let mut done = 0;
        loop {
            let mut txn = self.pool.begin().await?;
            let rows: Vec<WrappedRow> = sqlx::query_as(
                "select org_id, kek_id, nonce, wrapped_key from org_data_key where kek_id <> $1 \
                 order by org_id limit $2 for update skip locked",
            )
            .bind(kek_id)
            .bind(REWRAP_BATCH)
            .fetch_all(&mut *txn)
            .await?;
            if rows.is_empty() {
                return Ok(done);
            }
            for row in rows {
                let (org, data_key) = unwrap(&self.keyring, row)?;
                let wrapped = envelope::seal(kek, wrapped_place(&org.to_string()), data_key.expose_secret());
                sqlx::query("update org_data_key set kek_id = $2, nonce = $3, wrapped_key = $4 where org_id = $1")
                    .bind(org.0)
                    .bind(kek_id)
                    .bind(wrapped.nonce)
                    .bind(wrapped.ciphertext)
                    .execute(&mut *txn)
                    .await?;
                done += 1;
            }
            txn.commit().await?;
        }
    }
}

fn canary_place(kek_id: &str) -> Place<'_> {
    Place { table: "keyring_canary", column: "ciphertext", row_id: kek_id, org_id: "" }
}

fn canary_open(key: &SecretKey, kek_id: &str, sealed: &Sealed) -> Result<(), StoreError> {
    match envelope::open(key, canary_place(kek_id), sealed) {
        Ok(text) if *text == CANARY => Ok(()),
        _ => Err(StoreError::MasterKeyWrong { kek_id: kek_id.to_owned() }),
    }
}

/// The org's data key, made on first use. Two first uses at once end with one key.
pub(crate) async fn data_key_in_txn(conn: &mut PgConnection, keyring: &Keyring, org: OrgId) -> Result<SecretKey, StoreError> {
    let org_text = org.to_string();
    let (kek_id, kek) = keyring.primary();
    let fresh = envelope::key_generate();
    let wrapped = envelope::seal(kek, wrapped_place(&org_text), fresh.expose_secret());
    sqlx::query("insert into org_data_key (org_id, kek_id, nonce, wrapped_key) values ($1, $2, $3, $4) on conflict do nothing")
        .bind(org.0)
        .bind(kek_id)
        .bind(wrapped.nonce)
        .bind(wrapped.ciphertext)
        .execute(&mut *conn)
        .await?;
    let row: WrappedRow =
        sqlx::query_as("select org_id, kek_id, nonce, wrapped_key from org_data_key where org_id = $1").bind(org.0).fetch_one(conn).await?;
    unwrap(keyring, row).map(|(_, key)| key)
}

/// The data keys of several orgs. One that does not open is logged and left out: a damaged row must not take the other tenants
/// down.
///
/// # Errors
/// [`StoreError::MasterKeyMissing`]: that is no damage but a keyring that lags behind, and going on would look to an edge as if
/// every key had been revoked.
pub(crate) async fn data_keys(conn: &mut PgConnection, keyring: &Keyring, orgs: &[Uuid]) -> Result<HashMap<OrgId, SecretKey>, StoreError> {
    let rows: Vec<WrappedRow> = sqlx::query_as("select org_id, kek_id, nonce, wrapped_key from org_data_key where org_id = any($1)")
        .bind(orgs)
        .fetch_all(conn)
        .await?;
    let mut keys = HashMap::with_capacity(rows.len());
    for row in rows {
        let org = row.0;
        match unwrap(keyring, row) {
            Ok((org, key)) => {
                keys.insert(org, key);
            }
            Err(missing @ StoreError::MasterKeyMissing { .. }) => return Err(missing),
            Err(error) => tracing::error!(%org, %error, "a data key cannot be unwrapped"),
        }
    }
    Ok(keys)
}

type WrappedRow = (Uuid, String, Vec<u8>, Vec<u8>);

fn unwrap(keyring: &Keyring, (org, kek_id, nonce, ciphertext): WrappedRow) -> Result<(OrgId, SecretKey), StoreError> {
    let unreadable = |source| StoreError::SecretUnreadable { what: format!("data key of org {org}"), source };
    let kek = keyring.find(&kek_id).ok_or(StoreError::MasterKeyMissing { kek_id })?;
    let bytes = envelope::open(kek, wrapped_place(&org.to_string()), &Sealed { nonce, ciphertext }).map_err(unreadable)?;
    let key = envelope::key_from_slice(&bytes).ok_or_else(|| unreadable(envelope::OpenRefused))?;
    Ok((OrgId(org), key))
}

fn wrapped_place(org: &str) -> Place<'_> {
    Place { table: "org_data_key", column: "wrapped_key", row_id: org, org_id: org }
}
