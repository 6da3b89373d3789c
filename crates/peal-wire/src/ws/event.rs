//! What comes out of the decoder, and what may go in.

use super::{Opcode, ViolationKind};

/// What one connection may send. May change between two calls of [`super::Decoder::next`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message over all its fragments.
    pub message_bytes: usize,
    /// Frames of one message; also how many control frames may come between them.
    pub fragments: u16,
}

impl Limits {
    pub const FRAGMENTS: u16 = 64;

    #[must_use]
    pub const fn new(message_bytes: usize) -> Self {
        Self { message_bytes, fragments: Self::FRAGMENTS }
    }
}

/// A whole message or control frame; borrows from the input or the decoder until the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    /// To be answered by a pong with the same payload.
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    /// The client closes; whatever it sends afterwards is ignored. No code if the frame was empty.
    Close {
        code: Option<u16>,
        reason: &'a str,
    },
}

impl<'a> Event<'a> {
    /// Judges the content of a whole, unmasked message or control frame.
    pub(super) fn of(opcode: Opcode, bytes: &'a [u8]) -> Result<Self, ViolationKind> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| ViolationKind::NotUtf8);
        Ok(match opcode {
            Opcode::Text => Event::Text(text(bytes)?),
            Opcode::Binary | Opcode::Continuation => Event::Binary(bytes),
            Opcode::Ping => Event::Ping(bytes),
            Opcode::Pong => Event::Pong(bytes),
            Opcode::Close => match bytes {
                [] => Event::Close { code: None, reason: "" },
                [high, low, reason @ ..] => {
                    let code = u16::from_be_bytes([*high, *low]);
                    if !may_be_sent(code) {
                        return Err(ViolationKind::CloseFrame);
                    }
                    Event::Close { code: Some(code), reason: text(reason)? }
                }
                [_] => return Err(ViolationKind::CloseFrame),
            },
        })
    }
}

/// RFC 6455 section 7.4 and the IANA registry: 1012 to 1014 were registered later; 1004 to 1006 and 1015 are never sent.
const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
