//! The node's usage: every few seconds it is collected from the cores and the mux, spooled, and sent (DESIGN section 7).
//!
//! Who counts what is in `docs/counting.md`: the hubs what connections use; whoever calls the broker what is published over HTTP (the mux,
//! since the handler may be gone when the broker answers, or the handler's thread where it answers at once); the core's thread what else
//! is asked over HTTP ([`local`]). Nothing here is on the path of a message, and nothing waits for Postgres: batches gather in the spool
//! while it is away.

pub(crate) mod local;

use std::sync::Arc;
use std::time::Duration;

use peal_core::usage::{Collected, Protocol};
use peal_core::{AppId, KeyId, Now, Quota};
use peal_hub::Hub;
use peal_meter::{Recorder, Sender, Spool, SpoolError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::key_use::KeyUse;
use crate::node::SharedNode;
use crate::rest::auth::{Caller, Grant};

/// After the full seconds that a slot of connections ends with, so that it is in the next collection.
const AFTER_SLOT_MS: u64 = 250;
/// When the node stops: how long Postgres may take for the last batch. It is in the spool in any case.
const FAREWELL: Duration = Duration::from_secs(2);

/// Who pays for a publish over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Payer {
    pub(crate) key: KeyId,
    pub(crate) protocol: Protocol,
}

impl Payer {
    /// Nobody pays for the dashboard's own.
    pub(crate) fn of(caller: &Caller, protocol: Protocol) -> Option<Self> {
        match &caller.grant {
            Grant::Token(token) if token.console => None,
            _ => Some(Self { key: caller.key_id().clone(), protocol }),
        }
    }
}

/// What the answers to usage say about quotas goes to the gates, where publishes look.
fn quota_listener(node: &SharedNode) -> impl FnMut(AppId, Option<Quota>) + Send + 'static {
    let node = SharedNode::clone(node);
    move |app, quota| {
        if let Some(gate) = node.directory.current().gate(app) {
            gate.quota_report(quota.as_ref(), node.now());
        }
    }
}

/// The running task.
pub(crate) struct UsageTask {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl UsageTask {
    pub(crate) fn start(node: SharedNode, spool: Arc<Spool>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let name = format!("edge {}", node.config.node);
        let sender = Sender::new(Arc::clone(&spool), node.store.clone(), name).telling_quotas(quota_listener(&node));
        let key_use = KeyUse::new(node.store.clone());
        let collector = Collector { node, spool, recorder: Recorder::default(), key_use };
        Self { stop, task: tokio::spawn(collector.run(sender, stopped)) }
    }

    /// Collects and sends what is left. The cores must still answer.
    pub(crate) async fn stop(self) {
        if self.stop.send(()).is_ok() && self.task.await.is_err() {
            tracing::error!("the usage task ended by a panic");
        }
    }
}

struct Collector {
    node: SharedNode,
    spool: Arc<Spool>,
    recorder: Recorder,
    key_use: KeyUse,
}

impl Collector {
    async fn run(mut self, mut sender: Sender, mut stopped: oneshot::Receiver<()>) {
        // The sender is cancelled between or within its calls; whatever was not acknowledged is sent again.
        let outcome = tokio::select! {
            () = sender.run() => return,
            outcome = self.collect_until(&mut stopped) => outcome,
        };
        if outcome.is_err() {
            return;
        }
        self.gather().await;
        let (usage, complete_to_ms) = self.recorder.finish_all();
        self.append(usage, complete_to_ms).await;
        if tokio::time::timeout(FAREWELL, self.key_use.finish(self.node.now())).await.is_err() {
            tracing::debug!("the last use of keys was not written");
        }
        match tokio::time::timeout(FAREWELL, sender.finish()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, waiting = self.spool.waiting(), "the last usage stays in the spool"),
            Err(_) => tracing::warn!(waiting = self.spool.waiting(), "the last usage stays in the spool"),
        }
    }

    /// Returns when the node stops, or fails when its handle is just gone.
    async fn collect_until(&mut self, stopped: &mut oneshot::Receiver<()>) -> Result<(), oneshot::error::RecvError> {
        loop {
            tokio::select! {
                stopped = &mut *stopped => return stopped,
                () = tokio::time::sleep(until_next(self.node.now(), self.node.config.usage_every)) => {}
            }
            self.gather().await;
            let (usage, complete_to_ms) = self.recorder.finish();
            self.append(usage, complete_to_ms).await;
        }
    }

    async fn gather(&mut self) {
        let node = SharedNode::clone(&self.node);
        let now = node.now();
        let look = self.key_use.should_look(now);
        for (index, core) in node.cores.iter().enumerate() {
            let ask = move |hub: &mut Hub, now| (hub.usage(now), local::collect(now), look.then(|| hub.keys_in_use()));
            let Some((of_hub, of_requests, keys)) = core.ask(ask).await else { continue };
            self.absorb(now, index, &of_hub);
            self.absorb(now, index, &of_requests);
            self.key_use.used(now, keys.unwrap_or_default());
        }
        if let Some(of_publishes) = node.mux.usage().await {
            self.absorb(now, node.cores.len(), &of_publishes);
        }
        self.key_use.write(now).await;
    }

    fn absorb(&mut self, now: Now, source: usize, collected: &Collected) {
        self.recorder.absorb(source, collected);
        self.node.traffic.absorb(collected);
        self.key_use.counted(now, collected);
    }

    async fn append(&self, usage: peal_core::usage::Usage, complete_to_ms: u64) {
        let spool = Arc::clone(&self.spool);
        match tokio::task::spawn_blocking(move || spool.append(usage, complete_to_ms)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "usage cannot be spooled; it is sent all the same, but a crash would lose it"),
            Err(error) => tracing::error!(%error, "usage could not be spooled"),
        }
    }
}

/// Ticks are at whole multiples of their distance on the wall clock, so that they follow the slots of connections.
fn until_next(now: Now, every: Duration) -> Duration {
    let every_ms = (every.as_millis() as u64).max(1);
    let since_ms = (now.wall_ms + every_ms - AFTER_SLOT_MS % every_ms) % every_ms;
    Duration::from_millis(every_ms - since_ms)
}

/// Opens the spool of this node.
///
/// # Errors
/// When the folder cannot be used.
pub(crate) fn open_spool(config: &crate::config::EdgeConfig) -> Result<Arc<Spool>, SpoolError> {
    Spool::open(config.usage_spool.as_deref()).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_comes_just_after_the_end_of_a_slot() {
        let at = |wall_ms| until_next(Now { mono_ms: 0, wall_ms }, Duration::from_secs(5)).as_millis();
        assert_eq!(at(10_000), 250);
        assert_eq!(at(10_249), 1);
        assert_eq!(at(10_250), 5_000);
        assert_eq!(at(14_999), 251);
    }
}
