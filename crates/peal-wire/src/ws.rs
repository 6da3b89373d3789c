//! The server's side of RFC 6455, sans-IO: [`Decoder`] turns bytes from a client into messages, the functions here build frames.
//!
//! Frames to clients are never masked and never fragmented, so an encoded frame is the same bytes for every receiver and may be shared.
//! No extension is negotiated: reserved bits must be zero.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha1::{Digest, Sha1};

mod decoder;
mod event;
mod header;
mod partial;
mod violation;

pub use decoder::{Decoder, Input};
pub use event::{Event, Limits};
pub use violation::{Violation, ViolationKind};

/// What a frame is (RFC 6455 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

impl Opcode {
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }
}

/// Bytes of the longest header of an unmasked frame.
const HEADER_MAX: usize = 10;
const FIN: u8 = 0x80;
/// A control frame's payload; the close code takes two of its bytes.
const CONTROL_MAX: usize = 125;
const REASON_MAX: usize = CONTROL_MAX - 2;
/// RFC 6455 section 1.3.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Accept` for a client's `Sec-WebSocket-Key`.
#[must_use]
pub fn accept_key(sec_websocket_key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(sec_websocket_key);
    hash.update(ACCEPT_GUID);
    STANDARD.encode(hash.finalize())
}

/// One whole frame.
///
/// # Panics
/// In debug builds, if the payload of a control frame is longer than the 125 bytes that the protocol allows.
#[must_use]
pub fn encode_frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    debug_assert!(!opcode.is_control() || payload.len() <= CONTROL_MAX);
    encode_with(opcode, payload.len(), |buf| buf.extend_from_slice(payload))
}

/// A close frame. The reason is cut to the 123 bytes that fit, between characters.
#[must_use]
pub fn encode_close(code: u16, reason: &str) -> Bytes {
    let reason = &reason[..reason.floor_char_boundary(REASON_MAX)];
    encode_with(Opcode::Close, 2 + reason.len(), |buf| {
        buf.extend_from_slice(&code.to_be_bytes());
        buf.extend_from_slice(reason.as_bytes());
    })
}

/// A text frame whose payload `fill` appends to the buffer it is given. The header's room is left in front of the payload, so the frame
/// takes one allocation if `size_hint` bytes are enough. `fill` must only append, and only UTF-8.
#[must_use]
pub fn encode_text_with(size_hint: usize, fill: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    encode_with(Opcode::Text, size_hint, fill)
}

fn encode_with(opcode: Opcode, size_hint: usize, fill: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut buf = Vec::with_capacity(HEADER_MAX + size_hint);
    let start = append_with(&mut buf, opcode, fill);
    Bytes::from(buf).slice(start..)
}

/// Appends a text frame to frames that share one buffer.
pub(crate) fn append_text_with(frames: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let from = frames.len();
    let start = append_with(frames, Opcode::Text, fill);
    // The header is shorter than its room: close the hole.
    frames.drain(from..start);
}

/// Reserves room for the longest header, fills, and writes the header so that it ends where the payload begins. Answers where the
/// frame begins.
fn append_with(buf: &mut Vec<u8>, opcode: Opcode, fill: impl FnOnce(&mut Vec<u8>)) -> usize {
    let from = buf.len();
    buf.extend_from_slice(&[0; HEADER_MAX]);
    fill(buf);
    let payload = from + HEADER_MAX;
    let length = buf.len() - payload;
    let mut header = [FIN | opcode as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let header: &[u8] = match length {
        0..=125 => {
            header[1] = length as u8;
            &header[..2]
        }
        126..=0xffff => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            &header[..4]
        }
        _ => {
            header[1] = 127;
            header[2..].copy_from_slice(&(length as u64).to_be_bytes());
            &header[..]
        }
    };
    let start = payload - header.len();
    buf[start..payload].copy_from_slice(header);
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_of_the_rfc() {
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn the_frames_of_the_rfc() {
        assert_eq!(&encode_frame(Opcode::Text, b"Hello")[..], b"\x81\x05Hello");
        assert_eq!(&encode_frame(Opcode::Ping, b"Hello")[..], b"\x89\x05Hello");
        assert_eq!(&encode_frame(Opcode::Pong, b"")[..], b"\x8a\x00");
        let binary = encode_frame(Opcode::Binary, &[7; 256]);
        assert_eq!(&binary[..4], b"\x82\x7e\x01\x00");
        let binary = encode_frame(Opcode::Binary, &[7; 65_536]);
        assert_eq!(&binary[..10], b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00");
        assert_eq!(binary.len(), 65_546);
    }

    #[test]
    fn lengths_take_the_shortest_form() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            assert_eq!(encode_frame(Opcode::Text, &vec![b'x'; length]).len(), length + header);
        }
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(&encode_close(4001, "no")[..], b"\x88\x04\x0f\xa1no");
        let close = encode_close(1000, &"é".repeat(100));
        assert_eq!(close[1], 124, "122 bytes are 61 whole characters; the 123rd would be half of one");
        assert!(std::str::from_utf8(&close[4..]).is_ok());
    }

    #[test]
    fn appended_frames_leave_no_hole() {
        let mut frames = Vec::new();
        for payload in ["a", "b"] {
            append_text_with(&mut frames, |buf| buf.extend_from_slice(payload.as_bytes()));
        }
        assert_eq!(frames, b"\x81\x01a\x81\x01b");
    }
}
