//! What tests share: a database per test, Redis servers, a watch over logs, the workspace's paths, and the program that runs every test of the repository
//! (`src/bin/peal-check.rs`). Only tests depend on this crate.

pub mod check;
pub mod postgres;
pub mod redis;
pub mod workspace;
