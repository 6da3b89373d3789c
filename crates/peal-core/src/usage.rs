//! What counts as how much (DESIGN section 7): the unit of everything that is counted by size.

/// A message counts once per started piece of this many bytes of event name plus data.
pub const UNIT_BYTES: usize = 16 * 1024;

/// The units of a message of `size` bytes, as [`crate::Message::size`] measures it. An empty message is a message: 1.
#[must_use]
pub const fn units(size: usize) -> u64 {
    if size == 0 { 1 } else { size.div_ceil(UNIT_BYTES) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_started_16_kib_counts_one() {
        for (size, expected) in [(0, 1), (1, 1), (16_384, 1), (16_385, 2), (32_768, 2), (32_769, 3)] {
            assert_eq!(units(size), expected, "{size} bytes");
        }
    }
}
