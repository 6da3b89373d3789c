//! Time as an argument. Pure code never reads a clock: whoever calls it passes [`Now`].

/// The present moment on both clocks that matter. `mono_ms` measures durations and never goes back; `wall_ms` is Unix time in
/// milliseconds, may jump, and is only compared with times that others wrote (token expiry, signature timestamps).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    pub mono_ms: u64,
    pub wall_ms: u64,
}

impl Now {
    /// Whole Unix seconds.
    #[must_use]
    pub fn wall_s(self) -> u64 {
        self.wall_ms / 1000
    }
}
