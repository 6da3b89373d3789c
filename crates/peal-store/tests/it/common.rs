//! A migrated store on a database of its own, and the direct connection with which a test plays thief, clock or broken disk.

use std::net::{IpAddr, Ipv4Addr};

use peal_core::{AppId, OrgId};
use peal_store::{Actor, AppInfo, Keyring, SessionOrigin, SignUp, SignedUp, Store, StoreError, StoreOptions};
use peal_testkit::postgres::TestDb;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

pub(crate) const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) url: String,
    /// Drops the database, after the store's connections are gone or not.
    _db: TestDb,
}

impl Bench {
    pub(crate) async fn new() -> Bench {
        let db = TestDb::create().await;
        let url = db.url().to_owned();
        let keyring = Keyring::ephemeral();
        let store = connect(&url, keyring.clone()).await;
        store.migrate().await.expect("the migrations apply");
        Bench { store, keyring, url, _db: db }
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn sql(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let mut conn = PgConnection::connect(&self.url).await?;
        let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut conn).await?;
        Ok(done.rows_affected())
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let mut conn = PgConnection::connect(&self.url).await.expect("Postgres answers");
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut conn).await.expect("the count runs")
    }

    pub(crate) async fn sign_up(&self, email: &str) -> SignedUp {
        self.store.sign_up(&sign_up(email)).await.expect("the sign-up succeeds")
    }
}

pub(crate) fn sign_up(email: &str) -> SignUp {
    SignUp {
        email: email.to_owned(),
        password_hash: "$argon2id$test".to_owned(),
        origin: origin(),
        request_id: "req-1".to_owned(),
        plan: None,
    }
}

pub(crate) fn origin() -> SessionOrigin {
    SessionOrigin { ip: LOCALHOST, user_agent: "a test".to_owned() }
}

pub(crate) fn actor_of(signed_up: &SignedUp) -> Actor {
    Actor::user(signed_up.user.id, LOCALHOST, "req-2").in_session(signed_up.session.id)
}

pub(crate) async fn connect(url: &str, keyring: Keyring) -> Store {
    Store::connect(url, keyring, StoreOptions::default()).await.expect("the URL is valid")
}

pub(crate) async fn rename(store: &Store, org: OrgId, app: AppId, name: &str, actor: &Actor) -> Result<AppInfo, StoreError> {
    let edit = |settings: &mut peal_store::AppSettings, _: &_| {
        name.clone_into(&mut settings.name);
        Ok(())
    };
    store.app_update(org, app, actor, edit).await
}
