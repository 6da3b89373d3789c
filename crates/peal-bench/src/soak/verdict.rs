//! What is a leak and what is not.
//!
//! Growth: after a warm-up a straight line is fitted through all looks. Load goes up and down by chance, so no single look says anything, and
//! a line through less than [`JUDGED_FROM_S`] is not judged either. Rest: what exists for clients is gone with the last of them, to the number.

use serde::{Deserialize, Serialize};

use super::sample::Sample;

/// Of the time, at the beginning, is not looked at: history fills until its lifetime, buffers reach their size.
const WARM_UP: f64 = 0.15;
/// A line through fewer seconds is not judged.
const JUDGED_FROM_S: f64 = 300.0;
/// Of the mean, in an hour.
const GROWTH_MAX: f64 = 0.05;
/// The pool of Postgres connections breathes, and each has a task and a socket; so do our own questions.
const SPARE: u64 = 8;

/// How much of something there is and how fast it becomes more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Trend {
    pub(super) mean: f64,
    pub(super) per_hour: f64,
    /// Seconds that the line goes through.
    pub(super) over_s: f64,
}

impl Trend {
    /// A line through what follows the warm-up. `None` without two looks.
    pub(super) fn of(samples: &[Sample], value: impl Fn(&Sample) -> u64) -> Option<Self> {
        let from_s = samples.last()?.at_s * WARM_UP;
        let points: Vec<(f64, f64)> = samples.iter().filter(|s| s.at_s >= from_s).map(|s| (s.at_s, value(s) as f64)).collect();
        let count = points.len() as f64;
        let mean_of = |part: fn(&(f64, f64)) -> f64| points.iter().map(part).sum::<f64>() / count;
        let (middle, mean) = (mean_of(|point| point.0), mean_of(|point| point.1));
        let spread: f64 = points.iter().map(|(x, _)| (x - middle).powi(2)).sum();
        if spread <= 0.0 {
            return None;
        }
        let slope = points.iter().map(|(x, y)| (x - middle) * (y - mean)).sum::<f64>() / spread;
        Some(Self { mean, per_hour: slope * 3_600.0, over_s: points.last()?.0 - points.first()?.0 })
    }

    pub(super) fn is_judged(self) -> bool {
        self.over_s >= JUDGED_FROM_S
    }

    pub(super) fn at_most(self) -> f64 {
        self.mean * GROWTH_MAX
    }

    pub(super) fn is_flat(self) -> bool {
        !self.is_judged() || self.per_hour <= self.at_most()
    }
}

/// Whether nothing exists for any client.
pub(super) fn is_unused(sample: &Sample) -> bool {
    left_behind(&Sample { tasks: sample.tasks, files: sample.files, ..Sample::default() }, sample).is_empty()
}

/// What is still there of clients that have left.
pub(super) fn left_behind(before: &Sample, after: &Sample) -> Vec<String> {
    let rows = [
        ("connections", before.connections, after.connections, 0),
        ("subscriptions", before.subscriptions, after.subscriptions, 0),
        ("channels", before.topics, after.topics, 0),
        ("members", before.members, after.members, 0),
        ("timers", before.timers, after.timers, 0),
        ("queued bytes", before.queued_bytes, after.queued_bytes, 0),
        ("tasks", before.tasks, after.tasks, SPARE),
        ("files", before.files, after.files, SPARE),
    ];
    let is_more = |(_, before, after, spare): &(&str, u64, u64, u64)| *after > before + spare;
    rows.into_iter().filter(is_more).map(|(what, before, after, _)| format!("{what}: {before} before, {after} after")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(value: impl Fn(f64) -> f64) -> Vec<Sample> {
        (0..360)
            .map(|look| f64::from(look) * 10.0)
            .map(|at_s| Sample { at_s, heap_bytes: value(at_s) as u64, ..Sample::default() })
            .collect()
    }

    fn trend(samples: &[Sample]) -> Trend {
        Trend::of(samples, |sample| sample.heap_bytes).expect("many looks")
    }

    #[test]
    fn a_slow_leak_is_seen_through_the_noise_and_a_warm_up_is_none() {
        let noise = |at_s: f64| (at_s * 0.7).sin() * 2_000_000.0;
        let flat = trend(&samples(|at_s| 50_000_000.0 + noise(at_s)));
        assert!(flat.is_judged() && flat.is_flat(), "{flat:?}");
        let warming = trend(&samples(|at_s| 50_000_000.0 + noise(at_s) - (500.0 - at_s).max(0.0) * 50_000.0));
        assert!(warming.is_flat(), "{warming:?}");
        // 4 MB in an hour.
        let leaking = trend(&samples(|at_s| 50_000_000.0 + noise(at_s) + at_s * 1_111.0));
        assert!(!leaking.is_flat() && (leaking.per_hour - 4_000_000.0).abs() < 400_000.0, "{leaking:?}");
    }

    #[test]
    fn a_short_run_is_not_judged() {
        let short = trend(&samples(|at_s| at_s * 1_000_000.0)[..10]);
        assert!(!short.is_judged() && short.is_flat(), "{short:?}");
        assert!(Trend::of(&[Sample::default()], |sample| sample.heap_bytes).is_none());
    }

    #[test]
    fn what_stays_behind_is_named() {
        let before = Sample { tasks: 20, files: 40, ..Sample::default() };
        assert!(left_behind(&before, &Sample { tasks: 22, files: 40, ..before }).is_empty(), "a connection of the pool");
        assert!(is_unused(&before) && !is_unused(&Sample { timers: 1, ..before }));
        assert_eq!(left_behind(&before, &Sample { members: 1, ..before }), ["members: 0 before, 1 after"]);
        assert_eq!(left_behind(&before, &Sample { tasks: 30, files: 60, ..before }).len(), 2);
    }
}
