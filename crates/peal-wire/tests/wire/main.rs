//! What the wire formats promise, a file per promise:
//!
//! - `ws_rules`: RFC 6455 case by case, as the Autobahn suite has them
//! - `ws_oracle`: the decoder agrees with tungstenite on any stream of frames, however it is cut
//! - `hostile`: no input panics, and what is refused is refused clearly
//! - `golden`: the frames in `fixtures/`, byte for byte
//! - `rest`: bodies of the HTTP APIs

mod frames;
mod golden;
mod hostile;
mod rest;
mod ws_oracle;
mod ws_rules;
