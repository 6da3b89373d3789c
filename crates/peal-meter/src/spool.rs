//! Batches on their way to Postgres: in memory in order, and in a file until Postgres has them.
//!
//! A batch is on the disk before [`Spool::append`] returns, and is sent from the front, one at a time. The file only ever grows at its end
//! until everything in it was acknowledged, then it is emptied; so a node that dies may send some batches again, which
//! Postgres recognises. What an earlier run left is read at the start and sent under that run's own source; this run has a source of its own.
//!
//! The file serves memory, not the other way round: if the disk fails, batches are still sent, and only a crash would lose them.

mod file;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use peal_core::usage::{Batch, Usage};
use tokio::sync::Notify;
use uuid::Uuid;

pub use file::SpoolError;
use file::SpoolFile;

/// Batches that may wait, an hour's worth; beyond it those that were never sent are merged into one.
const WAITING_MAX: usize = 720;

/// A spool file that could not be read to its end, by more than what a crash leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The last batch that could be read, if any.
    pub after: Option<(Uuid, i64)>,
    pub bytes: u64,
}

#[derive(Debug)]
struct Inner {
    source: Uuid,
    next_seq: i64,
    waiting: VecDeque<Arc<Batch>>,
    file: Option<SpoolFile>,
    /// Up to here everything was reported, also where there was nothing to report.
    covers_to_ms: u64,
}

#[derive(Debug)]
pub struct Spool {
    inner: Mutex<Inner>,
    /// Something was appended.
    pub(crate) filled: Notify,
    damage: Option<Damage>,
    gaps: AtomicU64,
}

impl Spool {
    /// Opens the spool of a folder, which is made if it is not there and held alone; without a folder batches live in memory only.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process uses it.
    pub fn open(folder: Option<&Path>) -> Result<Self, SpoolError> {
        let (file, waiting, damage) = match folder {
            Some(folder) => {
                let (file, waiting, damage) = SpoolFile::open(folder)?;
                (Some(file), waiting.into_iter().map(Arc::new).collect(), damage)
            }
            None => (None, VecDeque::new(), None),
        };
        let inner = Inner { source: Uuid::now_v7(), next_seq: 1, waiting, file, covers_to_ms: 0 };
        Ok(Self { inner: Mutex::new(inner), filled: Notify::new(), gaps: AtomicU64::new(u64::from(damage.is_some())), damage })
    }

    /// What could not be read at the start.
    #[must_use]
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// How often batches were found to be missing for ever, for the operator.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.gaps.load(Ordering::Relaxed)
    }

    /// The source of this run.
    #[must_use]
    pub fn source(&self) -> Uuid {
        self.lock().source
    }

    /// Batches that Postgres does not have yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// What waits, in order.
    #[must_use]
    pub fn batches(&self) -> Vec<Arc<Batch>> {
        self.lock().waiting.iter().cloned().collect()
    }

    /// Adds usage as the next batch and returns once it is on the disk. Blocks.
    ///
    /// # Errors
    /// When the disk refused: the batch will be sent all the same.
    pub fn append(&self, usage: Usage, covers_to_ms: u64) -> Result<(), SpoolError> {
        let mut inner = self.lock();
        inner.covers_to_ms = inner.covers_to_ms.max(covers_to_ms);
        let written = if usage.is_empty() { Ok(()) } else { inner.append(usage) };
        drop(inner);
        self.filled.notify_one();
        written
    }

    /// The batch to send.
    pub(crate) fn front(&self) -> Option<Arc<Batch>> {
        self.lock().waiting.front().cloned()
    }

    /// If nothing waits: the source and up to when it has reported everything.
    pub(crate) fn covered(&self) -> (Uuid, u64) {
        let inner = self.lock();
        (inner.source, inner.covers_to_ms)
    }

    /// Postgres has this batch. Blocks for a moment when the file is emptied.
    pub(crate) fn acknowledge(&self, batch: &Batch) {
        let mut inner = self.lock();
        if inner.waiting.front().is_some_and(|front| (front.source, front.seq) == (batch.source, batch.seq)) {
            inner.waiting.pop_front();
        }
        if inner.waiting.is_empty()
            && let Some(file) = &mut inner.file
            && let Err(error) = file.clear()
        {
            tracing::warn!(%error, "the spool file cannot be emptied; its batches will be sent again and recognised");
        }
    }

    /// Postgres lacks batches of this source that are no longer here: what waits goes on under a new one, from 1.
    pub(crate) fn begin_anew(&self, source: Uuid, new: Uuid) {
        let mut inner = self.lock();
        let mut seq = 0;
        for batch in inner.waiting.iter_mut().filter(|batch| batch.source == source) {
            seq += 1;
            *batch = Arc::new(Batch { source: new, seq, ..Batch::clone(batch) });
        }
        if inner.source == source {
            inner.source = new;
            inner.next_seq = seq + 1;
        }
        inner.rewrite();
        self.gaps.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked while holding it left a queue that is still in order.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn append(&mut self, usage: Usage) -> Result<(), SpoolError> {
        let batch = Arc::new(Batch { source: self.source, seq: self.next_seq, covers_to_ms: self.covers_to_ms, usage });
        self.next_seq += 1;
        self.waiting.push_back(Arc::clone(&batch));
        if self.waiting.len() > WAITING_MAX {
            self.merge();
            return self.file.as_mut().map_or(Ok(()), |file| file.rewrite(&self.waiting));
        }
        match &mut self.file {
            Some(file) if file.is_whole() => file.append(&batch),
            Some(file) => file.rewrite(&self.waiting),
            None => Ok(()),
        }
    }

    /// Makes one batch of all of this run that cannot have been sent. The first in line may have been, without an answer, and keeps its
    /// number and its content.
    fn merge(&mut self) {
        let source = self.source;
        let keep = self.waiting.iter().skip(1).position(|batch| batch.source == source).map_or(self.waiting.len(), |place| place + 1);
        let unsent = self.waiting.split_off(keep);
        let Some(seq) = unsent.front().map(|batch| batch.seq) else { return };
        let usage = unsent.iter().fold(Usage::default(), |merged, batch| merged.merged(batch.usage.clone()));
        self.waiting.push_back(Arc::new(Batch { source, seq, covers_to_ms: self.covers_to_ms, usage }));
        self.next_seq = seq + 1;
    }

    fn rewrite(&mut self) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.rewrite(&self.waiting)
        {
            tracing::warn!(%error, "the spool file cannot be written anew");
        }
    }
}

#[cfg(test)]
mod tests;
