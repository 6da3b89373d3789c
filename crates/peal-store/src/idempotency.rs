//! Requests that make something and may be sent twice, because the first answer was lost.
//!
//! The caller names the request. Its name is taken in the transaction of the change, so of two copies at once the second waits for the
//! first and then gets its answer; if the first fails, nothing was done and the second does it. The answer is kept encrypted, because it
//! may hold a secret that is shown once.

use peal_core::OrgId;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::account::UserId;
use crate::audit::Actor;
use crate::envelope::{self, Place, Sealed};
use crate::error::StoreError;
use crate::store::Store;
use crate::vault::data_key_in_txn;

/// A request by name.
#[derive(Debug, Clone)]
pub struct Once {
    pub user: UserId,
    /// Whatever the caller chose.
    pub name: String,
    /// SHA-256 over all that the request asks for.
    pub fingerprint: [u8; 32],
}

/// Who makes something, and under which name they ask for it.
#[derive(Debug, Clone, Copy)]
pub struct Making<'a> {
    pub by: UserId,
    pub actor: &'a Actor,
    /// `None` for a request that must not be sent twice.
    pub once: Option<&'a Once>,
}

/// The answer to a request that made something.
pub struct Answered {
    pub text: SecretString,
    /// It was made by an earlier copy of this request.
    pub again: bool,
}

impl Once {
    fn key_hash(&self) -> [u8; 32] {
        Sha256::digest(self.name.as_bytes()).into()
    }

    fn row_id(&self) -> String {
        let name: String = self.key_hash().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}.{name}", self.user)
    }
}

/// Takes the name, before any other lock. `Some` is the answer that an earlier copy got.
pub(crate) async fn begin_in_txn(
    conn: &mut PgConnection,
    store: &Store,
    org: OrgId,
    once: Option<&Once>,
) -> Result<Option<Answered>, StoreError> {
    let Some(once) = once else { return Ok(None) };
    // A row of another transaction that has not ended makes this wait for it.
    let taken = sqlx::query(
        "insert into idempotency (org_id, user_id, key_hash, fingerprint) values ($1, $2, $3, $4) \
         on conflict (org_id, user_id, key_hash) do update \
           set fingerprint = excluded.fingerprint, nonce = null, ciphertext = null, at = now() \
           where idempotency.at <= now() - interval '24 hours'",
    )
    .bind(org.0)
    .bind(once.user.0)
    .bind(once.key_hash().as_slice())
    .bind(once.fingerprint.as_slice())
    .execute(&mut *conn)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(None);
    }
    let (fingerprint, nonce, ciphertext): (Vec<u8>, Vec<u8>, Vec<u8>) = sqlx::query_as(
        "select fingerprint, coalesce(nonce, ''), coalesce(ciphertext, '') from idempotency \
         where org_id = $1 and user_id = $2 and key_hash = $3",
    )
    .bind(org.0)
    .bind(once.user.0)
    .bind(once.key_hash().as_slice())
    .fetch_one(&mut *conn)
    .await?;
    if fingerprint != once.fingerprint {
        return Err(StoreError::IdempotencyConflict);
    }
    let data_key = data_key_in_txn(conn, &store.keyring, org).await?;
    let text = envelope::open_text(&data_key, place(&once.row_id(), &org.to_string()), &Sealed { nonce, ciphertext })
        .map_err(|source| StoreError::SecretUnreadable { what: "answer to a repeated request".to_owned(), source })?;
    Ok(Some(Answered { text, again: true }))
}

/// Keeps the answer for the next copy.
pub(crate) async fn end_in_txn(
    conn: &mut PgConnection,
    store: &Store,
    org: OrgId,
    once: Option<&Once>,
    text: SecretString,
) -> Result<Answered, StoreError> {
    if let Some(once) = once {
        let data_key = data_key_in_txn(conn, &store.keyring, org).await?;
        let sealed = envelope::seal(&data_key, place(&once.row_id(), &org.to_string()), text.expose_secret().as_bytes());
        sqlx::query("update idempotency set nonce = $4, ciphertext = $5 where org_id = $1 and user_id = $2 and key_hash = $3")
            .bind(org.0)
            .bind(once.user.0)
            .bind(once.key_hash().as_slice())
            .bind(sealed.nonce)
            .bind(sealed.ciphertext)
            .execute(conn)
            .await?;
    }
    Ok(Answered { text, again: false })
}

fn place<'a>(row_id: &'a str, org_id: &'a str) -> Place<'a> {
    Place { table: "idempotency", column: "ciphertext", row_id, org_id }
}

impl Store {
    /// Forgets requests that are older than a day; how many.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn idempotency_prune(&self) -> Result<u64, StoreError> {
        Ok(sqlx::query("delete from idempotency where at <= now() - interval '24 hours'").execute(&self.pool).await?.rows_affected())
    }
}
