//! Promises of the store, each against a real Postgres with a database of its own. One file per promise.

mod apps;
mod audit;
mod common;
mod directory;
mod idempotency;
mod keyring;
mod keys;
mod quota;
mod rules;
mod sessions;
mod sign_up;
mod tenancy;
