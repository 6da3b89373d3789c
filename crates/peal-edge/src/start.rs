//! Starting and stopping a node.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use peal_broker::Broker;
use peal_hub::{Drain, Hub, HubConfig};
use peal_store::Store;
use prometheus::core::Collector;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::mpsc;

use crate::admission::Admission;
use crate::clock::Clock;
use crate::config::{CORES_MAX, EdgeConfig};
use crate::core::inbox::{CoreInbox, ToCore};
use crate::core::{Core, accept, flush, tasks};
use crate::directory::{DirectoryTask, Subscriber};
use crate::listen;
use crate::mux::{Mux, MuxHandle, MuxInbox};
use crate::node::{Node, SharedNode};
use crate::runtimes::Runtimes;
use crate::shares::Shares;
use crate::stats::Stats;
use crate::traffic::Traffic;
use crate::usage::{self, UsageTask};

#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    #[error("cannot listen on {addr}: {source}")]
    Bind { addr: SocketAddr, source: io::Error },
    #[error("cannot start a thread or runtime: {0}")]
    Thread(#[from] io::Error),
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("{0} cores asked for; 1 to 64 are possible")]
    Cores(usize),
    #[error("usage cannot be kept: {0}")]
    Usage(#[from] peal_meter::SpoolError),
}

/// After the drain: how long requests in progress and clients that have not closed yet are waited for.
const FAREWELL: Duration = Duration::from_secs(3);
/// How often a node that stops looks whether everybody has gone.
const EMPTY_EVERY: Duration = Duration::from_millis(10);

/// A running node.
pub struct EdgeHandle {
    pub(crate) node: SharedNode,
    addrs: Vec<SocketAddr>,
    threads: Vec<JoinHandle<()>>,
    usage: UsageTask,
    directory_task: tokio::task::JoinHandle<()>,
    close_broker: CloseBroker,
}

/// Tells other nodes that this one is gone, once nothing of it can speak any more.
type CloseBroker = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Starts a node. `broker` is made around the inbox that it delivers to, with the node's clock.
///
/// # Errors
/// An address or a spool that is taken, a thread that cannot be started. Postgres being away is no error: the node serves what it knows.
pub async fn start<B: Broker>(
    mut config: EdgeConfig,
    store: Store,
    broker: impl FnOnce(Arc<MuxInbox>, Clock) -> B,
) -> Result<EdgeHandle, EdgeError> {
    let count = config.cores.get();
    if count > CORES_MAX {
        return Err(EdgeError::Cores(count));
    }
    let mut listeners: Vec<Vec<std::net::TcpListener>> = (0..count).map(|_| Vec::new()).collect();
    let mut addrs = Vec::new();
    for addr in &config.addrs {
        for (core, listener) in listen::bind(*addr, count)?.into_iter().enumerate() {
            if core == 0 {
                addrs.push(listener.local_addr()?);
            }
            listeners[core].push(listener);
        }
    }
    if config.help_base.is_empty()
        && let Some(addr) = addrs.iter().find(|addr| !addr.ip().is_unspecified())
    {
        config.help_base = format!("http://{addr}");
    }
    let spool = usage::open_spool(&config)?;
    let clock = Clock::start();
    let (mux, mux_requests) = MuxHandle::new();
    let (cores, inboxes): (Vec<_>, Vec<_>) = (0..count).map(|_| CoreInbox::new()).unzip();
    let (directory, directory_task) = DirectoryTask::new(store.clone(), directory_subscriber(cores.clone()));
    let node = Arc::new(Node {
        clock,
        store,
        directory,
        mux,
        cores: cores.clone(),
        connections: (0..count).map(|_| AtomicUsize::new(0)).collect(),
        probes: (0..count).map(|_| AtomicU64::new(0)).collect(),
        draining: AtomicBool::new(false),
        admission: Arc::new(Admission::new(&config)?),
        stats: Stats::new()?,
        traffic: Traffic::default(),
        spool: Arc::clone(&spool),
        runtimes: Runtimes::default(),
        config,
    });
    node.runtimes.add("main", &tokio::runtime::Handle::current());
    let directory_task = tokio::spawn(directory_task.run());
    let mux_inbox = Arc::new(MuxInbox::default());
    let broker = Arc::new(broker(Arc::clone(&mux_inbox), clock));
    node.stats.add(broker.collectors())?;
    node.stats.add(vec![Box::new(node.admission.collector())])?;
    let closing = Arc::clone(&broker);
    let close_broker: CloseBroker = Box::new(move || Box::pin(closing.close()));
    let shares = Shares::new(node.directory.clone());
    let mux = Mux::new(broker, mux_inbox, mux_requests, cores, clock, node.stats.history_reads.clone(), shares);
    let mut mux: Option<MuxTask> = Some(Box::pin(mux.run()));
    if count > 1 {
        // It ends when the last handle to it is gone, after the cores; nobody needs to wait for it.
        let mux = mux.take();
        thread("mux".into(), &node, move |runtime| {
            if let Some(mux) = mux {
                runtime.block_on(mux);
            }
        })?;
    }
    let mut threads = Vec::new();
    for (index, (listeners, inbox)) in listeners.into_iter().zip(inboxes).enumerate() {
        let node = Arc::clone(&node);
        // An only core runs the mux as one of its tasks: between two threads, each publish would pay for waking both.
        let mux = mux.take();
        let name = format!("core-{index}");
        threads.push(thread(name, &node.clone(), move |runtime| run_core(runtime, index, node, listeners, inbox, mux))?);
    }
    let usage = UsageTask::start(Arc::clone(&node), spool);
    Ok(EdgeHandle { node, addrs, threads, usage, directory_task, close_broker })
}

/// Hands every new snapshot to every core. A core that is busy gets the newest one when it has room.
fn directory_subscriber(cores: Vec<CoreInbox>) -> Subscriber {
    let (sender, mut snapshots) = tokio::sync::watch::channel(Arc::new(peal_core::Directory::default()));
    tokio::spawn(async move {
        while snapshots.changed().await.is_ok() {
            let snapshot = Arc::clone(&snapshots.borrow_and_update());
            for core in &cores {
                core.send(ToCore::Directory(Arc::clone(&snapshot))).await;
            }
        }
    });
    Box::new(move |snapshot| {
        sender.send_replace(snapshot);
    })
}

fn thread(name: String, node: &SharedNode, run: impl FnOnce(LocalRuntime) + Send + 'static) -> Result<JoinHandle<()>, EdgeError> {
    let node = Arc::clone(node);
    Ok(std::thread::Builder::new().name(format!("peal-{name}")).spawn(move || {
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => {
                node.runtimes.add(name, runtime.handle());
                // The mux ends when nothing but the cores' handles would keep it.
                drop(node);
                run(runtime);
            }
            Err(error) => tracing::error!(%error, thread = name, "a runtime could not be built"),
        }
    })?)
}

/// The mux, wherever it runs.
type MuxTask = Pin<Box<dyn Future<Output = ()> + Send>>;

fn run_core(
    runtime: LocalRuntime,
    index: usize,
    node: SharedNode,
    listeners: Vec<std::net::TcpListener>,
    inbox: mpsc::Receiver<ToCore>,
    mux: Option<MuxTask>,
) {
    let seed = rand::random();
    let config = HubConfig { node: node.config.node, core: index as u8, seed, ..HubConfig::default() };
    let hub = Hub::new(config, node.directory.current());
    let core = Core::new(index, node, hub);
    runtime.block_on(async move {
        for listener in listeners {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    tokio::task::spawn_local(accept::run(core.clone(), listener));
                }
                Err(error) => tracing::error!(%error, "a listener could not be registered"),
            }
        }
        if let Some(mux) = mux {
            tokio::task::spawn_local(mux);
        }
        tokio::task::spawn_local(flush::run(core.clone()));
        tokio::task::spawn_local(tasks::outbox(core.clone()));
        tokio::task::spawn_local(tasks::timer(core.clone()));
        tokio::task::spawn_local(tasks::sweep(core.clone()));
        tasks::inbox(core, inbox).await;
    });
}

impl EdgeHandle {
    /// Where it listens, one for each configured address, ports filled in.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Why the node is not ready; empty when it is ready and its probe messages come back.
    #[must_use]
    pub fn unready(&self) -> Vec<String> {
        self.node.unready()
    }

    /// What each core's hub holds and has done.
    pub async fn counts(&self) -> Vec<peal_hub::HubCounts> {
        self.node.counts().await
    }

    /// Adds what somebody else measures to `/metrics`; their names get the prefix of all others.
    ///
    /// # Errors
    /// A name that is taken.
    pub fn add_metrics(&self, collectors: Vec<Box<dyn Collector>>) -> Result<(), prometheus::Error> {
        self.node.stats.add(collectors)
    }

    /// Loads configuration changes at once instead of within a second.
    pub async fn refresh_directory(&self) {
        self.node.directory.refresh().await;
    }

    /// Drains the node and ends its threads. It is not ready from the first moment, but goes on as before for the first quarter of the drain
    /// time, so that balancers notice; a newcomer is already sent elsewhere. Then nothing is accepted any more, so that even a proxy that asks
    /// nobody goes elsewhere, and every client is sent there at a moment of its own within the rest of the time. HTTP connections end with their
    /// next answer, at last all of them, after the request in progress. Sooner if every connection is gone.
    pub async fn shutdown(self) {
        let drain = self.node.config.drain;
        let notice = drain / 4;
        self.node.draining.store(true, Ordering::Relaxed);
        tracing::info!(connections = self.node.connections(), over_ms = drain.as_millis(), "draining");
        let ms = |time: Duration| time.as_millis() as u64;
        self.node.tell_cores(|| ToCore::Drain(Drain { first_ms: ms(notice), spread_ms: ms(drain - notice) })).await;
        self.node.empty_within(notice).await;
        self.node.tell_cores(|| ToCore::StopListening).await;
        self.node.empty_within(drain - notice).await;
        self.node.tell_cores(|| ToCore::Close).await;
        if !self.node.empty_within(FAREWELL).await {
            tracing::warn!(connections = self.node.connections(), "connections did not end in time and are cut");
        }
        self.directory_task.abort();
        self.usage.stop().await;
        self.node.tell_cores(|| ToCore::Stop).await;
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().filter_map(|thread| thread.join().err()).count()).await;
        if !matches!(joined, Ok(0)) {
            tracing::error!("a core ended by a panic");
        }
        (self.close_broker)().await;
    }
}

impl Node {
    async fn tell_cores(&self, message: impl Fn() -> ToCore) {
        for core in &self.cores {
            core.send(message()).await;
        }
    }

    /// Waits until no socket is open, at most this long. Whether it came to that.
    async fn empty_within(&self, at_most: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + at_most;
        while self.connections() > 0 {
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(EMPTY_EVERY).await;
        }
        true
    }
}
