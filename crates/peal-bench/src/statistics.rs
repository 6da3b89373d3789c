//! Median and range: three runs do not carry more.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// `None` without values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { median, min, max })
    }

    pub(crate) fn divided_by(self, divisor: f64) -> Self {
        Self { median: self.median / divisor, min: self.min / divisor, max: self.max / divisor }
    }
}

/// A target is missed when the range lies wholly beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    Met,
    /// The median is beyond the target, the range is not.
    Unclear,
    Missed,
}

impl Verdict {
    pub(crate) fn of(summary: Summary, at_most: f64) -> Self {
        if summary.median <= at_most {
            Self::Met
        } else if summary.min <= at_most {
            Self::Unclear
        } else {
            Self::Missed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_the_range_the_ends() {
        assert_eq!(Summary::of([]), None);
        assert_eq!(Summary::of([3.0, 1.0, 2.0]), Some(Summary { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Summary::of([4.0, 1.0]), Some(Summary { median: 2.5, min: 1.0, max: 4.0 }));
        assert_eq!(Summary { median: 2.0, min: 1.0, max: 4.0 }.divided_by(2.0), Summary { median: 1.0, min: 0.5, max: 2.0 });
    }

    #[test]
    fn a_target_is_missed_only_by_the_whole_range() {
        let summary = Summary { median: 2.0, min: 1.5, max: 3.0 };
        assert_eq!(Verdict::of(summary, 2.0), Verdict::Met);
        assert_eq!(Verdict::of(summary, 1.5), Verdict::Unclear);
        assert_eq!(Verdict::of(summary, 1.4), Verdict::Missed);
    }
}
