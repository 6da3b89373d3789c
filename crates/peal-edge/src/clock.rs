//! The one place where an edge reads clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use peal_core::Now;

/// Both clocks. Copies share the same beginning, so that all cores of a node agree about `mono_ms`.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    #[must_use]
    pub fn now(&self) -> Now {
        Now { mono_ms: self.start.elapsed().as_millis() as u64, wall_ms: wall_ms() }
    }

    /// Since the start.
    #[must_use]
    pub(crate) fn elapsed(&self) -> std::time::Duration {
        self.start.elapsed()
    }

    /// The instant at which `mono_ms` is reached.
    #[must_use]
    pub(crate) fn instant(&self, mono_ms: u64) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + std::time::Duration::from_millis(mono_ms))
    }
}

/// Unix milliseconds; 0 on a clock before 1970.
fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
