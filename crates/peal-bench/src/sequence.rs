//! Whether a stream of numbered messages arrived whole, once and in order. Numbers begin at 1.

use serde::{Deserialize, Serialize};

/// Everything that must be zero at the end of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    /// Messages that are not what was sent.
    pub(crate) foreign: u64,
    /// Publishes that were not answered with 200.
    pub(crate) refused: u64,
    /// Connections that failed, or that the server closed unasked.
    pub(crate) dropped: u64,
}

impl Faults {
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.foreign += other.foreign;
        self.refused += other.refused;
        self.dropped += other.dropped;
    }
}

/// What one connection has seen of one publisher on one channel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sequence {
    last: u64,
    /// Skipped so far; empty unless something goes wrong.
    missing: Vec<u64>,
}

impl Sequence {
    pub(crate) fn see(&mut self, number: u64, faults: &mut Faults) {
        if number == self.last + 1 {
            self.last = number;
        } else if number > self.last {
            self.missing.extend(self.last + 1..number);
            self.last = number;
        } else if let Some(at) = self.missing.iter().position(|missing| *missing == number) {
            self.missing.swap_remove(at);
            faults.reordered += 1;
        } else {
            faults.duplicated += 1;
        }
    }

    /// How many of the numbers up to `sent` have not been seen.
    pub(crate) fn unseen(&self, sent: u64) -> u64 {
        self.missing.len() as u64 + sent.saturating_sub(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(seen: &[u64], sent: u64) -> Faults {
        let (mut sequence, mut faults) = (Sequence::default(), Faults::default());
        seen.iter().for_each(|number| sequence.see(*number, &mut faults));
        faults.lost = sequence.unseen(sent);
        faults
    }

    #[test]
    fn what_arrives_whole_once_and_in_order_is_clean() {
        assert!(judge(&[1, 2, 3], 3).is_clean());
        assert!(judge(&[], 0).is_clean());
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        assert_eq!(judge(&[1, 3], 3), Faults { lost: 1, ..Faults::default() });
        assert_eq!(judge(&[1, 2], 4), Faults { lost: 2, ..Faults::default() }, "the tail is missing");
        assert_eq!(judge(&[2, 3], 3), Faults { lost: 1, ..Faults::default() }, "the beginning is missing");
        assert_eq!(judge(&[1, 2, 2, 3, 1], 3), Faults { duplicated: 2, ..Faults::default() });
        assert_eq!(judge(&[1, 3, 2, 4], 4), Faults { reordered: 1, ..Faults::default() });
        assert_eq!(judge(&[1, 3, 2, 2], 3), Faults { reordered: 1, duplicated: 1, ..Faults::default() });
    }
}
