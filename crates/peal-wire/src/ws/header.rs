//! A client frame's header: parsed and judged before any of its payload is looked at.

use super::{CONTROL_MAX, FIN, Opcode, ViolationKind};

/// Bytes of the longest header of a masked frame.
pub(super) const MASKED_MAX: usize = 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    pub(super) length: u64,
    pub(super) mask: [u8; 4],
}

/// The header at the front of `bytes` and its size; `None` if more bytes are needed. What is wrong is refused at the first byte
/// that shows it.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, ViolationKind> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(ViolationKind::ReservedBits);
    }
    let opcode = Opcode::from_bits(first & 0x0f).ok_or(ViolationKind::UnknownOpcode)?;
    let fin = first & FIN != 0;
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    if second & 0x80 == 0 {
        return Err(ViolationKind::NotMasked);
    }
    let short = second & 0x7f;
    if opcode.is_control() && (!fin || usize::from(short) > CONTROL_MAX) {
        return Err(ViolationKind::ControlFrame);
    }
    let (length, at) = match short {
        126 => match bytes.get(2..4) {
            Some(field) => (u64::from(u16::from_be_bytes([field[0], field[1]])), 4),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(|field| <[u8; 8]>::try_from(field).ok()) {
            Some(field) => (u64::from_be_bytes(field), 10),
            None => return Ok(None),
        },
        _ => (u64::from(short), 2),
    };
    let shortest = match at {
        4 => length > 125,
        10 => length > 0xffff,
        _ => true,
    };
    if !shortest || length > i64::MAX as u64 {
        return Err(ViolationKind::Length);
    }
    let Some(mask) = bytes.get(at..at + 4).and_then(|mask| <[u8; 4]>::try_from(mask).ok()) else { return Ok(None) };
    Ok(Some((Header { fin, opcode, length, mask }, at + 4)))
}

/// Applies the mask to `bytes`, which begin `offset` bytes into the payload.
pub(super) fn unmask(bytes: &mut [u8], mask: [u8; 4], offset: usize) {
    let mut key = mask;
    key.rotate_left(offset % 4);
    let wide = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word = u64::from_ne_bytes(<[u8; 8]>::try_from(&*chunk).expect("chunks of eight")) ^ wide;
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmasking_in_pieces_is_unmasking_whole() {
        let mask = [1, 2, 3, 4];
        let original: Vec<u8> = (0..100).collect();
        let mut whole = original.clone();
        unmask(&mut whole, mask, 0);
        for cut in 0..100 {
            let mut pieces = original.clone();
            let (front, back) = pieces.split_at_mut(cut);
            unmask(front, mask, 0);
            unmask(back, mask, cut);
            assert_eq!(pieces, whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_header_is_refused_at_the_first_byte_that_is_wrong() {
        assert_eq!(parse(b""), Ok(None));
        assert_eq!(parse(b"\xc1"), Err(ViolationKind::ReservedBits));
        assert_eq!(parse(b"\x83"), Err(ViolationKind::UnknownOpcode));
        assert_eq!(parse(b"\x81\x05"), Err(ViolationKind::NotMasked));
        assert_eq!(parse(b"\x89\xfe"), Err(ViolationKind::ControlFrame));
        assert_eq!(parse(b"\x09\x80"), Err(ViolationKind::ControlFrame));
        assert_eq!(parse(b"\x81\xfe\x00\x7d"), Err(ViolationKind::Length));
        assert_eq!(parse(b"\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff"), Err(ViolationKind::Length));
        assert_eq!(parse(b"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00"), Err(ViolationKind::Length));
        assert_eq!(parse(b"\x81\xfe\x00"), Ok(None));
    }
}
