//! What the edges follow: every app with its keys, rules, limits and revocations, and the version that says what changed.
//!
//! **No change is ever missed.** A change takes the next version as the last step of its own transaction
//! ([`stamp_in_txn`]). The row lock on `config_version` is held until that transaction ends, so the next writer gets its version
//! only after this one has committed: versions become visible in order and without gaps. (A sequence would not do. There, version
//! 8 can commit before 7, an edge that loads "since 6" sees 8, asks for "since 8" from then on, and 7 is lost.) Loading happens in
//! one snapshot, so the version it reports and the rows it returns belong together.
//!
//! This is the one module that reads across tenants, and only the data plane calls it.

mod rows;

use std::time::Duration;

use peal_core::{App, AppId, OrgId};
use sqlx::PgConnection;
use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::app::app_id;
use crate::error::StoreError;
use crate::store::Store;
use rows::{AppRow, Parts};

const NOTIFY_CHANNEL: &str = "peal_directory";
/// Between attempts to listen while Postgres is away. Edges poll meanwhile.
const LISTEN_RETRY: Duration = Duration::from_secs(1);

/// What changed up to `version`.
#[derive(Debug, Clone)]
pub struct DirectoryDelta {
    pub version: i64,
    /// `apps` is the whole directory and replaces what is known. So it is without `since`, and when the database's version lies
    /// *behind* `since`: a failover or a restore has taken changes back.
    pub complete: bool,
    pub apps: Vec<App>,
    pub removed: Vec<AppId>,
}

/// Takes the next version for a change of this app, and wakes the edges when the transaction commits. The last statement of every
/// change, because it serialises all writers until the commit.
pub(crate) async fn stamp_in_txn(conn: &mut PgConnection, org: OrgId, app: AppId) -> Result<(), StoreError> {
    sqlx::query(
        "with next as (update config_version set version = version + 1 returning version), \
              stamped as (update app set version = next.version from next where org_id = $1 and app_id = $2) \
         select pg_notify($3, version::text) from next",
    )
    .bind(org.0)
    .bind(app.get())
    .bind(NOTIFY_CHANNEL)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// The newest version: one row, cheap enough to ask every second.
    ///
    /// # Errors
    /// Only those of the database.
    pub async fn directory_version(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("select version from config_version").fetch_one(&self.pool).await?)
    }

    /// The apps that changed after `since`, or all. A key whose secret does not decrypt, and an app that cannot be understood, are
    /// logged and left out, so that one damaged row does not take the other tenants down.
    ///
    /// # Errors
    /// Those of the database, and those of [`Store::keyring_check`]: under a wrong keyring every key would look revoked.
    pub async fn directory_load(&self, since: Option<i64>) -> Result<DirectoryDelta, StoreError> {
        if since.is_none() {
            self.canaries_open().await?;
        }
        let mut txn = self.pool.begin_with("begin isolation level repeatable read read only").await?;
        let version: i64 = sqlx::query_scalar("select version from config_version").fetch_one(&mut *txn).await?;
        let since = since.filter(|since| *since <= version);
        let rows: Vec<AppRow> = sqlx::query_as(
            "select a.org_id, o.plan, a.app_id, a.name, a.environment, a.paused, a.features, a.limits, a.default_rule, \
                    a.deleted_at is not null as deleted \
             from app a join org o using (org_id) where a.version > coalesce($1, 0) and ($1 is not null or a.deleted_at is null)",
        )
        .bind(since)
        .fetch_all(&mut *txn)
        .await?;
        let (gone, live): (Vec<AppRow>, Vec<AppRow>) = rows.into_iter().partition(|row| row.deleted);
        let mut parts = Parts::load(&mut txn, self, &live).await?;
        txn.commit().await?;
        let apps = live.into_iter().filter_map(|row| {
            let id = row.app_id;
            parts.assemble(row).inspect_err(|error| tracing::error!(app = id, %error, "an app cannot be loaded")).ok()
        });
        Ok(DirectoryDelta {
            version,
            complete: since.is_none(),
            apps: apps.collect(),
            removed: gone.iter().map(|row| app_id(row.app_id)).collect::<Result<_, _>>()?,
        })
    }

    /// Wakes on every committed change. It is an accelerator: an edge polls [`Store::directory_version`] all the same.
    pub fn directory_listen(&self) -> DirectoryListener {
        DirectoryListener { store: self.clone(), listener: None }
    }
}

/// A connection of its own that waits for NOTIFY.
pub struct DirectoryListener {
    store: Store,
    listener: Option<PgListener>,
}

impl DirectoryListener {
    /// Returns when the directory may have changed: on a notification, and after a lost connection has been made again, because
    /// notifications were missed meanwhile. While Postgres is away it tries once a second. Cancellation-safe.
    pub async fn changed(&mut self) {
        loop {
            match &mut self.listener {
                Some(listener) => match listener.try_recv().await {
                    Ok(Some(_)) => {
                        while listener.next_buffered().is_some() {}
                        return;
                    }
                    Ok(None) => return,
                    Err(error) => {
                        tracing::debug!(%error, "the directory listener lost its connection");
                        self.listener = None;
                    }
                },
                None => match self.listen().await {
                    Ok(listener) => {
                        self.listener = Some(listener);
                        return;
                    }
                    Err(error) => {
                        tracing::debug!(%error, "cannot listen for directory changes");
                        tokio::time::sleep(LISTEN_RETRY).await;
                    }
                },
            }
        }
    }

    async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        let own =
            PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).connect_lazy_with(self.store.connect_options());
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(NOTIFY_CHANNEL).await?;
        Ok(listener)
    }
}
