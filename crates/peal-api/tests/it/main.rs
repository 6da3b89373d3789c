//! Promises of the control plane: the real router on a real Postgres, one database per test. One file per promise; a new test
//! belongs where its sentence does.

mod bodies;
mod common;
mod console;
mod csrf;
mod dashboard;
mod headers;
mod logs;
mod openapi;
mod roles;
mod serving;
mod sessions;
mod sign_up;
mod tenant_isolation;
