//! The hub against a small model of a broker, in virtual time: one file per promise. A test belongs into the file whose promise it
//! protects; what every test needs is in [`rig`] (the hub, its clients and the clock), [`cores`] (several of them) and [`model`] (the broker).
//!
//! Thousands of random runs against a broker that loses, delays and fails over are in `tests/simulation`.

mod cores;
mod model;
mod rig;

mod backpressure;
mod cleanup;
mod control;
mod fan_out;
mod gap;
mod keys;
mod liveness;
mod native_connect;
mod native_presence;
mod native_publish;
mod native_subscribe;
mod pusher_cache;
mod pusher_client_event;
mod pusher_open;
mod pusher_presence;
mod pusher_signin;
mod pusher_subscribe;
mod pusher_subscription_count;
mod pusher_watchlist;
mod resume;
mod revocation;
mod usage;
