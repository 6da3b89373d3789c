//! What a stream's entry and a published frame say, read back into a publication.
//!
//! A frame is text up to the blob: `M <position or .> <ts> <before> <blob>`, `P <position> <ts> <before> <change> <blob>`, `L`, or
//! `E <partition> <number>`. `before` is empty inside an era; on an era's first entry it is the position that survived before it, or `.` for none.

use bytes::Bytes;
use peal_core::publication::stored::{Placed, decode};
use peal_core::publication::{EraStart, Publication, PublicationKind};
use peal_core::{Position, PresenceOp};
use redis::Value;

#[derive(Debug)]
pub(super) enum Frame {
    Publication(Publication),
    /// A node has written down that something of this topic is lost: look at the head.
    Loss,
    /// A probe of this node came back: its partition and number.
    Echo(u16, u64),
}

/// `None` for what no release writes.
pub(super) fn read_frame(payload: &[u8]) -> Option<Frame> {
    let mut rest = Bytes::copy_from_slice(payload);
    match token(&mut rest)?.as_slice() {
        b"L" => Some(Frame::Loss),
        b"E" => Some(Frame::Echo(parse(&token(&mut rest)?)?, parse(&rest)?)),
        kind => {
            let position = match token(&mut rest)?.as_slice() {
                b"." => None,
                text => Some(parse(text)?),
            };
            let ts = parse(&token(&mut rest)?)?;
            let era_start = era_start(&token(&mut rest)?)?;
            let change = if kind == b"P" { Some(token(&mut rest)?) } else { None };
            publication(&rest, Placed { position, era_start, ts }, change.as_deref()).map(Frame::Publication)
        }
    }
}

/// One entry as XRANGE gives it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) position: Position,
    pub(super) era_start: Option<EraStart>,
    pub(super) ts: u64,
    /// How long the topic's entries are kept, as of this entry.
    pub(super) ttl_ms: u64,
    change: Option<Vec<u8>>,
    blob: Bytes,
}

impl Entry {
    pub(super) fn read(entry: Value) -> Option<Self> {
        let [id, fields] = <[Value; 2]>::try_from(entry.into_sequence().ok()?).ok()?;
        let position = parse(&bytes(id)?)?;
        let (mut ts, mut ttl_ms, mut start, mut change, mut blob) = (0, 0, None, None, Bytes::new());
        let mut fields = fields.into_sequence().ok()?.into_iter();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            let value = bytes(value)?;
            match bytes(name)?.as_slice() {
                b"t" => ts = parse(&value)?,
                b"k" => ttl_ms = parse(&value)?,
                b"p" => start = era_start(&value)?,
                b"o" => change = Some(value),
                b"d" => blob = value.into(),
                _ => {}
            }
        }
        Some(Self { position, era_start: start, ts, ttl_ms, change, blob })
    }

    /// The position before this entry; `None` if it begins an era before which nothing survived.
    pub(super) fn before(&self) -> Option<Position> {
        match self.era_start {
            Some(start) => start.tail,
            None => Some(Position::new(self.position.era, self.position.seq - 1)),
        }
    }

    /// Whether a retention of `ttl_ms` no longer covers it; 0 covers everything.
    pub(super) fn is_older_than(&self, ttl_ms: u64, now_ms: u64) -> bool {
        ttl_ms > 0 && self.ts.saturating_add(ttl_ms) < now_ms
    }

    pub(super) fn publication(&self) -> Option<Publication> {
        let placed = Placed { position: Some(self.position), era_start: self.era_start, ts: self.ts };
        publication(&self.blob, placed, self.change.as_deref())
    }
}

/// A blob that this release cannot read is logged and left out, which its readers see as a gap.
fn publication(blob: &Bytes, placed: Placed, change: Option<&[u8]>) -> Option<Publication> {
    let mut publication = match decode(blob, placed) {
        Ok(publication) => publication,
        Err(error) => {
            tracing::error!(%error, position = ?placed.position, "a stored publication cannot be read");
            return None;
        }
    };
    if let (Some(flags), PublicationKind::Presence(presence)) = (change, &mut publication.kind) {
        presence.op = match flags.first()? {
            b'e' => PresenceOp::Enter,
            b'u' => PresenceOp::Update,
            b'l' => PresenceOp::Leave,
            _ => return None,
        };
        presence.first = flags.get(1) == Some(&b'1');
        presence.last = flags.get(2) == Some(&b'1');
        // A leave is stored as the member entered, so its position is the only name of its own.
        publication.id = placed.position?.to_string().parse().ok()?;
    }
    Some(publication)
}

fn era_start(text: &[u8]) -> Option<Option<EraStart>> {
    match text {
        b"" => Some(None),
        b"." => Some(Some(EraStart { tail: None })),
        text => Some(Some(EraStart { tail: Some(parse(text)?) })),
    }
}

fn token(rest: &mut Bytes) -> Option<Vec<u8>> {
    let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
    let token = rest.split_to(end).to_vec();
    if !rest.is_empty() {
        let _ = rest.split_to(1);
    }
    Some(token)
}

pub(super) fn parse<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

pub(super) fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        Value::Okay => Some(b"OK".to_vec()),
        Value::Int(number) => Some(number.to_string().into_bytes()),
        _ => None,
    }
}

pub(super) fn text(value: Value) -> Option<String> {
    String::from_utf8(bytes(value)?).ok()
}

/// The fields of an answer that is a map, or a flat list of names and values.
pub(super) fn pairs(value: Value) -> Vec<(String, Value)> {
    match value.into_map_iter() {
        Ok(map) => map.filter_map(|(name, value)| Some((text(name)?, value))).collect(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peal_core::publication::stored::encode;
    use peal_core::{Data, Draft, Message};

    fn blob() -> Bytes {
        let message = Message::new("said", Data::Text("hello there".into()));
        encode(&Draft {
            id: "x".parse().unwrap(),
            idempotent: false,
            origin: None,
            client_id: None,
            ephemeral: false,
            client_event: false,
            kind: PublicationKind::Messages(vec![message]),
        })
    }

    fn frame(head: &str) -> Option<Publication> {
        match read_frame(&[head.as_bytes(), &blob()].concat())? {
            Frame::Publication(publication) => Some(publication),
            Frame::Loss | Frame::Echo(..) => None,
        }
    }

    #[test]
    fn a_frame_says_where_its_publication_stands_and_what_came_before() {
        let inside = frame("M 7-3 1000  ").expect("a frame");
        assert_eq!((inside.position, inside.era_start, inside.ts), (Some(Position::new(7, 3)), None, 1000));
        assert_eq!(frame("M 8-1 1000 7-3 ").expect("a frame").era_start, Some(EraStart { tail: Some(Position::new(7, 3)) }));
        assert_eq!(frame("M 8-1 1000 . ").expect("a frame").era_start, Some(EraStart { tail: None }));
        assert_eq!(frame("M . 1000  ").expect("a frame").position, None);
        assert!(matches!(read_frame(b"L"), Some(Frame::Loss)));
        assert!(matches!(read_frame(b"E 3 17"), Some(Frame::Echo(3, 17))));
    }

    #[test]
    fn nonsense_is_no_frame() {
        for bad in [&b""[..], b"M", b"M x 1  ", b"M 1-1", b"M 1-1 1 x blob", b"Q", b"E 1", b"E 1 x"] {
            assert!(read_frame(bad).is_none(), "{bad:?}");
        }
    }
}
