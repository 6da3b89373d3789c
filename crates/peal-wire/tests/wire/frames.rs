//! Building the frames of a client, right and wrong, and running the decoder over them.

use peal_wire::ws::{Decoder, Event, Input, Limits, ViolationKind};

/// A client frame; the fields are what the wire says, whether allowed or not.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) masked: bool,
    pub(crate) mask: [u8; 4],
    pub(crate) payload: Vec<u8>,
}

pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = FIN | 8;
pub(crate) const PING: u8 = FIN | 9;
pub(crate) const PONG: u8 = FIN | 10;

pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame { first, masked: true, mask: [0x37, 0xfa, 0x21, 0x3d], payload: payload.as_ref().to_vec() }
}

impl Frame {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.first];
        let mask_bit = if self.masked { 0x80 } else { 0 };
        match self.payload.len() {
            short @ 0..=125 => bytes.push(mask_bit | short as u8),
            medium @ 126..=0xffff => {
                bytes.push(mask_bit | 126);
                bytes.extend((medium as u16).to_be_bytes());
            }
            long => {
                bytes.push(mask_bit | 127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend(self.mask);
            bytes.extend(self.payload.iter().zip(self.mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

pub(crate) fn bytes(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::bytes).collect()
}

/// An event that outlives its buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Event<'_>> for Got {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.into()),
            Event::Binary(bytes) => Self::Binary(bytes.into()),
            Event::Ping(bytes) => Self::Ping(bytes.into()),
            Event::Pong(bytes) => Self::Pong(bytes.into()),
            Event::Close { code, reason } => Self::Close(code.map(|code| (code, reason.into()))),
        }
    }
}

/// What came out, and the violation that ended it.
pub(crate) type Outcome = (Vec<Got>, Option<ViolationKind>);

/// Decodes a stream that arrives in pieces that end at `cuts`.
pub(crate) fn decode(stream: &[u8], cuts: &[usize], limits: &Limits) -> Outcome {
    let mut decoder = Decoder::default();
    let mut got = Vec::new();
    let mut from = 0;
    for &to in cuts.iter().chain([&stream.len()]) {
        let mut piece = stream[from..to].to_vec();
        from = to;
        let mut input = Input::new(&mut piece);
        loop {
            match decoder.next(&mut input, limits) {
                Ok(Some(event)) => got.push(event.into()),
                Ok(None) => break,
                Err(violation) => return (got, Some(violation.kind)),
            }
        }
    }
    (got, None)
}

/// Decodes the stream whole, byte by byte and in pieces of seven, which must not matter.
pub(crate) fn decode_any_way(frames: &[Frame], limits: &Limits) -> Outcome {
    let stream = bytes(frames);
    let whole = decode(&stream, &[], limits);
    for step in [1, 7] {
        let cuts: Vec<usize> = (step..stream.len()).step_by(step).collect();
        assert_eq!(decode(&stream, &cuts, limits), whole, "in pieces of {step}");
    }
    whole
}
