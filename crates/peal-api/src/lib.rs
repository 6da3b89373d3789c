//! The control plane: sign-up, sessions, apps and keys over HTTP, and the dashboard that uses them.
//!
//! Invariants kept here:
//! - A route without a permission does not compile into the router ([`permission`]).
//! - The org of a request comes from its session, never from its URL; what another org owns is 404.
//! - Nothing changes state unless the browser says that our own pages asked for it, in JSON ([`csrf`]).
//! - Every refusal is a row of the table in `peal-core`, as problem+json with the request's id ([`problem`]).
//!
//! This crate knows nothing of the edge but its public URL, which it hands to browsers.

mod body;
mod client;
mod config;
mod cookie;
mod creation;
mod csrf;
mod dashboard;
mod dto;
mod headers;
mod housekeeping;
mod limits;
mod names;
mod openapi;
mod origin;
mod paging;
mod password;
mod permission;
mod problem;
mod router;
mod routes;
mod serve;
mod state;

pub use config::{ApiConfig, PasswordCost, PasswordCostError};
pub use openapi::openapi_json;
pub use password::password_hash;
pub use router::router;
pub use routes::usage::{usage_csv, usage_json};
pub use serve::serve;
