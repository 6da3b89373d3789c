//! The Rust client: what the CLI, the benchmarks and the tests speak to a server with, and what a Rust service may use.
//!
//! - [`Client`] speaks the native protocol (`docs/protocol.md`) over one logical connection that heals itself: it reconnects
//!   with jittered backoff, subscribes again from the last position seen, and says so where something is missing.
//! - [`rest`] publishes and reads history over HTTP, signed.
//! - [`pusher`] speaks the Pusher protocol, raw and without repair, for tests of compatibility.
//!
//! ```no_run
//! # async fn example() -> Result<(), peal_client::ClientError> {
//! use peal_client::{Client, ConnectOptions, Event};
//!
//! let client = Client::connect(ConnectOptions::with_key("http://127.0.0.1:7100", "the public key id")).await?;
//! let mut room = client.subscribe("room.42").await?;
//! client.publish("room.42", "said", &"hello").await?;
//! while let Some(event) = room.next().await {
//!     if let Event::Message(message) = event {
//!         println!("{} {}", message.event, message.data);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! TLS is not built in: `https://` and `wss://` addresses are refused with an error that says so.

mod backoff;
mod client;
mod connection;
mod dial;
mod error;
mod frame;
mod http;
mod message;
mod options;
pub mod pusher;
pub mod rest;
mod subscription;
#[cfg(test)]
mod tests;

pub use client::{Client, State};
pub use error::{ClientError, ServerError};
pub use message::{Discontinuity, Event, HistoryPage, Member, Message, Payload, PresenceChange, Published};
pub use options::{ConnectOptions, Credentials, HistoryOptions, PublishOptions, Rewind, SubscribeOptions, TokenSource};
pub use peal_core::token::{Claims, mint as mint_token};
pub use subscription::{Subscribed, Subscription};
