//! A person's signed-in browsers, and the change of their password, which ends all but the one it is made in.

use std::net::IpAddr;

use peal_core::OrgId;
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{NewSession, SessionId, SessionOrigin, session_create_in_txn};
use crate::account::UserId;
use crate::audit::{Actor, Change, append_in_txn};
use crate::error::StoreError;
use crate::store::Store;

/// Devices that one list shows; a person with more sees the ones used last.
const DEVICES_MAX: i64 = 200;

/// One signed-in browser.
#[derive(Debug, Clone)]
pub struct Device {
    pub session: SessionId,
    /// `None` for an address that cannot be read any more.
    pub ip: Option<IpAddr>,
    pub user_agent: String,
    pub created_at: OffsetDateTime,
    pub last_seen_at: OffsetDateTime,
}

/// Whose password is changed, and where.
pub struct PasswordChange<'a> {
    pub org: OrgId,
    pub user: UserId,
    pub origin: &'a SessionOrigin,
    /// The hash that the present password was checked against.
    pub old_hash: &'a str,
    pub new_hash: &'a str,
}

impl Store {
    /// The live sessions of a person, last used first.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn session_list(&self, user: UserId) -> Result<Vec<Device>, StoreError> {
        let rows: Vec<(Uuid, String, String, OffsetDateTime, OffsetDateTime)> = sqlx::query_as(
            "select session_id, ip, user_agent, created_at, last_seen_at from session where user_id = $1 \
             and last_seen_at > now() - interval '14 days' and created_at > now() - interval '60 days' \
             order by last_seen_at desc, session_id limit $2",
        )
        .bind(user.0)
        .bind(DEVICES_MAX)
        .fetch_all(&self.pool)
        .await?;
        let device = |(session, ip, user_agent, created_at, last_seen_at): (Uuid, String, _, _, _)| Device {
            session: SessionId(session),
            ip: ip.parse().ok(),
            user_agent,
            created_at,
            last_seen_at,
        };
        Ok(rows.into_iter().map(device).collect())
    }

    /// Signs one browser of a person out.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when they have no such session.
    pub async fn session_end(&self, org: OrgId, user: UserId, session: SessionId, actor: &Actor) -> Result<(), StoreError> {
        let mut txn = self.pool.begin().await?;
        let done = sqlx::query("delete from session where user_id = $1 and session_id = $2")
            .bind(user.0)
            .bind(session.0)
            .execute(&mut *txn)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("session"));
        }
        append_in_txn(&mut txn, org, actor, Change::of("session.end", format!("session:{session}"))).await?;
        txn.commit().await?;
        Ok(())
    }

    /// Signs every browser of a person out but this one; how many.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn session_end_others(&self, org: OrgId, user: UserId, keep: SessionId, actor: &Actor) -> Result<u64, StoreError> {
        let mut txn = self.pool.begin().await?;
        let ended = sqlx::query("delete from session where user_id = $1 and session_id <> $2")
            .bind(user.0)
            .bind(keep.0)
            .execute(&mut *txn)
            .await?
            .rows_affected();
        if ended > 0 {
            let change = Change::of("session.end_others", format!("user:{user}")).after(json!({ "ended": ended }));
            append_in_txn(&mut txn, org, actor, change).await?;
        }
        txn.commit().await?;
        Ok(ended)
    }

    /// Sets a password, ends every session of the person, and opens one for the browser that asked.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the password was changed meanwhile.
    pub async fn password_change(&self, change: &PasswordChange<'_>, actor: &Actor) -> Result<NewSession, StoreError> {
        let PasswordChange { org, user, origin, old_hash, new_hash } = change;
        let mut txn = self.pool.begin().await?;
        let done = sqlx::query("update user_account set password_hash = $3 where user_id = $1 and password_hash = $2")
            .bind(user.0)
            .bind(old_hash)
            .bind(new_hash)
            .execute(&mut *txn)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound("account with this password"));
        }
        let ended = sqlx::query("delete from session where user_id = $1").bind(user.0).execute(&mut *txn).await?.rows_affected();
        let session = session_create_in_txn(&mut txn, *org, *user, origin).await?;
        let noted = Change::of("password.change", format!("user:{user}")).after(json!({ "sessions_ended": ended.saturating_sub(1) }));
        append_in_txn(&mut txn, *org, actor, noted).await?;
        txn.commit().await?;
        Ok(session)
    }
}
