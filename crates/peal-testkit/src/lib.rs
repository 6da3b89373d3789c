//! What tests share: a database per test, Redis servers, bad ways to them, a watch over logs, the workspace's paths, and the program that runs every test of the repository
//! (`src/bin/peal-check.rs`). Only tests depend on this crate.

pub mod check;
pub mod log_watch;
pub mod postgres;
pub mod proxy;
pub mod redis;
pub mod workspace;
