//! Latencies in buckets that are at most 1/64 wide: recording costs a few instructions and no memory.

/// Buckets per power of two.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.trailing_zeros();

#[derive(Debug, Clone, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn record(&mut self, value: u64) {
        let index = bucket(value);
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
        self.total += 1;
        self.max = self.max.max(value);
    }

    /// The value that this share of the records, 0 to 1, do not exceed; 0 if there are none.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_edge(index).min(self.max);
            }
        }
        0
    }
}

/// Values below [`STEPS`] have a bucket each; above, every power of two has [`STEPS`] of them.
fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() - STEP_BITS;
    let step = (value >> shift) - STEPS;
    (u64::from(shift + 1) * STEPS + step) as usize
}

fn upper_edge(index: usize) -> u64 {
    let (power, step) = (index as u64 / STEPS, index as u64 % STEPS);
    match power.checked_sub(1) {
        None => step,
        Some(shift) => ((STEPS + step + 1) << shift) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bucket_whose_edge_is_close() {
        let mut last = 0;
        for value in (0..2_000).chain([4_095, 4_096, 1_000_000, 123_456_789, u64::from(u32::MAX)]) {
            let index = bucket(value);
            assert!(index >= last, "buckets rise with values: {value}");
            last = index;
            let edge = upper_edge(index);
            assert!(edge >= value && edge - value <= value / 64, "{value} lies in a bucket that ends at {edge}");
        }
    }

    #[test]
    fn quantiles_of_a_uniform_distribution() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), 0);
        (1..=10_000).for_each(|value| histogram.record(value));
        for (share, exact) in [(0.5, 5_000_u64), (0.99, 9_900)] {
            let found = histogram.quantile(share);
            assert!(found >= exact && found <= exact + exact / 64, "{share}: {found}");
        }
        assert_eq!(histogram.quantile(1.0), 10_000);
    }
}
