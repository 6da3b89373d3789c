//! The edge's view of the configuration: a snapshot in memory, refreshed from Postgres once a second, at once on NOTIFY, and on demand
//! when a client names a key that is not known yet.
//!
//! While Postgres is away the last snapshot keeps serving and is marked stale, so that an unknown key is answered
//! "try again" instead of "no such key".

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use peal_core::Directory;
use peal_store::Store;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How often the version is polled; revocations take effect within this plus the load.
const POLL: Duration = Duration::from_secs(1);
/// On-demand refreshes are no closer together than this, whatever clients ask for.
const REFRESH_GAP: Duration = Duration::from_millis(50);
/// Refresh requests waiting for the task; beyond it they are answered at once, unrefreshed.
const REFRESH_QUEUE: usize = 1024;

/// A handle to the shared snapshot.
#[derive(Debug, Clone)]
pub(crate) struct DirectoryHandle {
    current: Arc<ArcSwap<Directory>>,
    refresh: mpsc::Sender<oneshot::Sender<()>>,
}

impl DirectoryHandle {
    #[must_use]
    pub(crate) fn current(&self) -> Arc<Directory> {
        self.current.load_full()
    }

    /// Loads what has changed, unless that was just done. Concurrent calls share one load.
    pub(crate) async fn refresh(&self) {
        let (done, answer) = oneshot::channel();
        if self.refresh.try_send(done).is_ok() {
            // The task answers or is gone with the node: both end the wait.
            let _ = answer.await;
        }
    }
}

/// Who must hear of a new snapshot.
pub(crate) type Subscriber = Box<dyn Fn(Arc<Directory>) + Send + Sync>;

/// The task that owns refreshing.
pub(crate) struct DirectoryTask {
    store: Store,
    current: Arc<ArcSwap<Directory>>,
    requests: mpsc::Receiver<oneshot::Sender<()>>,
    subscriber: Subscriber,
}

impl DirectoryTask {
    pub(crate) fn new(store: Store, subscriber: Subscriber) -> (DirectoryHandle, Self) {
        let current = Arc::new(ArcSwap::from_pointee(Directory::default()));
        let (refresh, requests) = mpsc::channel(REFRESH_QUEUE);
        (DirectoryHandle { current: Arc::clone(&current), refresh }, Self { store, current, requests, subscriber })
    }

    /// Runs until every handle is gone.
    pub(crate) async fn run(mut self) {
        let mut notifications = self.store.directory_listen();
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last_load = Instant::now() - REFRESH_GAP;
        loop {
            // Every branch is cancellation-safe: ticks, a queue, and a watch of notifications.
            let mut waiting = Vec::new();
            tokio::select! {
                _ = poll.tick() => {}
                _ = notifications.changed() => {}
                request = self.requests.recv() => match request {
                    Some(done) => {
                        waiting.push(done);
                        tokio::time::sleep_until(last_load + REFRESH_GAP).await;
                    }
                    None => return,
                },
            }
            while let Ok(done) = self.requests.try_recv() {
                waiting.push(done);
            }
            self.load().await;
            last_load = Instant::now();
            for done in waiting {
                let _ = done.send(());
            }
        }
    }

    async fn load(&self) {
        let current = self.current.load_full();
        match self.changes(&current).await {
            Ok(Some(next)) => self.publish(next),
            Ok(None) if !current.fresh => self.publish(current.with_freshness(true)),
            Ok(None) => {}
            Err(error) => {
                if current.fresh || current.version == 0 {
                    tracing::warn!(%error, "configuration cannot be read; serving the last known one");
                }
                if current.fresh {
                    self.publish(current.with_freshness(false));
                }
            }
        }
    }

    async fn changes(&self, current: &Directory) -> Result<Option<Directory>, peal_store::StoreError> {
        let since = (current.version > 0).then_some(current.version);
        if since.is_some() && self.store.directory_version().await? == current.version {
            return Ok(None);
        }
        let delta = self.store.directory_load(since).await?;
        let base = if delta.complete { &Directory::default() } else { current };
        Ok(Some(base.updated(delta.version, delta.apps, &delta.removed)))
    }

    fn publish(&self, next: Directory) {
        let next = Arc::new(next);
        self.current.store(Arc::clone(&next));
        (self.subscriber)(next);
    }
}
