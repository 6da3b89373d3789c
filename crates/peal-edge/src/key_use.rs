//! When keys were last used, for whoever wonders whether one can be revoked.
//!
//! Nothing is done where a key is used. What was counted by key says afterwards which ones were (a publish, a delivery, a new
//! connection), and once a minute the cores name those with open connections, which may be silent. A key is written at most once a minute, in
//! the background; what could not be written is written later. Only reads over HTTP, which count as nothing, leave no trace.

use std::collections::BTreeMap;

use peal_core::usage::{Collected, Dimension};
use peal_core::{AppId, KeyId, Now};
use peal_store::{KeyUsed, Store};
use tokio::task::JoinHandle;

const MINUTE_MS: u64 = 60_000;
/// Unused for so long, a key is no longer remembered here.
const FORGET_MS: u64 = 60 * MINUTE_MS;

/// Unix milliseconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    used: u64,
    written: Option<u64>,
    /// The last use that was written.
    told: u64,
}

/// Uses of one app's keys.
type Batch = (AppId, Vec<KeyUsed>);

pub(crate) struct KeyUse {
    store: Store,
    keys: BTreeMap<(AppId, KeyId), Times>,
    looked_ms: u64,
    /// Answers with what could not be written.
    writing: Option<JoinHandle<Vec<Batch>>>,
}

impl KeyUse {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, keys: BTreeMap::new(), looked_ms: 0, writing: None }
    }

    /// Whether the cores should be asked for keys with open connections: true once a minute.
    pub(crate) fn should_look(&mut self, now: Now) -> bool {
        let due = now.mono_ms >= self.looked_ms + MINUTE_MS;
        if due {
            self.looked_ms = now.mono_ms;
        }
        due
    }

    pub(crate) fn counted(&mut self, now: Now, collected: &Collected) {
        for counts in &collected.minutes {
            let labels = counts.shares.iter().filter(|share| share.dimension == Dimension::Key && share.values().next().is_some());
            // "*" stands for those that did not fit, and is no key id.
            let keys: Vec<KeyId> = labels.filter_map(|share| share.label.parse().ok()).collect();
            self.used(now, keys.into_iter().map(|key| (counts.app, key)));
        }
    }

    pub(crate) fn used(&mut self, now: Now, keys: impl IntoIterator<Item = (AppId, KeyId)>) {
        for key in keys {
            self.keys.entry(key).or_insert(Times { used: 0, written: None, told: 0 }).used = now.wall_ms;
        }
    }

    /// Begins to write what is due, unless the last writing is still under way.
    pub(crate) async fn write(&mut self, now: Now) {
        if self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return;
        }
        self.settle().await;
        self.keys.retain(|_, times| now.wall_ms < times.used + FORGET_MS);
        let due = self.due(now, |written| now.wall_ms >= written + MINUTE_MS);
        if !due.is_empty() {
            self.writing = Some(tokio::spawn(write(self.store.clone(), due)));
        }
    }

    /// Writes everything that is not written, and waits for it.
    pub(crate) async fn finish(&mut self, now: Now) {
        self.settle().await;
        let due = self.due(now, |_| true);
        write(self.store.clone(), due).await;
    }

    /// Takes the outcome of the last writing; what failed is due again.
    async fn settle(&mut self) {
        let Some(writing) = self.writing.take() else { return };
        for (app, uses) in writing.await.unwrap_or_default() {
            for used in uses {
                if let Some(times) = self.keys.get_mut(&(app, used.key)) {
                    (times.written, times.told) = (None, 0);
                }
            }
        }
    }

    fn due(&mut self, now: Now, again: impl Fn(u64) -> bool) -> Vec<Batch> {
        let mut batches = BTreeMap::<AppId, Vec<KeyUsed>>::new();
        for ((app, key), times) in &mut self.keys {
            if times.used > times.told && times.written.is_none_or(&again) {
                (times.written, times.told) = (Some(now.wall_ms), times.used);
                batches.entry(*app).or_default().push(KeyUsed { key: key.clone(), at_ms: times.used });
            }
        }
        batches.into_iter().collect()
    }
}

async fn write(store: Store, due: Vec<Batch>) -> Vec<Batch> {
    let mut failed = Vec::new();
    for (app, uses) in due {
        if let Err(error) = store.keys_used(app, &uses).await {
            tracing::debug!(%app, %error, "the last use of keys is written later");
            failed.push((app, uses));
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use peal_store::{Keyring, StoreOptions};

    use super::*;

    async fn key_use() -> KeyUse {
        let options = StoreOptions { acquire_timeout: std::time::Duration::from_millis(50), ..StoreOptions::default() };
        KeyUse::new(Store::connect("postgres://nobody@127.0.0.1:9/none", Keyring::ephemeral(), options).await.expect("the URL is valid"))
    }

    fn at(s: u64) -> Now {
        Now { mono_ms: s * 1_000, wall_ms: s * 1_000 }
    }

    fn key() -> (AppId, KeyId) {
        (AppId::new(123_456_789).expect("an id"), "key".parse().expect("a key id"))
    }

    fn due(uses: &mut KeyUse, now: Now) -> usize {
        uses.due(now, |written| now.wall_ms >= written + MINUTE_MS).len()
    }

    #[tokio::test]
    async fn a_key_is_written_at_once_and_then_once_a_minute_while_it_is_used() {
        let mut uses = key_use().await;
        let written: Vec<u64> = (1_000..1_300)
            .step_by(5)
            .filter(|s| {
                if *s < 1_200 {
                    uses.used(at(*s), [key()]);
                }
                due(&mut uses, at(*s)) > 0
            })
            .collect();
        assert_eq!(written, [1_000, 1_060, 1_120, 1_180, 1_240], "the last one tells of its last use");
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_due_again() {
        let mut uses = key_use().await;
        uses.used(at(1_000), [key()]);
        uses.write(at(1_000)).await;
        uses.settle().await;
        assert_eq!(due(&mut uses, at(1_001)), 1);
        assert_eq!(due(&mut uses, at(1_002)), 0);
    }

    #[tokio::test]
    async fn the_cores_are_asked_once_a_minute() {
        let mut uses = key_use().await;
        let asked: Vec<u64> = (60..200).step_by(5).filter(|s| uses.should_look(at(*s))).collect();
        assert_eq!(asked, [60, 120, 180]);
    }
}
