//! The Pusher Channels protocol, versions 4 to 7: frames of the WebSocket here, bodies of the HTTP API in [`rest`].
//!
//! A published event's `data` goes to subscribers byte for byte as the publisher's string; only what was published by another
//! protocol is converted (DESIGN 5.1). Client events keep the JSON type of their data.

mod decode;
mod encode;
mod identity;
pub mod rest;

pub use decode::{ClientFrame, client_event_message, decode};
pub use encode::{
    encode_cache_miss, encode_connection_established, encode_error, encode_member_added, encode_member_removed, encode_ping, encode_pong,
    encode_publication, encode_signin_success, encode_subscription_count, encode_subscription_error, encode_subscription_succeeded,
    encode_subscription_succeeded_presence, encode_watchlist_events,
};
pub use identity::{Identity, SignedInUser, USER_ID_LENGTH_MAX, WATCHLIST_MAX, parse_channel_data, parse_user_data};
