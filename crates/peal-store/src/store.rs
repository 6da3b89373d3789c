//! The handle: pool, keyring, migrations and the checks of start-up.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use peal_core::Plans;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

use crate::error::StoreError;
use crate::keyring::Keyring;

/// `ignore_missing`: an older binary runs on a newer schema, because migrations expand before they contract.
static MIGRATOR: Migrator = Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations") };

#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub max_connections: u32,
    /// How long a call waits for a connection before it fails as unavailable.
    pub acquire_timeout: Duration,
    /// How long Postgres works on one statement before it gives up. Migrations have no such limit.
    pub statement_timeout: Duration,
    /// What orgs get, by the name of their plan.
    pub plans: Arc<Plans>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(15),
            plans: Arc::new(Plans::built_in()),
        }
    }
}

/// A pool of connections and the master keys. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: PgPool,
    pub(crate) keyring: Keyring,
    pub(crate) plans: Arc<Plans>,
    options: Arc<PgConnectOptions>,
}

impl Store {
    /// Makes the pool and contacts nobody, so that an edge starts while Postgres is away.
    ///
    /// # Errors
    /// When the URL cannot be parsed.
    pub async fn connect(url: &str, keyring: Keyring, options: StoreOptions) -> Result<Store, StoreError> {
        let plain = PgConnectOptions::from_str(url).map_err(StoreError::Url)?.application_name("peal");
        let bounded = plain.clone().options([("statement_timeout", format!("{}ms", options.statement_timeout.as_millis()))]);
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            .connect_lazy_with(bounded);
        Ok(Store { pool, keyring, plans: options.plans, options: Arc::new(plain) })
    }

    /// Applies what is missing, under an advisory lock, and checks the keyring. Several processes may start at once.
    ///
    /// # Errors
    /// When Postgres is away, a migration fails, or the keyring is not the one this database was encrypted with.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        MIGRATOR.run(&mut connection).await.map_err(StoreError::Migrate)?;
        connection.close().await?;
        self.keyring_check().await
    }

    /// For processes that do not migrate.
    ///
    /// # Errors
    /// [`StoreError::SchemaTooOld`] when a migration that this binary needs has not been applied.
    pub async fn schema_version_check(&self) -> Result<(), StoreError> {
        let needed = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0);
        let found =
            match sqlx::query_scalar("select coalesce(max(version), 0) from _sqlx_migrations where success").fetch_one(&self.pool).await {
                Ok(version) => version,
                Err(sqlx::Error::Database(refusal)) if refusal.code().as_deref() == Some("42P01") => 0,
                Err(error) => return Err(error.into()),
            };
        if found < needed { Err(StoreError::SchemaTooOld { found, needed }) } else { Ok(()) }
    }

    /// The plans that orgs can have.
    #[must_use]
    pub fn plans(&self) -> &Plans {
        &self.plans
    }

    /// Whether Postgres answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Waits for calls in progress, then closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Options for a connection outside the pool, without statement timeout.
    pub(crate) fn connect_options(&self) -> PgConnectOptions {
        (*self.options).clone()
    }
}
