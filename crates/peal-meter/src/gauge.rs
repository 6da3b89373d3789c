//! How many connections of each app a *node* had at most in each slot of ten seconds, exactly, from what its cores report.

use std::collections::BTreeMap;

use peal_core::AppId;
use peal_core::usage::{SLOT_MS, Sample, Track};

#[derive(Debug, Default)]
struct AppGauge {
    /// Per core.
    open: BTreeMap<usize, u32>,
    /// Changes that have not been gone through: time, core, peak at that moment, open from then on.
    waiting: Vec<(u64, usize, u32, u32)>,
}

/// Adds the cores of a node.
#[derive(Debug, Default)]
pub struct Gauge {
    apps: BTreeMap<AppId, AppGauge>,
    /// The first slot that is not finished.
    slot: Option<u64>,
}

impl Gauge {
    /// What one core reported since the last time.
    pub fn absorb(&mut self, core: usize, tracks: &[Track]) {
        for track in tracks {
            let changes = track.changes.iter().map(|change| (change.at_ms, core, change.peak, change.open));
            self.apps.entry(track.app).or_default().waiting.extend(changes);
        }
    }

    /// The samples of all slots that were over at this Unix millisecond, up to which every core has reported.
    pub fn finish(&mut self, complete_to_ms: u64) -> Vec<Sample> {
        let end = complete_to_ms / SLOT_MS;
        let begin = self.slot.unwrap_or_else(|| self.first_slot().unwrap_or(end));
        if end <= begin {
            return Vec::new();
        }
        self.slot = Some(end);
        let mut samples = Vec::new();
        for (app, gauge) in &mut self.apps {
            gauge.finish(*app, begin, end, &mut samples);
        }
        self.apps.retain(|_, gauge| !gauge.open.is_empty() || !gauge.waiting.is_empty());
        samples.sort_unstable();
        samples
    }
}

impl Gauge {
    /// In which the first change happened that was reported.
    fn first_slot(&self) -> Option<u64> {
        self.apps.values().flat_map(|gauge| &gauge.waiting).map(|(at, ..)| at / SLOT_MS).min()
    }
}

impl AppGauge {
    fn finish(&mut self, app: AppId, begin: u64, end: u64, samples: &mut Vec<Sample>) {
        self.waiting.sort_by_key(|(at, core, ..)| (*at, *core));
        let ready = self.waiting.partition_point(|(at, ..)| at / SLOT_MS < end);
        let later = self.waiting.split_off(ready);
        let changes = std::mem::replace(&mut self.waiting, later);
        // What a core reports late, after its clock was set back, counts in the first slot that is still open.
        let slot_of = |at: u64| (at / SLOT_MS).max(begin);
        let mut next = changes.as_slice();
        let mut slot = begin;
        while slot < end {
            let mut peak = self.sum();
            let in_slot = next.partition_point(|(at, ..)| slot_of(*at) <= slot);
            let (now, rest) = next.split_at(in_slot);
            for moment in now.chunk_by(|one, two| one.0 == two.0) {
                for (_, core, at_once, _) in moment {
                    self.open.insert(*core, *at_once);
                }
                peak = peak.max(self.sum());
                for (_, core, _, open) in moment {
                    self.open.insert(*core, *open);
                }
            }
            next = rest;
            if peak > 0 {
                samples.push(Sample { app, slot, value: peak });
            }
            self.open.retain(|_, open| *open > 0);
            slot += 1;
            if self.open.is_empty() {
                // Nothing until the next change.
                slot = next.first().map_or(end, |(at, ..)| slot_of(*at)).max(slot);
            }
        }
    }

    fn sum(&self) -> u32 {
        self.open.values().fold(0, |sum, open| sum.saturating_add(*open))
    }
}

#[cfg(test)]
mod tests {
    use peal_core::usage::Change;
    use proptest::prelude::*;

    use super::*;

    fn app() -> AppId {
        AppId::new(77).expect("a valid id")
    }

    fn track(changes: &[(u64, u32, u32)]) -> Vec<Track> {
        let changes = changes.iter().map(|(at_ms, peak, open)| Change { at_ms: *at_ms, peak: *peak, open: *open }).collect();
        vec![Track { app: app(), changes }]
    }

    #[test]
    fn a_page_that_reloads_onto_another_core_is_one_connection() {
        let mut gauge = Gauge::default();
        gauge.absorb(0, &track(&[(101_000, 1, 1), (103_000, 0, 0)]));
        gauge.absorb(1, &track(&[(103_000, 1, 1)]));
        assert_eq!(gauge.finish(120_500), [Sample { app: app(), slot: 10, value: 1 }, Sample { app: app(), slot: 11, value: 1 }]);
        gauge.absorb(1, &track(&[(121_000, 0, 0)]));
        assert_eq!(gauge.finish(140_000), [Sample { app: app(), slot: 12, value: 1 }]);
        assert!(gauge.apps.is_empty());
    }

    #[test]
    fn what_happens_before_the_first_collection_is_not_forgotten() {
        let mut gauge = Gauge::default();
        gauge.absorb(0, &track(&[(8_000, 2, 2)]));
        let samples = gauge.finish(20_250);
        assert_eq!(samples.iter().map(|sample| (sample.slot, sample.value)).collect::<Vec<_>>(), [(0, 2), (1, 2)]);
        assert_eq!(gauge.finish(30_250).len(), 1);
    }

    #[test]
    fn whoever_is_open_without_a_change_is_in_every_slot() {
        let mut gauge = Gauge::default();
        gauge.absorb(0, &track(&[(1, 5, 5)]));
        assert_eq!(gauge.finish(10_000).len(), 1);
        assert!(gauge.finish(19_999).is_empty(), "the slot is not over");
        let two = gauge.finish(30_000);
        assert_eq!(two.iter().map(|sample| (sample.slot, sample.value)).collect::<Vec<_>>(), [(1, 5), (2, 5)]);
    }

    proptest! {
        /// Against going through every millisecond.
        #[test]
        fn slots_hold_the_largest_sum(
            steps in proptest::collection::vec((0..3_usize, 1..4_000_u64, any::<bool>()), 1..60),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut open = [0_u32; 3];
            let mut at = 0;
            let mut changes = Vec::new();
            let mut peaks: BTreeMap<u64, u32> = BTreeMap::new();
            for (core, wait, arrives) in steps {
                let next = at + wait;
                for slot in at / SLOT_MS..=next / SLOT_MS {
                    let peak = peaks.entry(slot).or_default();
                    *peak = (*peak).max(open.iter().sum());
                }
                at = next;
                open[core] = if arrives { open[core] + 1 } else { open[core].saturating_sub(1) };
                let peak = peaks.entry(at / SLOT_MS).or_default();
                *peak = (*peak).max(open.iter().sum());
                changes.push((at, core, open[core]));
            }
            let last = at / SLOT_MS;
            let mut gauge = Gauge::default();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(changes.len())).chain([changes.len()]).collect();
            cuts.sort_unstable();
            let (mut from, mut samples) = (0, Vec::new());
            for cut in cuts {
                for (at, core, open) in &changes[from..cut] {
                    gauge.absorb(*core, &track(&[(*at, *open, *open)]));
                }
                // Complete up to just before the next change.
                let complete = changes.get(cut).map_or((last + 1) * SLOT_MS, |next| next.0);
                samples.extend(gauge.finish(complete));
                from = cut;
            }
            let expected: Vec<(u64, u32)> = peaks.into_iter().filter(|(_, peak)| *peak > 0).collect();
            let found: Vec<(u64, u32)> = samples.iter().map(|sample| (sample.slot, sample.value)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
