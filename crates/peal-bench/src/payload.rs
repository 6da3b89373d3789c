//! What a message of a benchmark carries: who sent it, its number, when; then padding.

/// `sent_ns` counts from a moment that the load process knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) publisher: usize,
    pub(crate) number: u64,
    pub(crate) sent_ns: u64,
}

impl Payload {
    /// Appends `size` bytes, or a little more if the numbers do not fit.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>, size: usize) {
        let from = buffer.len();
        for number in [self.publisher as u64, self.number, self.sent_ns] {
            append_decimal(buffer, number);
            buffer.push(b':');
        }
        buffer.resize(buffer.len().max(from + size), b'x');
    }

    /// Reads the front of a payload.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (publisher, bytes) = take_decimal(bytes)?;
        let (number, bytes) = take_decimal(bytes)?;
        let (sent_ns, _) = take_decimal(bytes)?;
        Some(Self { publisher: publisher as usize, number, sent_ns })
    }
}

fn append_decimal(buffer: &mut Vec<u8>, mut number: u64) {
    let from = buffer.len();
    loop {
        buffer.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    buffer[from..].reverse();
}

/// Digits and the colon behind them.
fn take_decimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number: u64 = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
            b':' if at > 0 => return Some((number, &bytes[at + 1..])),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (number, sent_ns) in [(1, 0), (1_000_000, 123_456_789_000), (u64::MAX, u64::MAX)] {
            let payload = Payload { publisher: 7, number, sent_ns };
            let mut bytes = b"before".to_vec();
            payload.write(&mut bytes, 128);
            assert_eq!(bytes.len(), 6 + 128);
            assert_eq!(Payload::read(&bytes[6..]), Some(payload));
        }
    }

    #[test]
    fn what_is_no_payload_is_refused() {
        for bytes in ["", "1", "1:2", "1:2:3", "1::3:", "a:2:3:", "1:99999999999999999999999:3:"] {
            assert_eq!(Payload::read(bytes.as_bytes()), None, "{bytes}");
        }
    }
}
