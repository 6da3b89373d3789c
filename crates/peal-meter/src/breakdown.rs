//! Breakdowns of a node: kept in memory until their minute is over, then the largest values of each and the rest together.
//!
//! Only so are "the 100 largest of a minute" what they say. The price is that a node that is killed loses the breakdown of its last minute;
//! the totals, which bills are made from, do not wait here.

use std::collections::BTreeMap;
use std::sync::Arc;

use peal_core::AppId;
use peal_core::usage::{BreakdownRow, Dimension, Metric, MinuteCounts, OTHER};

/// Values of a dimension per app, minute and metric, besides [`OTHER`].
const VALUES_MAX: usize = 100;

type Group = (AppId, u64, Dimension, Metric);

#[derive(Debug, Default)]
pub(crate) struct Breakdown {
    groups: BTreeMap<Group, BTreeMap<Arc<str>, u64>>,
}

impl Breakdown {
    pub(crate) fn absorb(&mut self, counts: &MinuteCounts) {
        for share in &counts.shares {
            for (metric, value) in share.values() {
                let group = self.groups.entry((counts.app, counts.minute, share.dimension, metric)).or_default();
                *group.entry(Arc::clone(&share.label)).or_default() += value;
            }
        }
    }

    /// The rows of minutes before this one.
    pub(crate) fn finish(&mut self, minute: u64) -> Vec<BreakdownRow> {
        let mut rows = Vec::new();
        for ((app, at, dimension, metric), values) in self.groups.extract_if(.., |(_, at, ..), _| *at < minute) {
            let row = |(label, value)| BreakdownRow { app, minute: at, dimension, metric, label, value };
            rows.extend(largest(values).into_iter().map(row));
        }
        rows.sort_unstable();
        rows
    }
}

fn largest(values: BTreeMap<Arc<str>, u64>) -> Vec<(Arc<str>, u64)> {
    let (mut rest, mut named) = (0, Vec::with_capacity(values.len()));
    for (label, value) in values {
        if &*label == OTHER { rest += value } else { named.push((label, value)) }
    }
    named.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
    rest += named.iter().skip(VALUES_MAX).map(|(_, value)| value).sum::<u64>();
    named.truncate(VALUES_MAX);
    if rest > 0 {
        named.push((OTHER.into(), rest));
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_named_and_nothing_is_lost() {
        let values: BTreeMap<Arc<str>, u64> = (0..250_u64).map(|number| (number.to_string().into(), number + 1)).collect();
        let whole: u64 = values.values().sum();
        let rows = largest(values.into_iter().chain([(OTHER.into(), 5)]).collect());
        assert_eq!(rows.len(), VALUES_MAX + 1);
        assert_eq!(rows.iter().map(|(_, value)| value).sum::<u64>(), whole + 5);
        assert_eq!(rows[0], ("249".into(), 250));
        assert_eq!(rows[VALUES_MAX].0, OTHER.into());
    }
}
