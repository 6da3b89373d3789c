//! A real node with two cores, real sockets and a real Postgres. A file per promise: `hostile_*` is what attackers and broken clients
//! send, `leaks` counts what is left behind, `publish` and `subscribe` are the ordinary paths. What needs an official client library
//! belongs in `sdk-js/compat`, what needs no socket in `peal-hub`.

mod addresses;
mod changes;
mod drain;
mod features;
mod fleet;
mod fleet_control;
mod fleet_limits;
mod fleet_redis;
mod hostile_http;
mod hostile_native;
mod hostile_pusher;
mod hostile_websocket;
mod key_use;
mod leaks;
mod lifecycle;
mod logs;
mod metrics;
mod native;
mod pacing;
mod quota;
mod storm;
mod support;
mod usage;
mod usage_away;
