//! Bad days of a fleet, with real Redis processes, real nodes and the Rust client: whatever breaks, each client keeps its order, gets nothing twice,
//! and is told exactly what it will not get ([`observer`] judges). One case for each way in which things break; `PEAL_TEST_DEEP=1` repeats each
//! with more clients and more messages.
//!
//! `redis` is what happens to Redis, `network` what happens between a node and it, `nodes` what happens to nodes. What a broker alone can show
//! belongs in `peal-broker`, what needs no socket in the simulation of `peal-hub`.

mod fleet;
mod load;
mod network;
mod nodes;
mod observer;
mod redis;
#[allow(dead_code)]
#[path = "../it/support.rs"]
mod support;

/// So many times what suffices to see the fault.
fn deep(normal: usize, deep: usize) -> usize {
    if std::env::var_os("PEAL_TEST_DEEP").is_some() { deep } else { normal }
}
