//! The two protocols as far as a benchmark speaks them: server frames of WebSocket, answers and requests of HTTP/1.1.
//!
//! What is read here was written by Peal or by the floor, so the readers are strict about what they need and blind to the rest.

/// Opcodes that a benchmark meets.
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// Every client frame is masked with this: a mask of zeros would be cheaper for the server than what browsers send.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x3c, 0xa5];

/// The front frame of what a server sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: u8,
    pub(crate) payload: &'a [u8],
    /// Bytes of the whole frame.
    pub(crate) size: usize,
}

/// `None` until the frame is complete. Masked frames are told apart by [`client_frame`].
pub(crate) fn server_frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let (opcode, header, length) = lengths(bytes)?;
    let payload = bytes.get(header..header + length)?;
    Some(Frame { opcode, payload, size: header + length })
}

fn lengths(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (header, length) = match second & 0x7f {
        126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        short => (2, usize::from(short)),
    };
    Some((first & 0x0f, header, length))
}

/// Unmasks the front frame of what a client sent, in place; `None` until it is complete.
pub(crate) fn client_frame(bytes: &mut [u8]) -> Option<Frame<'_>> {
    let (opcode, header, length) = lengths(bytes)?;
    let mask: [u8; 4] = bytes.get(header..header + 4)?.try_into().ok()?;
    let size = header + 4 + length;
    let payload = bytes.get_mut(header + 4..size)?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some(Frame { opcode, payload, size })
}

/// A frame from a client.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(opcode, payload.len());
    frame[1] |= 0x80;
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A frame from a server.
pub(crate) fn unmasked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(opcode, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn header(opcode: u8, length: usize) -> Vec<u8> {
    let mut header = Vec::with_capacity(14 + length);
    header.push(0x80 | opcode);
    match length {
        0..=125 => header.push(length as u8),
        126..=0xffff => {
            header.push(126);
            header.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            header.push(127);
            header.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    header
}

/// Where the head of an HTTP message ends, the empty line included.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// Status and whole size of an answer; `None` until it is complete.
pub(crate) fn answer(bytes: &[u8]) -> Option<(u16, usize)> {
    let head = head_end(bytes)?;
    let status = std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()?;
    let size = head + content_length(&bytes[..head]);
    (bytes.len() >= size).then_some((status, size))
}

/// 0 without the header.
pub(crate) fn content_length(head: &[u8]) -> usize {
    let value = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(15)?;
        name.eq_ignore_ascii_case(b"content-length:").then_some(value)
    });
    value.and_then(|value| std::str::from_utf8(value).ok()).and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// The first place of a short text.
pub(crate) fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    let (first, rest) = text.split_first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| byte == first)?;
        if bytes[at + 1..].starts_with(rest) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// What stands between `before` and the next quotation mark. Values that a benchmark sends need no escapes.
pub(crate) fn quoted<'a>(bytes: &'a [u8], before: &[u8]) -> Option<&'a [u8]> {
    let value = &bytes[find(bytes, before)? + before.len()..];
    Some(&value[..value.iter().position(|byte| *byte == b'"')?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_lengths_come_back() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'y'; length];
            let frame = unmasked(TEXT, &payload);
            assert_eq!(server_frame(&frame), Some(Frame { opcode: TEXT, payload: &payload, size: frame.len() }));
            assert_eq!(server_frame(&frame[..frame.len() - 1]), None, "one byte is missing");
            let mut frame = masked(CLOSE, &payload);
            let size = frame.len();
            assert_eq!(client_frame(&mut frame), Some(Frame { opcode: CLOSE, payload: &payload, size }));
            let mut frame = masked(CLOSE, &payload);
            assert_eq!(client_frame(&mut frame[..size - 1]), None, "one byte is missing");
        }
    }

    #[test]
    fn an_answer_is_complete_with_its_body() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Type: a\r\nCONTENT-length: 2\r\n\r\n{}HTTP";
        assert_eq!(answer(bytes), Some((200, bytes.len() - 4)));
        assert_eq!(answer(&bytes[..bytes.len() - 5]), None);
        assert_eq!(answer(b"HTTP/1.1 429 Too Many\r\n\r\n"), Some((429, 25)));
        assert_eq!(answer(b"HTTP/1.1 200 OK\r\n"), None);
    }

    #[test]
    fn a_value_ends_at_its_quotation_mark() {
        assert_eq!(quoted(br#"{"a":"x","channel":"c","b":"y"}"#, br#""channel":""#), Some(&b"c"[..]));
        assert_eq!(quoted(br#"{"channel":"c"#, br#""channel":""#), None);
        assert_eq!(find(b"aab", b"ab"), Some(1));
        assert_eq!(find(b"aa", b"ab"), None);
    }
}
