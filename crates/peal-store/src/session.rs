//! Signed-in browsers.
//!
//! The cookie is 256 random bits and the table holds only its SHA-256, so neither a dump nor a log of this database signs anybody
//! in. A session ends 14 days after its last use, 60 days after its creation, when its row is deleted, or when the member leaves.

mod devices;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use peal_core::OrgId;
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::account::{Org, User, UserId};
use crate::error::StoreError;
use crate::store::Store;

pub use devices::{Device, PasswordChange};

const TOKEN_BYTES: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SessionId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(SessionId)
    }
}

/// What the cookie carries: 43 characters of base64url.
#[derive(Clone)]
pub struct SessionToken(SecretString);

impl SessionToken {
    pub(crate) fn generate() -> Self {
        let mut bytes = Zeroizing::new([0u8; TOKEN_BYTES]);
        rand::rng().fill_bytes(&mut *bytes);
        SessionToken(URL_SAFE_NO_PAD.encode(*bytes).into())
    }

    /// `None` for a text that no session can have, without asking the database.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0u8; TOKEN_BYTES]);
        match URL_SAFE_NO_PAD.decode_slice(text, &mut *bytes) {
            Ok(TOKEN_BYTES) => Some(SessionToken(text.into())),
            _ => None,
        }
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.expose().as_bytes()).to_vec()
    }
}

/// What a member of an org is there for (SECURITY 3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Owner,
    Admin,
    Developer,
    Billing,
    Viewer,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Owner, Role::Admin, Role::Developer, Role::Billing, Role::Viewer];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Developer => "developer",
            Role::Billing => "billing",
            Role::Viewer => "viewer",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let found = Role::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| StoreError::malformed("role of a member", format!("unknown role {text:?}")))
    }
}

/// Where a session is opened from, for the list of devices.
#[derive(Debug, Clone)]
pub struct SessionOrigin {
    pub ip: IpAddr,
    /// Cut to 400 characters when stored.
    pub user_agent: String,
}

/// A live session and who it speaks for. The org comes from here, never from a URL.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    pub user: User,
    pub org: Org,
    pub role: Role,
    /// Dangerous actions need this to lie in the future.
    pub sudo_until: Option<OffsetDateTime>,
    /// The database's time at the look-up, to compare `sudo_until` with.
    pub now: OffsetDateTime,
}

impl Session {
    #[must_use]
    pub fn is_sudo(&self) -> bool {
        self.sudo_until.is_some_and(|until| self.now < until)
    }
}

/// The answer to a sign-up or sign-in: the cookie's value.
#[derive(Clone)]
pub struct NewSession {
    pub id: SessionId,
    pub token: SessionToken,
    pub sudo_until: OffsetDateTime,
}

/// Opens a session in sudo mode: the password has just been given.
pub(crate) async fn session_create_in_txn(
    conn: &mut PgConnection,
    org: OrgId,
    user: UserId,
    origin: &SessionOrigin,
) -> Result<NewSession, StoreError> {
    let token = SessionToken::generate();
    let id = SessionId(Uuid::now_v7());
    let user_agent: String = origin.user_agent.chars().take(400).collect();
    let sudo_until = sqlx::query_scalar(
        "insert into session (token_hash, session_id, org_id, user_id, ip, user_agent, sudo_until) \
         values ($1, $2, $3, $4, $5, $6, now() + interval '15 minutes') returning sudo_until",
    )
    .bind(token.hash())
    .bind(id.0)
    .bind(org.0)
    .bind(user.0)
    .bind(origin.ip.to_string())
    .bind(user_agent)
    .fetch_one(conn)
    .await?;
    Ok(NewSession { id, token, sudo_until })
}

#[derive(sqlx::FromRow)]
struct Row {
    session_id: Uuid,
    user_id: Uuid,
    email: String,
    org_id: Uuid,
    org_name: String,
    role: String,
    sudo_until: Option<OffsetDateTime>,
    now: OffsetDateTime,
    unseen: bool,
}

impl Store {
    /// Opens a session for a member who has just proved who they are, and ends the one their browser had (rotation).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the user is a member of no org.
    pub async fn session_create(
        &self,
        user: UserId,
        origin: &SessionOrigin,
        replaces: Option<&SessionToken>,
    ) -> Result<NewSession, StoreError> {
        let mut txn = self.pool.begin().await?;
        if let Some(old) = replaces {
            sqlx::query("delete from session where token_hash = $1").bind(old.hash()).execute(&mut *txn).await?;
        }
        let org: Uuid = sqlx::query_scalar("select org_id from org_member where user_id = $1 order by created_at, org_id limit 1")
            .bind(user.0)
            .fetch_optional(&mut *txn)
            .await?
            .ok_or(StoreError::NotFound("membership"))?;
        let session = session_create_in_txn(&mut txn, OrgId(org), user, origin).await?;
        txn.commit().await?;
        Ok(session)
    }

    /// The live session of a cookie. Notes the visit at most once a minute.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn session_resolve(&self, token: &SessionToken) -> Result<Option<Session>, StoreError> {
        let hash = token.hash();
        let row: Option<Row> = sqlx::query_as(
            "select s.session_id, s.user_id, u.email, s.org_id, o.name as org_name, m.role, s.sudo_until, now() as now, \
                    s.last_seen_at < now() - interval '1 minute' as unseen \
             from session s \
             join user_account u on u.user_id = s.user_id \
             join org_member m on m.org_id = s.org_id and m.user_id = s.user_id \
             join org o on o.org_id = s.org_id \
             where s.token_hash = $1 \
               and s.last_seen_at > now() - interval '14 days' and s.created_at > now() - interval '60 days'",
        )
        .bind(&hash)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        if row.unseen {
            sqlx::query("update session set last_seen_at = now() where token_hash = $1 and last_seen_at < now() - interval '1 minute'")
                .bind(&hash)
                .execute(&self.pool)
                .await?;
        }
        Ok(Some(Session {
            id: SessionId(row.session_id),
            user: User { id: UserId(row.user_id), email: row.email },
            org: Org { id: OrgId(row.org_id), name: row.org_name },
            role: Role::parse(&row.role)?,
            sudo_until: row.sudo_until,
            now: row.now,
        }))
    }

    /// Puts a session in sudo mode for 15 minutes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the session has ended meanwhile.
    pub async fn session_sudo(&self, user: UserId, session: SessionId) -> Result<OffsetDateTime, StoreError> {
        sqlx::query_scalar(
            "update session set sudo_until = now() + interval '15 minutes' \
             where user_id = $1 and session_id = $2 returning sudo_until",
        )
        .bind(user.0)
        .bind(session.0)
        .fetch_optional(&self.pool)
        .await?
        .ok_or(StoreError::NotFound("session"))
    }

    /// Signs the browser out. Ending a session that has ended succeeds.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn session_delete(&self, token: &SessionToken) -> Result<(), StoreError> {
        sqlx::query("delete from session where token_hash = $1").bind(token.hash()).execute(&self.pool).await?;
        Ok(())
    }

    /// Deletes sessions that have expired; how many. They are refused before that already.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn session_prune(&self) -> Result<u64, StoreError> {
        let done =
            sqlx::query("delete from session where last_seen_at <= now() - interval '14 days' or created_at <= now() - interval '60 days'")
                .execute(&self.pool)
                .await?;
        Ok(done.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_nothing_else_parses() {
        let token = SessionToken::generate();
        assert_eq!(SessionToken::parse(token.expose()).unwrap().hash(), token.hash());
        for bad in ["", "short", &"a".repeat(44), &"!".repeat(43), &token.expose()[1..]] {
            assert!(SessionToken::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn every_role_is_read_as_written() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()).unwrap(), role);
        }
        assert!(Role::parse("root").is_err());
    }
}
