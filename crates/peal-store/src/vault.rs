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
                None => tracing::warn!(kek_id, "a retired master key is no longer in the keyring; nothing depends on it"),
            }
        }
        let (kek_id, key) = self.keyring.primary();
        let sealed = envelope::seal(key, canary_place(kek_id), CANARY);
        sqlx::query("insert into keyring_canary (kek_id, nonce, ciphertext) values ($1, $2, $3) on conflict do nothing")
            .bind(kek_id)
            .bind(sealed.nonce)
            .bind(sealed.ciphertext)
            .execute(&self.pool)
            .await?;
        // Two processes with different keys of one name may have raced; the first one's canary decides for both.
        let (nonce, ciphertext) =
            sqlx::query_as("select nonce, ciphertext from keyring_canary where kek_id = $1").bind(kek_id).fetch_one(&self.pool).await?;
        canary_open(key, kek_id, &Sealed { nonce, ciphertext })
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

/// The data keys of several orgs. A key that does not open is logged and left out: one damaged row must not take the other
/// tenants down (a wrong keyring is found by [`Store::keyring_check`]).
pub(crate) async fn data_keys(conn: &mut PgConnection, keyring: &Keyring, orgs: &[Uuid]) -> Result<HashMap<OrgId, SecretKey>, StoreError> {
    let rows: Vec<WrappedRow> = sqlx::query_as("select org_id, kek_id, nonce, wrapped_key from org_data_key where org_id = any($1)")
        .bind(orgs)
        .fetch_all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let org = row.0;
            unwrap(keyring, row).inspect_err(|error| tracing::error!(%org, %error, "a data key cannot be unwrapped")).ok()
        })
        .collect())
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
