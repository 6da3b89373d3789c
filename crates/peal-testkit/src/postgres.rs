//! A Postgres database per test, cloned from a migrated template.
//!
//! The naive answers are one shared database, where tests meet each other's rows, or migrating afresh for each test, which
//! costs a second. Here the migrations run once per cluster into a template named after their hash, and each test gets a copy in tens of
//! milliseconds, dropped with its [`TestDb`].
//!
//! The cluster is the one that `PEAL_TEST_DATABASE_URL` names (a superuser there; `peal-check` starts one for its whole
//! run), else a private one that this process starts and that ends with it, whatever way it ends.

mod admin;
pub mod binaries;
pub mod cluster;
mod name;

use sqlx::postgres::PgConnectOptions;

pub use cluster::Cluster;

/// The variable that names a cluster to use instead of starting one.
pub const URL_VARIABLE: &str = "PEAL_TEST_DATABASE_URL";

/// A migrated, empty database of one test's own.
#[derive(Debug)]
pub struct TestDb {
    name: String,
    url: String,
}

impl TestDb {
    /// # Panics
    /// When there is no Postgres to be had; the message says what to install.
    pub async fn create() -> Self {
        let (done, created) = tokio::sync::oneshot::channel();
        admin::send(admin::Job::Create(done));
        let name = created
            .await
            .unwrap_or_else(|_| Err("the thread that makes databases has ended".into()))
            .unwrap_or_else(|why| panic!("no test database: {why}"));
        let url = admin::url_of(&name);
        Self { name, url }
    }

    /// For `Store::connect`, `--database-url` and the like.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// For a connection of the test's own.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.url.parse().expect("the URL of a test database is one that sqlx reads")
    }
}

impl Drop for TestDb {
    /// Ends every connection to the database and drops it.
    fn drop(&mut self) {
        let (done, dropped) = std::sync::mpsc::channel();
        admin::send(admin::Job::Drop(self.name.clone(), done));
        // An error means the cluster is gone, and the database with it.
        dropped.recv().ok();
    }
}

/// Drops the databases of processes that are gone. Every process does so before its first database.
///
/// # Errors
/// When the cluster cannot be asked.
pub async fn sweep(url: &str) -> Result<(), sqlx::Error> {
    admin::sweep_alone(url).await
}
