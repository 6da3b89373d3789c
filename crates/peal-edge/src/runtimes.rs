//! How many tasks live on each runtime of a node: a task that never ends shows here before its memory shows anywhere.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Handle, RuntimeMetrics};

/// Every runtime that serves the node, from its start on.
#[derive(Debug, Default)]
pub(crate) struct Runtimes(
    /// Held for a push or a read of a few numbers.
    Mutex<Vec<(String, RuntimeMetrics)>>,
);

impl Runtimes {
    pub(crate) fn add(&self, name: impl Into<String>, runtime: &Handle) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name.into(), runtime.metrics()));
    }

    /// By the runtime's name.
    pub(crate) fn tasks(&self) -> Vec<(String, usize)> {
        let runtimes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runtimes.iter().map(|(name, metrics)| (name.clone(), metrics.num_alive_tasks())).collect()
    }
}
