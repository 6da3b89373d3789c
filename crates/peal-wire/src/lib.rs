//! The wire formats: pure functions between bytes and the domain of `peal-core`. No I/O, no clock, no state beyond a frame that has
//! not arrived whole.
//!
//! Everything that comes in is hostile until decoded: a decoder answers with a value or a [`peal_core::Refusal`], never with a panic, and bounds
//! nesting, lengths and counts before it looks further. Everything that goes out on a socket is a finished WebSocket frame, encoded
//! once and shared by all who get it.
//!
//! `fixtures/` holds golden frames of every kind that the tests here and those of the JavaScript client both read.

pub mod event_name;
mod json;
pub mod native;
pub mod proxy_protocol;
pub mod pusher;
pub mod ws;
