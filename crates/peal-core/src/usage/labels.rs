//! Values of one dimension of one app, by small index, so that counting by value costs an addition and no lookup.
//!
//! The table is bounded: when it is full, what is not in it yet counts as [`OTHER`]. Values that were not used for a while make room. An
//! index may be held (by a frame in a queue) for as long as a connection may be slow, which is less.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Values held per app, core and dimension.
pub const LABELS_MAX: usize = 1_024;
/// What did not fit. No channel name and no key id can be this.
pub const OTHER: &str = "*";
/// Of channels without a namespace.
pub const NO_LABEL: &str = "";

/// The index of [`OTHER`].
pub(super) const OTHER_INDEX: u16 = 0;
/// Unused for so many minutes, a value makes room.
const KEPT_MINUTES: u64 = 10;
/// Messages in, messages out, connections opened.
pub(super) const SHARED: usize = 3;

#[derive(Debug)]
struct Entry {
    label: Arc<str>,
    values: [u64; SHARED],
    used_minute: u64,
}

#[derive(Debug)]
pub(super) struct Labels {
    index: BTreeMap<Arc<str>, u16>,
    entries: Vec<Option<Entry>>,
    free: Vec<u16>,
}

impl Labels {
    pub(super) fn new() -> Self {
        let other = Entry { label: OTHER.into(), values: [0; SHARED], used_minute: 0 };
        Self { index: BTreeMap::new(), entries: vec![Some(other)], free: Vec::new() }
    }

    pub(super) fn find(&mut self, label: &str, minute: u64) -> u16 {
        if let Some(index) = self.index.get(label).copied() {
            if let Some(Some(entry)) = self.entries.get_mut(index as usize) {
                entry.used_minute = minute;
            }
            return index;
        }
        if self.index.len() >= LABELS_MAX {
            return OTHER_INDEX;
        }
        let label: Arc<str> = label.into();
        let entry = Some(Entry { label: Arc::clone(&label), values: [0; SHARED], used_minute: minute });
        let index = match self.free.pop() {
            Some(index) => {
                self.entries[index as usize] = entry;
                index
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u16
            }
        };
        self.index.insert(label, index);
        index
    }

    pub(super) fn add(&mut self, index: u16, place: usize, value: u64) {
        if let Some(Some(entry)) = self.entries.get_mut(index as usize) {
            entry.values[place] += value;
        }
    }

    /// Everything counted since the last time.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (Arc<str>, [u64; SHARED])> + '_ {
        let counted = self.entries.iter_mut().flatten().filter(|entry| entry.values.iter().any(|value| *value > 0));
        counted.map(|entry| (Arc::clone(&entry.label), std::mem::take(&mut entry.values)))
    }

    /// Makes room for new values if there is little. Only after [`Self::take`].
    pub(super) fn forget_unused(&mut self, minute: u64) {
        if self.index.len() < LABELS_MAX / 2 {
            return;
        }
        for (place, slot) in self.entries.iter_mut().enumerate().skip(1) {
            if let Some(entry) = slot.take_if(|entry| entry.used_minute + KEPT_MINUTES < minute) {
                self.index.remove(&entry.label);
                self.free.push(place as u16);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_other_and_the_unused_make_room() {
        let mut labels = Labels::new();
        for number in 0..LABELS_MAX {
            assert_ne!(labels.find(&number.to_string(), number as u64 / 512), OTHER_INDEX);
        }
        assert_eq!(labels.find("late", 1), OTHER_INDEX);
        labels.forget_unused(11);
        let late = labels.find("late", 11);
        assert_ne!(late, OTHER_INDEX);
        labels.add(late, 1, 5);
        labels.add(labels.index["600"], 0, 2);
        let taken: Vec<_> = labels.take().map(|(label, values)| (label.to_string(), values)).collect();
        assert!(taken.contains(&("late".to_owned(), [0, 5, 0])) && taken.contains(&("600".to_owned(), [2, 0, 0])), "{taken:?}");
        assert_eq!(taken.len(), 2);
        assert_eq!(labels.take().count(), 0);
        assert!(labels.entries.len() <= LABELS_MAX + 1);
    }
}
