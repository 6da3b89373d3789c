//! Usage: from the counters of an edge's cores to the numbers that a customer reads (DESIGN section 7).
//!
//! ```text
//! cores' counters ─► Recorder ─► Spool (fsync) ─► Sender ─► Postgres ─► Worker: hours, days ─► report
//!     plain adds      one node     survives         once per batch        recomputed           API, CLI
//! ```
//!
//! Invariants:
//! - **Never over-counted**: a batch has a source and a sequence number, and Postgres applies it once (`peal_store`, `usage_flush`).
//! - **Not lost once spooled**: a batch is in the spool file before it is sent and until Postgres has answered that it has it.
//! - Postgres being away delays numbers and nothing else. No call here is on the path of a message.
//!
//! This crate knows neither hubs nor HTTP: an edge hands it what its cores collected.

mod breakdown;
mod gauge;
mod recorder;
pub mod report;
mod sender;
mod spool;
mod worker;

pub use gauge::Gauge;
pub use recorder::Recorder;
pub use report::{BreakdownItem, BreakdownQuery, BreakdownReport, Item, Query, Report, ReportError};
pub use sender::Sender;
pub use spool::{Damage, Spool, SpoolError};
pub use worker::{TurnError, Worker};
