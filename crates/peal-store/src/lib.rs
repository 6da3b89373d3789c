//! Postgres, and the only crate that knows SQL. One module per aggregate owns its statements and returns domain types.
//!
//! Invariants kept here, so that no caller has to remember them:
//! - **Tenancy.** Every statement on a tenant's rows takes the org or the app as a typed argument; nothing finds a row by its own
//!   id alone. A row of another tenant is [`StoreError::NotFound`]. The one reader across tenants is the directory of the edges.
//! - **One transaction per change**, which holds the change, its audit event and its directory version. Locks are always taken
//!   in the order *name of a repeatable request → org row → app row → audit head of the org → config version*, so writers cannot
//!   deadlock.
//! - **No secret in clear.** Signing secrets pass through [`envelope`] on their way in and out.
//!
//! Session and revocation times are compared with the database's clock, so that API nodes need not agree on theirs.

mod account;
mod app;
mod audit;
mod directory;
pub mod embedded;
mod envelope;
mod error;
mod idempotency;
mod key;
mod keyring;
mod page;
mod quota;
mod revocation;
mod rule;
mod seed;
mod session;
mod store;
mod stored;
mod usage;
mod vault;

pub use account::{Credentials, Org, SignUp, SignedUp, User, UserId};
pub use app::{APPS_MAX, AppCreated, AppInfo, AppLimits, AppSettings, NewApp};
pub use audit::{Actor, ActorKind, AuditEvent};
pub use directory::{DirectoryDelta, DirectoryListener};
pub use envelope::OpenRefused;
pub use error::StoreError;
pub use idempotency::{Answered, Making, Once};
pub use key::{KEYS_MAX, KeyCreated, KeyInfo, KeyRotated, KeySettings, KeyUsed, NewKey, SigningKey};
pub use keyring::{Keyring, KeyringError};
pub use page::{Page, Paging};
pub use revocation::Revocation;
pub use rule::VersionedRules;
pub use seed::SeedApp;
pub use session::{Device, NewSession, PasswordChange, Role, Session, SessionId, SessionOrigin, SessionToken};
pub use store::{Store, StoreOptions};
pub use usage::{FlushAnswer, GapReason, Resolution, RolledUp, UsageAdjustment, UsageDifference, UsageGap, UsageLoss, UsagePoint};
