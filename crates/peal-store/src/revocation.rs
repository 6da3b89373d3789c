//! Revoked tokens. A row is kept until every token that it could refuse has expired by itself.

use peal_core::{AppId, KeyId, OrgId};
use serde_json::json;
use uuid::Uuid;

use crate::app::app_lock_in_txn;
use crate::audit::{Actor, Change, append_in_txn};
use crate::directory::stamp_in_txn;
use crate::error::StoreError;
use crate::store::Store;

/// What to refuse from now on. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// Every token signed by this key.
    Key(KeyId),
    /// Every token of this client id issued before the time.
    Client { client_id: String, issued_before: u64 },
    /// The token with this `jti`.
    Token(String),
    /// Every token of the app issued before the time.
    IssuedBefore(u64),
}

impl Revocation {
    fn kind(&self) -> &'static str {
        match self {
            Revocation::Key(_) => "key",
            Revocation::Client { .. } => "client",
            Revocation::Token(_) => "token",
            Revocation::IssuedBefore(_) => "issued_before",
        }
    }

    /// What identifies it within its kind; of the others the latest time wins.
    fn value(&self) -> &str {
        match self {
            Revocation::Key(key) => key.as_str(),
            Revocation::Client { client_id, .. } => client_id,
            Revocation::Token(id) => id,
            Revocation::IssuedBefore(_) => "*",
        }
    }

    fn issued_before(&self) -> Option<u64> {
        match self {
            Revocation::Client { issued_before, .. } | Revocation::IssuedBefore(issued_before) => Some(*issued_before),
            Revocation::Key(_) | Revocation::Token(_) => None,
        }
    }
}

impl Store {
    /// Revokes tokens of an app. Repeating a revocation changes nothing but prolongs it; of two times the later one holds.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn revocation_add(&self, app: AppId, revocation: &Revocation, actor: &Actor) -> Result<(), StoreError> {
        let mut txn = self.pool.begin().await?;
        let org: Uuid = sqlx::query_scalar("select org_id from app where app_id = $1 and deleted_at is null")
            .bind(app.get())
            .fetch_optional(&mut *txn)
            .await?
            .ok_or(StoreError::NotFound("app"))?;
        let org = OrgId(org);
        app_lock_in_txn(&mut txn, org, app).await?;
        let issued_before = revocation.issued_before().map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
        // A token lives 24 hours at most and may be dated 30 s ahead; an hour more covers clocks that disagree.
        sqlx::query(
            "insert into revocation (app_id, kind, value, issued_before_s, expires_at) \
             values ($1, $2, $3, $4, greatest(now(), to_timestamp(least(coalesce($4, 0), 253402300799))) + interval '25 hours') \
             on conflict (app_id, kind, value) do update set \
               at = now(), \
               issued_before_s = greatest(revocation.issued_before_s, excluded.issued_before_s), \
               expires_at = greatest(revocation.expires_at, excluded.expires_at)",
        )
        .bind(app.get())
        .bind(revocation.kind())
        .bind(revocation.value())
        .bind(issued_before)
        .execute(&mut *txn)
        .await?;
        let after = json!({ revocation.kind(): revocation.value(), "issued_before": issued_before });
        append_in_txn(&mut txn, org, actor, Change::of_app("tokens.revoke", app).after(after)).await?;
        stamp_in_txn(&mut txn, org, app).await?;
        txn.commit().await?;
        Ok(())
    }

    /// Deletes revocations whose tokens are dead; how many. Edges lose nothing by it, so no version is taken.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn revocation_prune(&self) -> Result<u64, StoreError> {
        Ok(sqlx::query("delete from revocation where expires_at <= now()").execute(&self.pool).await?.rows_affected())
    }
}
