//! One node's usage, from what its cores and its mux collected to the rows of a batch.

use peal_core::usage::{Collected, MINUTE_MS, Row, Usage};

use crate::breakdown::Breakdown;
use crate::gauge::Gauge;

/// Gathers until [`Self::finish`]. Whoever reports twice in between is added.
#[derive(Debug, Default)]
pub struct Recorder {
    gauge: Gauge,
    breakdown: Breakdown,
    gathered: Usage,
    /// The earliest collection of this round: what happened until then is here, of everyone.
    complete_to_ms: Option<u64>,
}

impl Recorder {
    /// What was counted at one place. `core` tells places with connections apart.
    pub fn absorb(&mut self, core: usize, collected: &Collected) {
        let rows = collected.minutes.iter().flat_map(|counts| {
            let row = |(metric, value)| Row { app: counts.app, minute: counts.minute, metric, value };
            counts.values().map(row)
        });
        let usage = Usage { rows: rows.collect(), ..Usage::default() };
        self.gathered = std::mem::take(&mut self.gathered).merged(usage);
        collected.minutes.iter().for_each(|counts| self.breakdown.absorb(counts));
        self.gauge.absorb(core, &collected.tracks);
        self.complete_to_ms = Some(self.complete_to_ms.map_or(collected.at_ms, |earliest| earliest.min(collected.at_ms)));
    }

    /// The round is over: everything to be reported, and up to which Unix millisecond that is everything.
    pub fn finish(&mut self) -> (Usage, u64) {
        let complete_to_ms = self.complete_to_ms.take().unwrap_or(0);
        let breakdown = self.breakdown.finish(complete_to_ms / MINUTE_MS);
        let samples = self.gauge.finish(complete_to_ms);
        (Usage { breakdown, samples, ..std::mem::take(&mut self.gathered) }, complete_to_ms)
    }

    /// The node stops: as [`Self::finish`], with the minute and the slot that are not over.
    pub fn finish_all(&mut self) -> (Usage, u64) {
        let complete_to_ms = self.complete_to_ms.take().unwrap_or(0);
        let samples = self.gauge.finish(complete_to_ms + peal_core::usage::SLOT_MS);
        (Usage { breakdown: self.breakdown.finish(u64::MAX), samples, ..std::mem::take(&mut self.gathered) }, complete_to_ms)
    }
}
