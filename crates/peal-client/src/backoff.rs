//! Exponential backoff with full jitter: uniform between nothing and the ceiling, so that clients which lost the same server do
//! not come back together. The same figures as the JavaScript SDK.

use std::time::Duration;

const BASE_MS: u64 = 500;
const MAX_MS: u64 = 30_000;
/// Spread of clients that were all given the same hint.
const HINT_JITTER_MS: u64 = 1_000;

/// The wait after this many consecutive failures.
pub(crate) fn backoff(failures: u32) -> Duration {
    let ceiling = BASE_MS.saturating_mul(1_u64.checked_shl(failures).unwrap_or(u64::MAX)).min(MAX_MS);
    Duration::from_millis(rand::random_range(0..=ceiling))
}

/// The wait when the server named a time.
pub(crate) fn hinted(retry_after_ms: u64) -> Duration {
    Duration::from_millis(retry_after_ms + rand::random_range(0..=HINT_JITTER_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_and_ends_at_30_seconds() {
        for failures in [0, 1, 3, 6, 63, 64, u32::MAX] {
            let ceiling = Duration::from_millis((500_u64 << failures.min(20)).min(30_000));
            assert!((0..100).all(|_| backoff(failures) <= ceiling), "{failures}");
        }
        assert!((0..100).any(|_| backoff(20) > Duration::from_secs(15)));
    }
}
