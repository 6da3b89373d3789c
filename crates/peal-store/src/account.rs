//! People and orgs. Signing up makes everything that the first message needs, in one transaction or not at all.

use std::fmt;

use peal_core::{Capabilities, Environment, KeyKind, OrgId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::app::{AppInfo, NewApp, app_create_in_txn};
use crate::audit::{Actor, Change, append_in_txn};
use crate::directory::stamp_in_txn;
use crate::error::{StoreError, violates};
use crate::key::{KeyInfo, NewKey, key_create_in_txn};
use crate::session::{NewSession, Role, SessionOrigin, session_create_in_txn};
use crate::store::Store;
use crate::vault::data_key_in_txn;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(pub Uuid);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    pub email: String,
}

#[derive(Debug, Clone)]
pub struct Org {
    pub id: OrgId,
    pub name: String,
}

/// What the API knows about somebody who signs up. The caller has checked the password and hashed it.
#[derive(Debug, Clone)]
pub struct SignUp {
    pub email: String,
    pub password_hash: String,
    pub origin: SessionOrigin,
    pub request_id: String,
    /// The plan of their org; `None` for what new orgs get.
    pub plan: Option<String>,
}

/// What they get.
pub struct SignedUp {
    pub user: User,
    pub org: Org,
    pub app: AppInfo,
    pub key: KeyInfo,
    pub session: NewSession,
}

/// What a sign-in is checked against.
pub struct Credentials {
    pub user: User,
    pub org: Org,
    pub password_hash: String,
}

impl Store {
    /// Makes the user, their org, an app, its first key, the hidden console key, and a session, all or nothing.
    ///
    /// # Errors
    /// [`StoreError::EmailTaken`].
    pub async fn sign_up(&self, new: &SignUp) -> Result<SignedUp, StoreError> {
        let mut txn = self.pool.begin().await?;
        let user = user_create_in_txn(&mut txn, &new.email, &new.password_hash).await?;
        let actor = Actor::user(user.id, new.origin.ip, &new.request_id);
        let org = Org { id: OrgId(Uuid::now_v7()), name: org_name(&new.email) };
        let plan = new.plan.as_deref().unwrap_or(&self.plans.default_plan().id);
        org_create_in_txn(&mut txn, &org, plan).await?;
        member_add_in_txn(&mut txn, org.id, user.id, Role::Owner).await?;
        let data_key = data_key_in_txn(&mut txn, &self.keyring, org.id).await?;
        let app =
            app_create_in_txn(&mut txn, org.id, &NewApp { name: "My first app".to_owned(), environment: Environment::Development }).await?;
        let first = NewKey::generate("First key", KeyKind::Standard, Capabilities::all());
        let key = key_create_in_txn(&mut txn, &data_key, org.id, app.id, &first, Some(user.id)).await?;
        key_create_in_txn(&mut txn, &data_key, org.id, app.id, &NewKey::console(), None).await?;
        let session = session_create_in_txn(&mut txn, org.id, user.id, &new.origin).await?;
        let created = serde_json::json!({ "email": user.email, "org": org.name, "app": app.id, "key": key.id });
        let actor = actor.in_session(session.id);
        append_in_txn(&mut txn, org.id, &actor, Change::of("account.create", format!("user:{}", user.id)).after(created)).await?;
        stamp_in_txn(&mut txn, org.id, app.id).await?;
        txn.commit().await?;
        Ok(SignedUp { user, org, app, key, session })
    }

    /// The account of an e-mail address, in whatever case it is typed, with the org it signs in to.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn credentials_find(&self, email: &str) -> Result<Option<Credentials>, StoreError> {
        let row: Option<(Uuid, String, String, Uuid, String)> = sqlx::query_as(
            "select u.user_id, u.email, u.password_hash, o.org_id, o.name from user_account u \
             join org_member m on m.user_id = u.user_id join org o on o.org_id = m.org_id \
             where u.email_key = $1 order by m.created_at, m.org_id limit 1",
        )
        .bind(email_key(email))
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(user, email, password_hash, org, name)| Credentials {
            user: User { id: UserId(user), email },
            org: Org { id: OrgId(org), name },
            password_hash,
        }))
    }

    /// # Errors
    /// [`StoreError::NotFound`] when the org is gone.
    pub async fn org_rename(&self, org: OrgId, name: &str, actor: &Actor) -> Result<Org, StoreError> {
        let mut txn = self.pool.begin().await?;
        let before: Option<String> =
            sqlx::query_scalar("select name from org where org_id = $1 for no key update").bind(org.0).fetch_optional(&mut *txn).await?;
        let before = before.ok_or(StoreError::NotFound("org"))?;
        if before != name {
            sqlx::query("update org set name = $2 where org_id = $1").bind(org.0).bind(name).execute(&mut *txn).await?;
            let change = Change::of("org.update", format!("org:{org}"));
            let change = change.before(serde_json::json!({ "name": before })).after(serde_json::json!({ "name": name }));
            append_in_txn(&mut txn, org, actor, change).await?;
        }
        txn.commit().await?;
        Ok(Org { id: org, name: name.to_owned() })
    }

    /// Stores the hash of the same password under stronger parameters, unless the password was changed meanwhile.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn password_rehash(&self, user: UserId, old_hash: &str, new_hash: &str) -> Result<(), StoreError> {
        sqlx::query("update user_account set password_hash = $3 where user_id = $1 and password_hash = $2")
            .bind(user.0)
            .bind(old_hash)
            .bind(new_hash)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

pub(crate) async fn user_create_in_txn(conn: &mut PgConnection, email: &str, password_hash: &str) -> Result<User, StoreError> {
    let id = UserId(Uuid::now_v7());
    sqlx::query("insert into user_account (user_id, email, email_key, password_hash) values ($1, $2, $3, $4)")
        .bind(id.0)
        .bind(email)
        .bind(email_key(email))
        .bind(password_hash)
        .execute(conn)
        .await
        .map_err(|error| if violates(&error, "user_account_email_key_key") { StoreError::EmailTaken } else { error.into() })?;
    Ok(User { id, email: email.to_owned() })
}

pub(crate) async fn org_create_in_txn(conn: &mut PgConnection, org: &Org, plan: &str) -> Result<(), StoreError> {
    sqlx::query("insert into org (org_id, name, plan) values ($1, $2, $3) on conflict do nothing")
        .bind(org.id.0)
        .bind(&org.name)
        .bind(plan)
        .execute(conn)
        .await?;
    Ok(())
}

pub(crate) async fn member_add_in_txn(conn: &mut PgConnection, org: OrgId, user: UserId, role: Role) -> Result<(), StoreError> {
    sqlx::query("insert into org_member (org_id, user_id, role) values ($1, $2, $3) on conflict do nothing")
        .bind(org.0)
        .bind(user.0)
        .bind(role.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// Two spellings of one address are one account.
pub(crate) fn email_key(email: &str) -> String {
    email.to_lowercase()
}

fn org_name(email: &str) -> String {
    let local = email.split('@').next().unwrap_or(email);
    format!("{local}'s team")
}
