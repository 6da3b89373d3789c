//! Server frames as a client reads them (RFC 6455 section 5.2, unmasked), written apart from `peal-wire` on purpose.

/// Bytes that have not made a whole frame yet.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// So many of them belong to frames that were taken.
    taken: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Ping,
    Pong,
    Close(Option<u16>),
}

impl Frames {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(bytes);
    }

    /// # Errors
    /// When a server may not send such a frame.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, String> {
        let bytes = &self.bytes[self.taken..];
        let Some((header, length)) = header(bytes)? else { return Ok(None) };
        let Some(payload) = bytes.get(header..header + length) else { return Ok(None) };
        let opcode = bytes[0] & 0x0f;
        let payload = payload.to_vec();
        self.taken += header + length;
        match opcode {
            0x1 => String::from_utf8(payload).map(|text| Some(Frame::Text(text))).map_err(|_| "a text frame that is not UTF-8".into()),
            0x8 => Ok(Some(Frame::Close(payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]))))),
            0x9 => Ok(Some(Frame::Ping)),
            0xa => Ok(Some(Frame::Pong)),
            other => Err(format!("a frame with opcode {other:#x}")),
        }
    }
}

/// Lengths of header and payload, once the header is there.
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, String> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if first & 0xf0 != 0x80 || second & 0x80 != 0 {
        return Err(format!("a frame that begins {first:#x} {second:#x}: fragmented, reserved bits or masked"));
    }
    let extended = |n: usize| rest.get(..n).map(|be| be.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)));
    Ok(match second & 0x7f {
        126 => extended(2).map(|length| (4, length)),
        127 => extended(8).map(|length| (10, length)),
        short => Some((2, usize::from(short))),
    })
}
