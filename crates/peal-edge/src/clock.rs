//! The one place where an edge reads clocks.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
        let now = Instant::now();
        Now { mono_ms: now.duration_since(self.start).as_millis() as u64, wall_ms: wall(now).as_millis() as u64 }
    }

    /// Since the start.
    #[must_use]
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The instant at which `mono_ms` is reached.
    #[must_use]
    pub(crate) fn instant(&self, mono_ms: u64) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + Duration::from_millis(mono_ms))
    }
}

/// For so long the wall clock is taken to go on as the other one does, so that the many calls of a busy thread read one clock.
const READ_ANEW: Duration = Duration::from_millis(1);

thread_local! {
    /// Both clocks when this thread last read the wall clock.
    static READ: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// Since 1970; 0 on a clock before that.
fn wall(now: Instant) -> Duration {
    if let Some((at, wall)) = READ.get() {
        let since = now.duration_since(at);
        if since < READ_ANEW {
            return wall + since;
        }
    }
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    READ.set(Some((now, wall)));
    wall
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_read_anew_after_a_millisecond_and_goes_on_meanwhile() {
        let begin = Instant::now();
        READ.set(Some((begin, Duration::from_secs(7))));
        assert_eq!(wall(begin + Duration::from_micros(999)), Duration::from_micros(7_000_999));
        let read = wall(begin + READ_ANEW);
        assert!(read > Duration::from_secs(1_700_000_000), "{read:?}");
        assert_eq!(wall(begin + READ_ANEW + Duration::from_micros(1)), read + Duration::from_micros(1));
    }
}
