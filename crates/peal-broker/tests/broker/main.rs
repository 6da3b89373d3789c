//! What brokers promise. `contract` runs against any [`peal_broker::Broker`] through `contract::suite!`; a promise of the trait
//! belongs there. `memory` is what only the single-node broker promises (bounds, expiry under a clock that the test moves), and
//! `memory_model` compares it with a naive model over generated steps. `redis` is the broker of a fleet against real servers that the tests start,
//! kill, freeze and promote; a file there per kind of bad day.

mod contract;
mod memory;
mod memory_model;
mod redis;
mod support;
