//! What can go wrong in the store. Callers decide about status and words; this enum knows neither.

use crate::envelope::OpenRefused;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such row *for this tenant*; whether another tenant has it is not told.
    #[error("no such {0}")]
    NotFound(&'static str),
    #[error("an account with this e-mail exists")]
    EmailTaken,
    #[error("the key id is in use by another app")]
    KeyIdTaken,
    /// A sentence for who asked.
    #[error("the change is not valid: {0}")]
    Invalid(String),
    #[error("there are {limit} {what} already")]
    TooMany { what: &'static str, limit: u64 },
    /// Somebody else changed it after the caller had read it.
    #[error("version {found} is stored, not {expected}")]
    VersionConflict { expected: i64, found: i64 },
    #[error("the name of this request was used for another one")]
    IdempotencyConflict,
    #[error("the key has been rotated already")]
    KeyReplaced,
    /// Postgres cannot be reached or cannot serve at the moment; the same call may succeed later.
    #[error("Postgres is not available")]
    Unavailable(#[source] sqlx::Error),
    #[error("a database statement failed")]
    Database(#[source] sqlx::Error),
    #[error("the database URL is not valid")]
    Url(#[source] sqlx::Error),
    #[error("a migration failed")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    #[error("the database schema is at version {found}, this release needs {needed}: run `peal migrate`")]
    SchemaTooOld { found: i64, needed: i64 },
    #[error("the keyring does not hold master key {kek_id}, with which secrets in this database are encrypted")]
    MasterKeyMissing { kek_id: String },
    #[error("master key {kek_id} of this keyring is not the one that encrypted this database: the wrong keyring is configured")]
    MasterKeyWrong { kek_id: String },
    #[error("the stored secret {what} cannot be read")]
    SecretUnreadable { what: String, source: OpenRefused },
    #[error("the stored {what} cannot be understood")]
    Malformed { what: String, source: Box<dyn std::error::Error + Send + Sync> },
}

impl StoreError {
    /// Whether waiting may help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, StoreError::Unavailable(_))
    }

    pub(crate) fn malformed(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        StoreError::Malformed { what: what.into(), source: source.into() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if server_is_away(&error) { StoreError::Unavailable(error) } else { StoreError::Database(error) }
    }
}

/// Whether the same call may succeed later: classes 08 (connection), 53 (resources) and 57P (shutdown, start-up, cancelled by the
/// administrator); a statement that took too long or lost a deadlock; and 25006, a primary that became a standby.
fn server_is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Tls(_) | sqlx::Error::Io(_) => true,
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| {
            ["08", "53", "57P"].iter().any(|class| code.starts_with(class)) || ["57014", "40001", "40P01", "25006"].contains(&&*code)
        }),
        _ => false,
    }
}

/// Whether the statement was refused by this unique constraint or index.
pub(crate) fn violates(error: &sqlx::Error, constraint: &str) -> bool {
    matches!(error, sqlx::Error::Database(refusal) if refusal.constraint() == Some(constraint))
}
