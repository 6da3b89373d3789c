//! A bound on how deep JSON nests, checked before any parser sees the text.
//!
//! Parsers of JSON recurse, and 20 kB of `[` from anyone with a public key has brought down servers of this kind (ENGINE
//! section 8). This scan is iterative, so its own cost does not depend on the depth.

/// The deepest nesting that any protocol here accepts (protocol 1).
pub const DEPTH_MAX: usize = 64;

/// Whether `bytes` nest at most `max` arrays and objects into each other: 0 for a scalar, 1 for `[]` and `{}`.
///
/// Text that is not JSON gets some answer; a parser stops at the first byte that is wrong, and up to there this is exact.
#[must_use]
pub fn depth_at_most(bytes: &[u8], max: usize) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match (in_string, byte) {
            (false, b'[' | b'{') => {
                depth += 1;
                if depth > max {
                    return false;
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            (_, b'"') => in_string = !in_string,
            // What an escape escapes is neither the end of the string nor another escape.
            (true, b'\\') => {
                rest.next();
            }
            _ => {}
        }
    }
    true
}
