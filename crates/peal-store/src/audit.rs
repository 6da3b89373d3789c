//! The audit log: who did what, in the transaction of the change.
//!
//! Events of an org form a chain. Each holds the SHA-256 over its own fields and the hash before it, so that a removed, reordered
//! or edited row shows. The head row is locked while an event is added, which orders the chain. `before` and `after` never hold
//! secrets: callers pass what changed in words and numbers.

use std::net::IpAddr;

use peal_core::{AppId, KeyId, OrgId};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::account::UserId;
use crate::error::StoreError;
use crate::page::{Page, Paging};
use crate::session::SessionId;
use crate::store::Store;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    User,
    Key,
    Operator,
    System,
}

impl ActorKind {
    fn as_str(self) -> &'static str {
        match self {
            ActorKind::User => "user",
            ActorKind::Key => "key",
            ActorKind::Operator => "operator",
            ActorKind::System => "system",
        }
    }
}

/// On whose behalf a change is made, and by which request.
#[derive(Debug, Clone)]
pub struct Actor {
    pub kind: ActorKind,
    pub id: String,
    pub session: Option<SessionId>,
    pub ip: Option<IpAddr>,
    pub request_id: Option<String>,
}

impl Actor {
    #[must_use]
    pub fn user(user: UserId, ip: IpAddr, request_id: &str) -> Self {
        let request_id = Some(request_id.to_owned());
        Actor { kind: ActorKind::User, id: user.to_string(), session: None, ip: Some(ip), request_id }
    }

    /// A customer's server, known by the key it signed with.
    #[must_use]
    pub fn key(key: &KeyId, ip: Option<IpAddr>, request_id: Option<String>) -> Self {
        Actor { kind: ActorKind::Key, id: key.to_string(), session: None, ip, request_id }
    }

    /// The deployment itself, for example `peal dev`.
    #[must_use]
    pub fn system(name: &str) -> Self {
        Actor { kind: ActorKind::System, id: name.to_owned(), session: None, ip: None, request_id: None }
    }

    #[must_use]
    pub fn in_session(self, session: SessionId) -> Self {
        Actor { session: Some(session), ..self }
    }
}

/// One event as written.
#[derive(Debug, Clone)]
pub struct AuditEvent {
    pub seq: i64,
    pub at: OffsetDateTime,
    pub actor_type: String,
    pub actor_id: String,
    /// Of a user who still has an account.
    pub actor_email: Option<String>,
    pub ip: Option<String>,
    pub request_id: Option<String>,
    pub action: String,
    pub target: String,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
}

/// What happened to what. `target` is `kind:id`, for example `app:123456789`.
pub(crate) struct Change {
    pub(crate) action: &'static str,
    pub(crate) target: String,
    pub(crate) before: Option<serde_json::Value>,
    pub(crate) after: Option<serde_json::Value>,
}

impl Change {
    pub(crate) fn of(action: &'static str, target: String) -> Self {
        Change { action, target, before: None, after: None }
    }

    pub(crate) fn of_app(action: &'static str, app: AppId) -> Self {
        Change::of(action, format!("app:{app}"))
    }

    pub(crate) fn of_key(action: &'static str, key: &KeyId) -> Self {
        Change::of(action, format!("key:{key}"))
    }

    pub(crate) fn before(self, before: serde_json::Value) -> Self {
        Change { before: Some(before), ..self }
    }

    pub(crate) fn after(self, after: serde_json::Value) -> Self {
        Change { after: Some(after), ..self }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    at: OffsetDateTime,
    actor_type: String,
    actor_id: String,
    session_id: Option<Uuid>,
    ip: Option<String>,
    request_id: Option<String>,
    action: String,
    target: String,
    before: Option<String>,
    after: Option<String>,
}

impl Row {
    /// Every field with its length in front, so that no two events share an encoding.
    fn hash(&self, org: OrgId, previous: &[u8]) -> Vec<u8> {
        let mut hasher = Sha256::new();
        let mut field = |bytes: Option<&[u8]>| {
            hasher.update(bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_be_bytes());
            hasher.update(bytes.unwrap_or_default());
        };
        field(Some(previous));
        field(Some(org.0.as_bytes()));
        field(Some(&self.seq.to_be_bytes()));
        field(Some(&self.at.unix_timestamp_nanos().to_be_bytes()));
        field(Some(self.actor_type.as_bytes()));
        field(Some(self.actor_id.as_bytes()));
        field(self.session_id.as_ref().map(|id| id.as_bytes().as_slice()));
        for text in [&self.ip, &self.request_id, &Some(self.action.clone()), &Some(self.target.clone()), &self.before, &self.after] {
            field(text.as_deref().map(str::as_bytes));
        }
        hasher.finalize().to_vec()
    }
}

/// The hash before the first event of an org.
const GENESIS: [u8; 32] = [0; 32];

/// Adds one event. Locks the org's chain until the transaction ends; take the app's row before, the version after.
pub(crate) async fn append_in_txn(conn: &mut PgConnection, org: OrgId, actor: &Actor, change: Change) -> Result<(), StoreError> {
    sqlx::query("insert into audit_head (org_id, seq, hash) values ($1, 0, $2) on conflict do nothing")
        .bind(org.0)
        .bind(GENESIS.as_slice())
        .execute(&mut *conn)
        .await?;
    let (last, previous, at): (i64, Vec<u8>, OffsetDateTime) =
        sqlx::query_as("select seq, hash, clock_timestamp() from audit_head where org_id = $1 for update")
            .bind(org.0)
            .fetch_one(&mut *conn)
            .await?;
    let row = Row {
        seq: last + 1,
        at,
        actor_type: actor.kind.as_str().to_owned(),
        actor_id: actor.id.clone(),
        session_id: actor.session.map(|session| session.0),
        ip: actor.ip.map(|ip| ip.to_string()),
        request_id: actor.request_id.clone(),
        action: change.action.to_owned(),
        target: change.target,
        before: change.before.map(|value| value.to_string()),
        after: change.after.map(|value| value.to_string()),
    };
    let hash = row.hash(org, &previous);
    sqlx::query("update audit_head set seq = $2, hash = $3 where org_id = $1")
        .bind(org.0)
        .bind(row.seq)
        .bind(&hash)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "insert into audit_event \
           (org_id, seq, at, actor_type, actor_id, session_id, ip, request_id, action, target, before, after, hash) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::json, $12::text::json, $13)",
    )
    .bind(org.0)
    .bind(row.seq)
    .bind(row.at)
    .bind(row.actor_type)
    .bind(row.actor_id)
    .bind(row.session_id)
    .bind(row.ip)
    .bind(row.request_id)
    .bind(row.action)
    .bind(row.target)
    .bind(row.before)
    .bind(row.after)
    .bind(hash)
    .execute(conn)
    .await?;
    Ok(())
}

/// The columns of [`Row`]; the json columns as the text that was hashed.
macro_rules! row_columns {
    () => {
        "seq, at, actor_type, actor_id, session_id, ip, request_id, action, target, before::text as before, after::text as after"
    };
}

impl Store {
    /// The events of an org, newest first; a page begins before the event that the last one ended with.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn audit_list(&self, org: OrgId, paging: Paging<i64>) -> Result<Page<AuditEvent, i64>, StoreError> {
        let sql = concat!(
            "select ",
            row_columns!(),
            ", (select email from user_account where user_id = case when actor_type = 'user' then actor_id::uuid end) as email \
             from audit_event where org_id = $1 and ($2::bigint is null or seq < $2) order by seq desc limit $3"
        );
        let rows: Vec<ListedRow> = sqlx::query_as(sql).bind(org.0).bind(paging.after).bind(paging.fetch()).fetch_all(&self.pool).await?;
        let events = rows.into_iter().map(event).collect::<Result<_, _>>()?;
        Ok(paging.page(events, |event: &AuditEvent| event.seq))
    }

    /// Recomputes the chain of an org. `Some(seq)` is the first event that was changed, removed or put in from outside.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn audit_verify(&self, org: OrgId) -> Result<Option<i64>, StoreError> {
        let mut conn = self.pool.begin_with("begin isolation level repeatable read read only").await?;
        let sql = concat!("select ", row_columns!(), ", hash from audit_event where org_id = $1 order by seq");
        let rows: Vec<HashedRow> = sqlx::query_as(sql).bind(org.0).fetch_all(&mut *conn).await?;
        let head: Option<(i64, Vec<u8>)> =
            sqlx::query_as("select seq, hash from audit_head where org_id = $1").bind(org.0).fetch_optional(&mut *conn).await?;
        let mut previous = GENESIS.to_vec();
        let mut expected = 1;
        for HashedRow { row, hash } in rows {
            if row.seq != expected || row.hash(org, &previous) != hash {
                return Ok(Some(expected));
            }
            previous = hash;
            expected += 1;
        }
        let (seq, hash) = head.unwrap_or((0, GENESIS.to_vec()));
        Ok((seq != expected - 1 || hash != previous).then_some(expected))
    }
}

#[derive(sqlx::FromRow)]
struct HashedRow {
    #[sqlx(flatten)]
    row: Row,
    hash: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    row: Row,
    email: Option<String>,
}

fn event(ListedRow { row, email }: ListedRow) -> Result<AuditEvent, StoreError> {
    let json = |text: Option<String>| {
        text.map(|text| serde_json::from_str(&text).map_err(|error| StoreError::malformed("audit event", error))).transpose()
    };
    Ok(AuditEvent {
        seq: row.seq,
        at: row.at,
        actor_type: row.actor_type,
        actor_id: row.actor_id,
        actor_email: email,
        ip: row.ip,
        request_id: row.request_id,
        action: row.action,
        target: row.target,
        before: json(row.before)?,
        after: json(row.after)?,
    })
}
