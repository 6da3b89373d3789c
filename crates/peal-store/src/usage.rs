//! Usage in Postgres (DESIGN section 7): what the edges report, how it becomes hours and days, and how it is read.
//!
//! - **Once.** A batch is applied in one transaction behind its source's sequence guard ([`flush`]). Whatever is retried, duplicated or
//!   sent out of order, a batch counts once or is answered with what is missing.
//! - **Recomputed, never added.** Hours and days are sums of what is below them ([`rollup`]), so a roll-up may be repeated, interrupted or
//!   run by several workers at once.
//! - **One order of locks**: source, minutes, breakdowns, samples, marks, months, each sorted by key; roll-ups lock nothing but marks, in the same
//!   order. So nobody deadlocks, and a roll-up waits at most for a batch that took a mark while it looked.
//!
//! The edges' sources and the roll-ups are above the tenants; everything that is read for a tenant takes its app.

mod flush;
mod partitions;
mod parts;
mod read;
mod reconcile;
mod rollup;
mod source;

pub use flush::FlushAnswer;
pub use parts::{UsageAdjustment, UsageLoss};
pub use read::{Resolution, UsagePoint};
pub use reconcile::UsageDifference;
pub use rollup::RolledUp;
pub use source::{GapReason, UsageGap};

use time::OffsetDateTime;

use crate::error::StoreError;

/// Days for which minutes may still change; what is older goes to the adjustments.
const LATE_DAYS: i64 = 8;

/// A minute, a slot or a millisecond since 1970 as a time.
fn unix(seconds: u64) -> Result<OffsetDateTime, StoreError> {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| StoreError::malformed("a time in a usage batch", error))
}
