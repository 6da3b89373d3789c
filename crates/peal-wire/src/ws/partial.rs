//! What a connection owns while a frame or a message is incomplete, and only then.

use super::header::{Header, MASKED_MAX};
use super::{Opcode, ViolationKind};

/// What has arrived of frames and messages that are not complete.
#[derive(Debug, Default)]
pub(super) struct Partial {
    pub(super) header: [u8; MASKED_MAX],
    pub(super) header_len: u8,
    pub(super) frame: Option<Frame>,
    pub(super) control: Vec<u8>,
    pub(super) message: Option<Message>,
    /// What the last call lent out, to be given back by the next.
    pub(super) lent: Option<Lent>,
}

/// A frame whose payload is arriving.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) header: Header,
    pub(super) received: usize,
}

/// A message of which not all has arrived.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) text: bool,
    pub(super) bytes: Vec<u8>,
    /// So many bytes are known to be UTF-8.
    checked: usize,
    pub(super) fragments: u16,
    pub(super) controls: u16,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Lent {
    Message,
    Control,
}

impl Partial {
    pub(super) fn is_idle(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// Bytes allocated for payloads.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.control.capacity() + self.message.as_ref().map_or(0, |message| message.bytes.capacity())
    }

    pub(super) fn begin(&mut self, header: &Header) {
        if matches!(header.opcode, Opcode::Text | Opcode::Binary) {
            let text = header.opcode == Opcode::Text;
            self.message = Some(Message { text, bytes: Vec::new(), checked: 0, fragments: 1, controls: 0 });
        }
    }

    pub(super) fn lent(&self) -> &[u8] {
        match (self.lent, &self.message) {
            (Some(Lent::Message), Some(message)) => &message.bytes,
            (Some(Lent::Control), _) => &self.control,
            (Some(Lent::Message), None) | (None, _) => &[],
        }
    }
}

impl Message {
    /// Text is checked as it arrives, so that a long message that is wrong at its beginning is not waited for. (A character that
    /// never ends is found when the whole is judged.)
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), ViolationKind> {
        self.bytes.extend_from_slice(bytes);
        if self.text {
            match std::str::from_utf8(&self.bytes[self.checked..]) {
                Ok(_) => self.checked = self.bytes.len(),
                Err(error) if error.error_len().is_some() => return Err(ViolationKind::NotUtf8),
                Err(error) => self.checked += error.valid_up_to(),
            }
        }
        Ok(())
    }
}
