//! Tasks that end with their owner.

use tokio::task::JoinHandle;

#[derive(Debug, Default)]
pub(super) struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    pub(super) fn of(task: JoinHandle<()>) -> Self {
        Self(vec![task])
    }

    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(task));
    }

    /// Forgets those that have ended.
    pub(super) fn prune(&mut self) {
        self.0.retain(|task| !task.is_finished());
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
