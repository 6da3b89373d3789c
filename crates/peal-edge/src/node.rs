//! What all cores of a node share, and nothing else: configuration, the directory, ways to reach the mux and the other cores, gauges.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use peal_core::{AppId, ErrorCode, Now, Refusal};
use peal_hub::{FanOutCounts, Handle, Hub, HubCounts, HubTotals, Occupancy};
use peal_meter::Spool;
use peal_store::Store;
use peal_wire::ws;

use crate::admission::Admission;
use crate::clock::Clock;
use crate::config::EdgeConfig;
use crate::core::inbox::CoreInbox;
use crate::directory::DirectoryHandle;
use crate::mux::MuxHandle;
use crate::runtimes::Runtimes;
use crate::stats::Stats;
use crate::traffic::Traffic;

/// Channels that one listing shows.
const CHANNELS_MAX: usize = 100_000;
/// A core whose last probe is older than this is not delivering.
const PROBE_AGE_MAX_MS: u64 = 15_000;

pub(crate) struct Node {
    pub(crate) config: EdgeConfig,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) directory: DirectoryHandle,
    pub(crate) mux: MuxHandle,
    pub(crate) cores: Vec<CoreInbox>,
    /// Open sockets per core.
    pub(crate) connections: Vec<AtomicUsize>,
    /// Mono milliseconds at which each core last saw a probe come back; 0 is never.
    pub(crate) probes: Vec<AtomicU64>,
    pub(crate) draining: AtomicBool,
    pub(crate) admission: Arc<Admission>,
    pub(crate) stats: Stats,
    pub(crate) traffic: Traffic,
    pub(crate) spool: Arc<Spool>,
    pub(crate) runtimes: Runtimes,
}

impl Node {
    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// The node is stopping: clients are on their way to others.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Open sockets over all cores.
    pub(crate) fn connections(&self) -> usize {
        self.connections.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Why a new connection should be refused after its upgrade, if so.
    pub(crate) fn admit_connection(&self) -> Option<Refusal> {
        if self.is_draining() {
            return Some(Refusal::of(ErrorCode::ShuttingDown));
        }
        let total = self.connections();
        let limit = self.config.connections_max / 10 * 9;
        (total > limit.max(1)).then(|| Refusal::of(ErrorCode::Overloaded).with_limit(limit as u64, total as u64).retry_after(5_000))
    }

    /// What the codec accepts from this connection at this moment.
    pub(crate) fn limits(&self, hub: &Hub, handle: Handle) -> ws::Limits {
        ws::Limits::new(hub.message_bytes_max(handle))
    }

    /// What works less well than it should while the node is ready.
    pub(crate) fn degraded(&self) -> Vec<String> {
        let directory = self.directory.current();
        let away = directory.version > 0 && !directory.fresh;
        away.then(|| "Postgres is away: serving the last known configuration, revocation is paused".to_owned()).into_iter().collect()
    }

    /// Why the node is not ready, or nothing.
    pub(crate) fn unready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.is_draining() {
            reasons.push("the node is draining".to_owned());
        }
        if self.directory.current().version == 0 {
            reasons.push("the configuration has not been loaded yet".to_owned());
        }
        reasons.extend(self.mux.away());
        let now_ms = self.now().mono_ms;
        for (core, probe) in self.probes.iter().enumerate() {
            let seen = probe.load(Ordering::Relaxed);
            if seen == 0 || now_ms.saturating_sub(seen) > PROBE_AGE_MAX_MS {
                reasons.push(format!("core {core} has not seen its probe message come back"));
            }
        }
        reasons
    }

    /// The channels of an app over all cores, by name. A channel's users are known to each core that has a presence subscriber.
    pub(crate) async fn occupancy(&self, app: AppId, prefix: Option<String>) -> Vec<Occupancy> {
        let mut merged = std::collections::BTreeMap::<String, Occupancy>::new();
        for core in &self.cores {
            let prefix = prefix.clone();
            let part = core.ask(move |hub, _| hub.occupancy(app, prefix.as_deref(), CHANNELS_MAX)).await.unwrap_or_default();
            for entry in part {
                match merged.get_mut(entry.channel.as_str()) {
                    Some(known) => {
                        known.subscriptions += entry.subscriptions;
                        known.elsewhere = known.elsewhere.max(entry.elsewhere);
                        known.users = known.users.max(entry.users);
                    }
                    None => {
                        merged.insert(entry.channel.as_str().to_owned(), entry);
                    }
                }
            }
        }
        merged.into_values().collect()
    }

    pub(crate) async fn totals(&self) -> Vec<HubTotals> {
        let mut totals = Vec::new();
        for core in &self.cores {
            totals.extend(core.ask(|hub, _| hub.totals().clone()).await);
        }
        totals
    }

    pub(crate) async fn fan_outs(&self) -> Vec<FanOutCounts> {
        let mut counts = Vec::new();
        for core in &self.cores {
            counts.extend(core.ask(|hub, _| hub.fan_out_counts()).await);
        }
        counts
    }

    pub(crate) async fn counts(&self) -> Vec<HubCounts> {
        let mut counts = Vec::new();
        for core in &self.cores {
            counts.extend(core.ask(|hub, _| hub.counts()).await);
        }
        counts
    }
}

/// The node as request handlers hold it.
pub(crate) type SharedNode = Arc<Node>;
