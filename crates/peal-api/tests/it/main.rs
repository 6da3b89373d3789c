//! Promises of the control plane: the real router on a real Postgres, one database per test. One file per promise; a new test
//! belongs where its sentence does.

mod apps;
mod bodies;
mod common;
mod console;
mod csrf;
mod dashboard;
mod headers;
mod idempotency;
mod keys;
mod logs;
mod openapi;
mod roles;
mod rules;
mod serving;
mod sessions;
mod settings;
mod sign_up;
mod tenant_isolation;
mod usage;
