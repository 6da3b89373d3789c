//! The connection node around the hub: listeners, sockets, cores, the directory, the broker mux, and the data plane's REST.
//!
//! [`start`] gives N cores, each a thread with its own connections and its own [`peal_hub::Hub`]; one mux thread between them and the
//! broker; and one task that keeps the directory fresh. The delivery logic is in the hub; this crate moves bytes and answers
//! requests. It must not know the control-plane API.

mod admin;
mod admission;
mod clock;
mod config;
mod core;
mod directory;
mod key_use;
mod listen;
mod mux;
mod node;
mod rest;
mod runtimes;
mod scrape;
mod shares;
mod start;
mod stats;
mod traffic;
mod usage;

pub use admin::admin_router;
pub use clock::Clock;
pub use config::EdgeConfig;
pub use mux::MuxInbox;
pub use start::{EdgeError, EdgeHandle, start};
