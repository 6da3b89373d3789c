//! Bodies of Pusher's HTTP API (pusher.md section 7): what servers send is validated whole before anything of it is used, and the
//! answers are JSON objects even when empty, because the libraries parse every answer.

mod decode;
mod encode;
mod info;

pub use decode::{BATCH_MAX, BatchEvent, CHANNELS_MAX, Trigger, decode_batch, decode_events, parse_socket_id};
pub use encode::{CacheEntry, encode_batch_answer, encode_channel, encode_channels, encode_trigger_answer, encode_users};
pub use info::{Attributes, Info};

/// The answer where there is nothing to say.
pub const EMPTY: &str = "{}";
