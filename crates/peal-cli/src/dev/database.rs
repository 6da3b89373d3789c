//! The Postgres of a development server: the one that is given, or a private one.

use std::time::Duration;

use peal_store::embedded::{EmbeddedOptions, EmbeddedPostgres, Origin};

use super::data::DataDir;
use crate::failure::Failure;
use crate::settings::DevDatabaseArgs;

/// How often the private server is looked at, which nobody else watches.
const WATCH: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Database {
    url: String,
    private: Option<EmbeddedPostgres>,
}

impl Database {
    pub(super) async fn start(args: &DevDatabaseArgs, data: &DataDir) -> Result<Self, Failure> {
        if let Some(url) = &args.database.database_url {
            return Ok(Self { url: url.clone(), private: None });
        }
        let options = EmbeddedOptions {
            ephemeral: data.is_ephemeral(),
            bin_dir: args.postgres_bin.clone(),
            package_dirs: vec![data.postgres_package()],
            ..EmbeddedOptions::new(data.path())
        };
        let started = tokio::task::spawn_blocking(move || EmbeddedPostgres::start(&options)).await;
        let postgres = started
            .map_err(|error| Failure::because("cannot start Postgres", &error))?
            .map_err(|error| Failure::because("cannot start Postgres", &error))?;
        let how = match postgres.origin() {
            Origin::Created => "created",
            Origin::Started => "started",
            Origin::Adopted => "adopted from a process that was killed",
        };
        tracing::info!(version = postgres.version(), how, took_ms = postgres.start_duration().as_millis(), "Postgres serves");
        Ok(Self { url: postgres.url(), private: Some(postgres) })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// For the banner.
    pub(super) fn description(&self) -> String {
        match &self.private {
            Some(postgres) => format!("private Postgres {}, log in {}", postgres.version(), postgres.log_file().display()),
            None => "as given".to_owned(),
        }
    }

    /// Resolves when the private server has ended by itself; never for one that is given. Cancellation-safe.
    pub(super) async fn ended(&mut self) -> Failure {
        let Some(postgres) = &mut self.private else { return std::future::pending().await };
        let mut ticks = tokio::time::interval(WATCH);
        loop {
            ticks.tick().await;
            if !postgres.is_alive() {
                return Failure::failed(format!("the private Postgres has ended; its log is {}", postgres.log_file().display()));
            }
        }
    }

    pub(super) async fn stop(self) {
        if let Some(postgres) = self.private {
            // A panic in there is reported by the panic hook.
            tokio::task::spawn_blocking(|| postgres.stop()).await.ok();
        }
    }
}
