//! What counts as how much (DESIGN section 7): the metrics, the rule behind each, and the plain counters in which an edge keeps them.
//!
//! One table says what every number means ([`RULES`], [`Metric::info`]); `docs/counting.md`, the API and the dashboard print it, so that
//! nobody explains a number in other words than the code that made it.
//!
//! Everything here is pure. Counters become a [`Batch`] on the edge, and the batch rows in Postgres; neither is this module's business.

pub mod batch;
mod connections;
mod counters;
mod labels;
mod metric;
mod rule;

pub use batch::{Batch, BreakdownRow, Row, Sample, Usage};
pub use connections::{Change, SLOT_MS, Track};
pub use counters::{Account, Charge, Collected, Counters, MinuteCounts, Share};
pub use labels::{LABELS_MAX, NO_LABEL, OTHER};
pub use metric::{Aggregate, Dimension, Metric, MetricInfo, Protocol, Transport};
pub use rule::{RULES, Rule};

/// A message counts once per started piece of this many bytes of event name plus data.
pub const UNIT_BYTES: usize = 16 * 1024;

pub const MINUTE_MS: u64 = 60_000;

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
