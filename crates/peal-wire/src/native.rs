//! The native protocol (docs/protocol.md): requests in, replies and pushes out, and the bodies of the REST API in [`rest`].
//!
//! A frame to a client holds one JSON object without a line break, so that a caller may join several by `\n`.

mod decode;
mod fields;
mod publication;
mod push;
mod reply;
pub mod rest;

pub use decode::{Connect, Credentials, History, Operation, Publish, Request, Rewind, Subscribe, decode};
pub use publication::encode_message;
pub use push::{encode_discontinuity, encode_error, encode_expiring, encode_goaway, encode_presence, encode_unsubscribed};
pub use reply::{
    Reason, Subscribed, encode_connected, encode_entered, encode_error_reply, encode_history, encode_members, encode_ok, encode_published,
    encode_refreshed, encode_subscribed,
};

/// The version of the protocol that this speaks.
pub const VERSION: u64 = 1;
/// Publications in one history page, and of a rewind.
pub const LIMIT_MAX: u32 = peal_core::exchange::PAGE_MAX;
/// Publications in a history page if no limit is given.
pub const LIMIT_DEFAULT: u32 = 100;
