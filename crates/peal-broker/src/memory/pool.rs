//! Whose publication goes when memory is short: the oldest of the app that holds the most, so that no app pays for another's flood.
//!
//! Invariant: `by_age` of an app names every publication that is kept of it, oldest first (and some that have been trimmed since), and
//! `by_size` names every app that holds anything. An app that holds nothing is forgotten.

use std::collections::{BTreeSet, VecDeque};

use peal_core::{AppId, Position, Topic};
use rustc_hash::FxHashMap;

use super::MemoryLimits;

/// Stale entries that an app's `by_age` may hold beyond the live ones before it is rebuilt.
const STALE_MAX: usize = 64;
/// Sizes are compared in steps of the pool's share by this, so that the order seldom changes.
const STEPS: usize = 4_096;

#[derive(Debug)]
pub(super) struct Pool {
    bytes_max: usize,
    app_bytes_max: usize,
    step: usize,
    bytes: usize,
    /// Nobody chooses their app's id, so the hash needs no key.
    apps: FxHashMap<AppId, Share>,
    /// In steps.
    by_size: BTreeSet<(usize, AppId)>,
}

#[derive(Debug, Default)]
struct Share {
    bytes: usize,
    kept: usize,
    by_age: VecDeque<(Topic, Position)>,
}

impl Pool {
    pub(super) fn new(limits: MemoryLimits) -> Self {
        Self {
            bytes_max: limits.history_bytes_max,
            app_bytes_max: limits.app_history_bytes_max,
            step: (limits.history_bytes_max / STEPS).max(1),
            bytes: 0,
            apps: FxHashMap::default(),
            by_size: BTreeSet::new(),
        }
    }

    /// A publication is kept.
    pub(super) fn add(&mut self, topic: &Topic, position: Position, bytes: usize) {
        let share = self.apps.entry(topic.app).or_default();
        share.by_age.push_back((topic.clone(), position));
        share.kept += 1;
        self.resize(topic.app, share_bytes(&self.apps, topic.app) + bytes);
    }

    /// So many publications of the app, of so many bytes together, are kept no more.
    pub(super) fn remove(&mut self, app: AppId, count: usize, bytes: usize) {
        let Some(share) = self.apps.get_mut(&app).filter(|_| count > 0) else { return };
        share.kept -= count;
        let (kept, left) = (share.kept, share.bytes - bytes);
        self.resize(app, left);
        if kept == 0 {
            self.apps.remove(&app);
            self.by_size.remove(&(0, app));
        }
    }

    /// What has to go next: of `app`, to which something was just added, if it holds more than an app may; else of the app that holds
    /// the most, if all of them hold too much. It may be kept no more already, which costs nothing to say again.
    pub(super) fn next_victim(&mut self, app: AppId) -> Option<(Topic, Position)> {
        let victim = if share_bytes(&self.apps, app) > self.app_bytes_max {
            app
        } else if self.bytes > self.bytes_max {
            self.by_size.last()?.1
        } else {
            return None;
        };
        self.apps.get_mut(&victim)?.by_age.pop_front()
    }

    /// Keeps the app's `by_age` from filling with stale entries.
    pub(super) fn tidy(&mut self, app: AppId, is_kept: impl Fn(&Topic, Position) -> bool) {
        if let Some(share) = self.apps.get_mut(&app).filter(|share| share.by_age.len() > 2 * share.kept + STALE_MAX) {
            share.by_age.retain(|(topic, position)| is_kept(topic, *position));
        }
    }

    fn resize(&mut self, app: AppId, bytes: usize) {
        let Some(share) = self.apps.get_mut(&app) else { return };
        let before = std::mem::replace(&mut share.bytes, bytes);
        self.bytes = self.bytes - before + bytes;
        let (from, to) = (before / self.step, bytes / self.step);
        if from != to || before == 0 {
            self.by_size.remove(&(from, app));
            self.by_size.insert((to, app));
        }
    }
}

fn share_bytes(apps: &FxHashMap<AppId, Share>, app: AppId) -> usize {
    apps.get(&app).map_or(0, |share| share.bytes)
}
