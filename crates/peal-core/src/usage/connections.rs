//! How many connections of an app one core has, told in such a way that cores can be added exactly.
//!
//! The maximum of a sum is not the sum of maxima: a page that reloads leaves core 0 and returns on core 1, and is one connection
//! all the time. So a core does not report maxima but its changes, each with its millisecond, and whoever adds the cores of
//! a node goes through them in order of time. Within one millisecond departures come before arrivals.

use crate::now::Now;

/// Concurrency is sampled in slots of the wall clock of this length.
pub const SLOT_MS: u64 = 10_000;
/// Changes kept between two collections; beyond it several share an entry, which can only make the peak too high.
const CHANGES_MAX: usize = 10_000;

/// From `at_ms` on `open` connections, and at that moment `peak`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub at_ms: u64,
    pub peak: u32,
    pub open: u32,
}

/// The changes of one app on one core since the last collection, in order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    pub app: crate::AppId,
    pub changes: Vec<Change>,
}

#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) open: u32,
    /// Up to here the time of the open connections is counted.
    mark: Now,
    pub(super) changes: Vec<Change>,
}

impl Open {
    pub(super) fn new(now: Now) -> Self {
        Self { open: 0, mark: now, changes: Vec::new() }
    }

    pub(super) fn set(&mut self, now: Now, open: u32) {
        self.open = open;
        let full = self.changes.len() >= CHANGES_MAX;
        match self.changes.last_mut() {
            Some(last) if full || last.at_ms >= now.wall_ms => {
                last.peak = last.peak.max(open);
                last.open = open;
            }
            _ => self.changes.push(Change { at_ms: now.wall_ms, peak: open, open }),
        }
    }

    /// The connection time since the last call, by minute. The amount is measured on the monotonic clock; only the minutes to which it
    /// belongs are the wall clock's.
    pub(super) fn elapsed(&mut self, now: Now, mut add: impl FnMut(u64, u64)) {
        let mut left = now.mono_ms.saturating_sub(self.mark.mono_ms);
        self.mark = now;
        let open = u64::from(self.open);
        let (mut minute, mut in_minute) = (now.wall_ms / super::MINUTE_MS, now.wall_ms % super::MINUTE_MS);
        while left > 0 && open > 0 {
            let part = if minute == 0 { left } else { left.min(in_minute) };
            if part > 0 {
                add(minute, part * open);
            }
            left -= part;
            minute = minute.saturating_sub(1);
            in_minute = super::MINUTE_MS;
        }
    }
}
