//! Promises of the store, each against a real Postgres with a database of its own. One file per promise.

mod audit;
mod common;
mod directory;
mod keyring;
mod sessions;
mod sign_up;
mod tenancy;
