//! A private Postgres for `peal dev`: found, created, started, adopted and stopped here, so that a laptop needs no database
//! of its own. It listens on a unix socket in a folder that only its owner may enter.
//!
//! Invariants:
//! - **One server per cluster.** A lock on the place is held as long as the server is ours. Who has the lock and finds a live server
//!   found one whose owner was killed: it is adopted, or stopped when it cannot be used, never accompanied by a second.
//! - **It ends with its owner.** [`EmbeddedPostgres::stop`] and the drop both stop the server, adopted or not.
//! - **Never as root.** Root's cluster belongs to an unprivileged user and lives outside folders that this user cannot enter.
//! - **Nothing of ours leaks into it.** Its output goes to a log file, its process group is its own (Ctrl-C on a terminal reaches only
//!   Peal, which then stops it in order), and it inherits no descriptor.

mod binaries;
mod cluster;
mod copy;
mod ephemeral;
mod error;
mod place;
mod server;
#[cfg(test)]
mod tests;
mod version;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use binaries::{Binaries, PINNED_PACKAGE_VERSION};
pub use ephemeral::EphemeralDir;
pub use error::EmbeddedError;
use place::Place;
use server::Server;

/// What to start.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Where the cluster lives, or the file that names where it lives. Must exist.
    pub data_dir: PathBuf,
    /// Keeps nothing: no syncing while it runs, everything removed when it stops.
    pub ephemeral: bool,
    /// The folder with `initdb` and `postgres`; `None` looks for one ([`Binaries`]).
    pub bin_dir: Option<PathBuf>,
    /// Folders that may hold an `npm` installation of the pinned package, besides those known here.
    pub package_dirs: Vec<PathBuf>,
    /// From the start of the server until it answers.
    pub start_timeout: Duration,
}

impl EmbeddedOptions {
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            ephemeral: false,
            bin_dir: None,
            package_dirs: Vec::new(),
            start_timeout: Duration::from_secs(30),
        }
    }
}

/// How the server came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The cluster was made for this start.
    Created,
    /// An existing cluster was started.
    Started,
    /// The server was running without an owner.
    Adopted,
}

/// A running server of our own.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    place: Place,
    server: Server,
    origin: Origin,
    version: String,
    took: Duration,
}

impl EmbeddedPostgres {
    /// Blocks until the server answers: tens of milliseconds when adopted, up to a few seconds when the cluster must be made.
    ///
    /// # Errors
    /// When no Postgres is installed, another Peal uses the data directory, or the server does not start.
    pub fn start(options: &EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let began = Instant::now();
        let place = Place::choose(options)?;
        if place.is_forgotten() {
            if let Some(mut left) = server::adopt(&place)? {
                left.stop(server::Stop::Immediate);
            }
            place.clear()?;
        }
        place.remember()?;
        let existing = cluster::major_version(&place);
        let found = binaries::choose(options, existing.as_deref())?;
        let (server, origin) = match server::adopt(&place)? {
            Some(server) => (server, Origin::Adopted),
            None => {
                let usable = place.usable_binaries(&found)?;
                let made = cluster::create_if_missing(&place, &usable)?;
                let server = server::start(&place, &usable, options)?;
                if made && !options.ephemeral {
                    cluster::sync_in_background(&place);
                }
                (server, if made { Origin::Created } else { Origin::Started })
            }
        };
        Ok(Self { place, server, origin, version: found.version, took: began.elapsed() })
    }

    /// The URL of the database `peal`, understood by sqlx, libpq and node-postgres.
    #[must_use]
    pub fn url(&self) -> String {
        let socket = place::percent_encoded(self.place.socket_dir());
        format!("postgres://{user}@localhost/{database}?host={socket}", user = cluster::USER, database = cluster::DATABASE)
    }

    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// As `postgres --version` says it, without the name.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    #[must_use]
    pub fn start_duration(&self) -> Duration {
        self.took
    }

    /// The server's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Whether the server still runs, for a watch.
    pub fn is_alive(&mut self) -> bool {
        self.server.is_alive()
    }

    /// Where the server writes its log.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.place.log_file()
    }

    /// Stops the server and, when ephemeral, removes every trace. Blocks for as long as that takes, at most about 15 seconds.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        self.server.stop(if self.place.is_ephemeral() { server::Stop::Immediate } else { server::Stop::Fast });
        self.place.leave();
    }
}
