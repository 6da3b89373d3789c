//! How a publication is written into a shared history. The blob is made before the position is known, so it holds what a
//! [`Draft`] says; position, time and era start are stored beside it by the broker and handed back to [`decode`].
//!
//! The first byte is the version. Two adjacent releases share one fleet: a node reads its own version and the previous one, and
//! a later one is an error that names the version, never a guess. The rest is fields in a fixed order; numbers are LEB128,
//! texts and bytes are a length and as many bytes, an optional field is 0 or 1 and then the field.
//!
//! Any bytes may be given to [`decode`]: they are checked, lengths before use, and nothing is allocated beyond their own size.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::id::{ConnectionId, MessageId};
use crate::position::Position;
use crate::presence::{Member, PresenceChange, PresenceOp};
use crate::publication::{Data, Draft, EraStart, Message, Publication, PublicationKind};

/// What [`encode`] writes.
pub const VERSION: u8 = 1;

/// Why bytes are not a stored publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    #[error("a stored publication of version {0}; this release reads version {VERSION}")]
    Version(u8),
    #[error("a stored publication ends in the middle of its {0}")]
    Truncated(&'static str),
    #[error("a stored publication has an impossible {0}")]
    Invalid(&'static str),
}

/// What the broker knows beside the blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub position: Option<Position>,
    pub era_start: Option<EraStart>,
    pub ts: u64,
}

#[must_use]
pub fn encode(draft: &Draft) -> Bytes {
    let mut out = Writer(BytesMut::with_capacity(64));
    out.0.put_u8(VERSION);
    out.text(draft.id.as_str());
    out.option(draft.origin, |out, origin| out.0.put_slice(&origin.to_bytes()));
    out.option(draft.client_id.as_deref(), Writer::text);
    out.flag(draft.client_event);
    match &draft.kind {
        PublicationKind::Messages(messages) => {
            out.0.put_u8(0);
            out.number(messages.len() as u64);
            messages.iter().for_each(|message| out.message(message));
        }
        PublicationKind::Presence(change) => {
            out.0.put_u8(1);
            out.presence(change);
        }
        PublicationKind::Control(command) => {
            out.0.put_u8(2);
            out.bytes(command);
        }
    }
    out.0.freeze()
}

/// # Errors
/// [`StoredError`] when the bytes are of another version or were not written by [`encode`].
pub fn decode(stored: &Bytes, placed: Placed) -> Result<Publication, StoredError> {
    let mut rest = Reader(stored.clone());
    match rest.byte("version")? {
        VERSION => {}
        other => return Err(StoredError::Version(other)),
    }
    let id: MessageId = rest.text("id")?.parse().map_err(|_| StoredError::Invalid("id"))?;
    let origin = rest.option("origin", Reader::connection)?;
    let client_id = rest.option("client id", Reader::text)?;
    let client_event = rest.flag("flags")?;
    let kind = match rest.byte("kind")? {
        0 => PublicationKind::Messages(rest.messages()?),
        1 => PublicationKind::Presence(rest.presence()?),
        2 => PublicationKind::Control(rest.bytes("command")?),
        _ => return Err(StoredError::Invalid("kind")),
    };
    if !rest.0.is_empty() {
        return Err(StoredError::Invalid("length"));
    }
    let Placed { position, era_start, ts } = placed;
    Ok(Publication { position, era_start, id, ts, origin, client_id, client_event, kind })
}

struct Writer(BytesMut);

impl Writer {
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.put_u8(value as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.put_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.0.put_u8(u8::from(flag));
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn message(&mut self, message: &Message) {
        self.text(&message.event);
        match &message.data {
            Data::Text(text) => {
                self.0.put_u8(0);
                self.text(text);
            }
            Data::Json(json) => {
                self.0.put_u8(1);
                self.text(json);
            }
            Data::Binary(bytes) => {
                self.0.put_u8(2);
                self.bytes(bytes);
            }
        }
        self.option(message.encoding.as_deref(), Self::text);
        self.option(message.extras.as_deref(), Self::text);
    }

    fn presence(&mut self, change: &PresenceChange) {
        self.0.put_u8(match change.op {
            PresenceOp::Enter => 0,
            PresenceOp::Update => 1,
            PresenceOp::Leave => 2,
        });
        self.flag(change.first);
        self.flag(change.last);
        self.text(&change.member.user);
        self.0.put_slice(&change.member.connection.to_bytes());
        self.option(change.member.data.as_deref(), Self::text);
    }
}

/// What is still to be read.
struct Reader(Bytes);

impl Reader {
    fn take(&mut self, length: usize, what: &'static str) -> Result<Bytes, StoredError> {
        if length > self.0.len() {
            return Err(StoredError::Truncated(what));
        }
        Ok(self.0.split_to(length))
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, StoredError> {
        Ok(self.take(1, what)?[0])
    }

    fn number(&mut self, what: &'static str) -> Result<u64, StoredError> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte(what)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(StoredError::Invalid(what))
    }

    fn bytes(&mut self, what: &'static str) -> Result<Bytes, StoredError> {
        let length = usize::try_from(self.number(what)?).map_err(|_| StoredError::Truncated(what))?;
        self.take(length, what)
    }

    fn text(&mut self, what: &'static str) -> Result<Arc<str>, StoredError> {
        let bytes = self.bytes(what)?;
        std::str::from_utf8(&bytes).map(Arc::from).map_err(|_| StoredError::Invalid(what))
    }

    fn flag(&mut self, what: &'static str) -> Result<bool, StoredError> {
        match self.byte(what)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(StoredError::Invalid(what)),
        }
    }

    fn option<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Result<T, StoredError>,
    ) -> Result<Option<T>, StoredError> {
        if self.flag(what)? { read(self, what).map(Some) } else { Ok(None) }
    }

    fn connection(&mut self, what: &'static str) -> Result<ConnectionId, StoredError> {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.take(16, what)?);
        Ok(ConnectionId::from_bytes(bytes))
    }

    fn messages(&mut self) -> Result<Vec<Message>, StoredError> {
        let count = self.number("message count")?;
        if count == 0 {
            return Err(StoredError::Invalid("message count"));
        }
        // No capacity is reserved for a count that may be a lie; a message that is not there ends the loop.
        (0..count).map(|_| self.message()).collect()
    }

    fn message(&mut self) -> Result<Message, StoredError> {
        let event = self.text("event")?;
        let data = match self.byte("data")? {
            0 => Data::Text(self.text("data")?),
            1 => Data::Json(self.text("data")?),
            2 => Data::Binary(self.bytes("data")?),
            _ => return Err(StoredError::Invalid("data")),
        };
        Ok(Message { event, data, encoding: self.option("encoding", Self::text)?, extras: self.option("extras", Self::text)? })
    }

    fn presence(&mut self) -> Result<PresenceChange, StoredError> {
        let op = match self.byte("presence change")? {
            0 => PresenceOp::Enter,
            1 => PresenceOp::Update,
            2 => PresenceOp::Leave,
            _ => return Err(StoredError::Invalid("presence change")),
        };
        let (first, last) = (self.flag("presence change")?, self.flag("presence change")?);
        let (user, connection) = (self.text("user")?, self.connection("connection")?);
        let member = Member { user, connection, data: self.option("member data", Self::text)? };
        Ok(PresenceChange { op, member, first, last })
    }
}
