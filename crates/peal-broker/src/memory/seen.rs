//! The message ids of the last two minutes and what became of them: what makes a repeated publish harmless.

use std::collections::{HashMap, VecDeque};

use peal_core::{MessageId, Now, Position, Topic};

/// How long an id is remembered (DESIGN 5.2).
pub(super) const REMEMBERED_MS: u64 = 120_000;

type Key = (Topic, MessageId);

/// Ids and names come from clients, so the map keeps std's keyed hasher.
#[derive(Debug)]
pub(super) struct SeenIds {
    by_key: HashMap<Key, Option<Position>>,
    /// In order of expiry; at most one entry per key.
    expiry: VecDeque<(u64, Key)>,
    max: usize,
}

impl SeenIds {
    pub(super) fn new(max: usize) -> Self {
        Self { by_key: HashMap::new(), expiry: VecDeque::new(), max }
    }

    /// Forgets what has been remembered long enough.
    pub(super) fn expire(&mut self, now: Now) {
        while self.expiry.front().is_some_and(|(at, _)| *at <= now.mono_ms) {
            if let Some((_, key)) = self.expiry.pop_front() {
                self.by_key.remove(&key);
            }
        }
    }

    /// The first result under this id: its position, `None` inside if it was ephemeral.
    pub(super) fn get(&self, topic: &Topic, id: &MessageId) -> Option<Option<Position>> {
        self.by_key.get(&(topic.clone(), id.clone())).copied()
    }

    pub(super) fn is_full(&self) -> bool {
        self.by_key.len() >= self.max
    }

    /// Remembers an id that [`Self::get`] does not know.
    pub(super) fn insert(&mut self, now: Now, topic: Topic, id: MessageId, position: Option<Position>) {
        let key = (topic, id);
        self.expiry.push_back((now.mono_ms.saturating_add(REMEMBERED_MS), key.clone()));
        self.by_key.insert(key, position);
    }
}
