//! The server commands beside `dev`, and the pieces that they share with it.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::{Duration, Instant};

use peal_api::ApiConfig;
use peal_broker::{MemoryBroker, RedisBroker, RedisOpening, RedisOptions};
use peal_core::Plans;
use peal_core::limit::AddressLimits;
use peal_edge::{EdgeConfig, EdgeError, EdgeHandle};
use peal_meter::Worker;
use peal_store::{Keyring, Store, StoreError, StoreOptions};
use secrecy::ExposeSecret;
use tokio::sync::watch;

use crate::config::{NO_DATABASE, NO_KEYS};
use crate::failure::{Failure, Kind};
use crate::memory::Memory;
use crate::settings::{AddressArgs, ApiArgs, ApiListenArgs, CommonArgs, DatabaseArgs, EdgeArgs, EdgeListenArgs, MeterArgs, ProxyArgs};
use crate::shutdown::StopSignals;
use crate::{file_limit, listen, logging};

/// How long a node may take from its start until its own probe message came back.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Long enough that a fleet takes on a node's clients without noticing, short enough for a supervisor that kills after 30 seconds.
const DRAIN: Duration = Duration::from_secs(20);
/// A third of what a core could do, so that the rest of it serves those who are connected.
const HANDSHAKES_PER_CORE: u32 = 1_000;
/// How long a Redis may take until it can be used.
const REDIS_WITHIN: Duration = Duration::from_secs(5);

pub(crate) fn edge(args: EdgeArgs) -> Result<(), Failure> {
    start_logging(&args.common)?;
    let connections = file_limit::raise();
    runtime()?.block_on(async {
        let mut signals = StopSignals::listen()?;
        let store = connect(&args.database, required_keyring(&args.database)?).await?;
        match store.schema_version_check().await {
            Err(error @ StoreError::SchemaTooOld { .. }) => return Err(Failure::because("cannot use the database", &error)),
            Err(error) => tracing::warn!(%error, "the schema could not be checked; serving what becomes known"),
            Ok(()) => refuse_a_wrong_keyring(&store).await?,
        }
        for addr in &args.edge.edge_addr {
            listen::probe(*addr, "--edge-addr")?;
        }
        let admin = listen::bind(args.admin.admin_addr, "--admin-addr")?;
        if args.edge.redis_url.is_none() {
            tracing::warn!("no Redis: this node serves alone, and its history ends with it");
        }
        let bus = Bus::open(&args.edge, 0).await?;
        let config = edge_config(&args.edge, connections, DRAIN);
        let handshakes_per_core = NonZeroU32::new(args.edge.handshakes_per_core.unwrap_or(HANDSHAKES_PER_CORE));
        let config = EdgeConfig { usage_spool: Some(args.usage_spool.clone()), handshakes_per_core, ..config };
        let config = who_comes_in(config, &args.proxies, &args.addresses, AddressLimits::DEFAULT);
        let edge = start_edge(config, store.clone(), bus).await?;
        let stop = watch::Sender::new(false);
        let admin = tokio::spawn(serve_admin(admin, peal_edge::admin_router(&edge), stop.subscribe()));
        for addr in edge.local_addrs() {
            tracing::info!(%addr, "the edge listens");
        }
        let signal = signals.next().await;
        tracing::info!(signal, "stopping; once more to not wait for connections");
        let stopped = signals.unless_again(async {
            edge.shutdown().await;
            stop.send_replace(true);
            joined(admin, "operator port").await;
        });
        if stopped.await { Ok(()) } else { Err(Failure::new(Kind::Interrupted, "interrupted")) }
    })
}

pub(crate) fn api(args: ApiArgs) -> Result<(), Failure> {
    start_logging(&args.common)?;
    file_limit::raise();
    runtime()?.block_on(async {
        let mut signals = StopSignals::listen()?;
        let store = connect(&args.database, required_keyring(&args.database)?).await?;
        let listener = listen::bind(args.api.api_addr, "--api-addr")?;
        let addr = listener.local_addr().map_err(|error| Failure::because("cannot listen", &error))?;
        store.migrate().await.map_err(|error| Failure::because("cannot migrate the database", &error))?;
        let public_url = args.api.public_url.clone().unwrap_or_else(|| listen::url_of(addr));
        let edge_url = args.api.edge_url.clone().unwrap_or_else(|| "http://127.0.0.1:7100".to_owned());
        let config = api_config(&args.api, &args.proxies, public_url, edge_url);
        let stop = watch::Sender::new(false);
        let served = tokio::spawn(peal_api::serve(listener, config, store.clone(), stopped(stop.subscribe())));
        tracing::info!(%addr, "the API listens");
        let signal = signals.next().await;
        tracing::info!(signal, "stopping");
        stop.send_replace(true);
        signals
            .unless_again(async {
                joined(served, "API").await;
                store.close().await;
            })
            .await;
        Ok(())
    })
}

pub(crate) fn meter(args: &MeterArgs) -> Result<(), Failure> {
    start_logging(&args.common)?;
    runtime()?.block_on(async {
        let mut signals = StopSignals::listen()?;
        let store = connect(&args.database, given_keyring(&args.database)?.unwrap_or_else(Keyring::ephemeral)).await?;
        match store.schema_version_check().await {
            Err(error @ StoreError::SchemaTooOld { .. }) => return Err(Failure::because("cannot use the database", &error)),
            Err(error) => tracing::warn!(%error, "the schema could not be checked; working as soon as the database answers"),
            Ok(()) => {}
        }
        tracing::info!("the meter works");
        let mut worker = Worker::new(store.clone());
        tokio::select! {
            signal = signals.next() => tracing::info!(signal, "stopping"),
            () = worker.run() => {}
        }
        store.close().await;
        Ok(())
    })
}

/// Under a wrong keyring every key would look revoked, so a node does not begin.
async fn refuse_a_wrong_keyring(store: &Store) -> Result<(), Failure> {
    match store.keyring_check().await {
        Err(error) if !error.is_unavailable() => Err(Failure::because("cannot use the master keys", &error)),
        Err(error) => {
            tracing::warn!(%error, "the master keys could not be checked");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

pub(crate) fn start_logging(common: &CommonArgs) -> Result<(), Failure> {
    logging::init(&common.log, common.log_format).map_err(Failure::usage)
}

/// For everything but the cores, which have runtimes of their own.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("peal-main").enable_all().build();
    built.map_err(|error| Failure::because("cannot start a runtime", &error))
}

pub(crate) fn required_keyring(args: &DatabaseArgs) -> Result<Keyring, Failure> {
    given_keyring(args)?.ok_or_else(|| Failure::usage(NO_KEYS))
}

/// The one that flags, environment or file give.
pub(crate) fn given_keyring(args: &DatabaseArgs) -> Result<Option<Keyring>, Failure> {
    let keyring = match (&args.keyring, &args.keyring_file) {
        (Some(text), _) => Keyring::from_env(text.expose_secret()),
        (None, Some(path)) => Keyring::from_file_or_create(path),
        (None, None) => return Ok(None),
    };
    keyring.map(Some).map_err(|error| Failure::because("cannot use the master keys", &error))
}

pub(crate) async fn connect(args: &DatabaseArgs, keyring: Keyring) -> Result<Store, Failure> {
    let url = args.database_url.as_deref().ok_or_else(|| Failure::usage(NO_DATABASE))?;
    connect_to(url, store_options(args)?, keyring).await
}

pub(crate) fn store_options(args: &DatabaseArgs) -> Result<StoreOptions, Failure> {
    let options = StoreOptions { max_connections: args.database_connections, ..StoreOptions::default() };
    let Some(path) = &args.plans_file else { return Ok(options) };
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::because(&format!("cannot read the plans in {}", path.display()), &error))?;
    let plans = Plans::parse(&text).map_err(|error| Failure::usage(format!("--plans-file {}: {error}", path.display())))?;
    Ok(StoreOptions { plans: Arc::new(plans), ..options })
}

pub(crate) async fn connect_to(url: &str, options: StoreOptions, keyring: Keyring) -> Result<Store, Failure> {
    Store::connect(url, keyring, options).await.map_err(|error| Failure::because("cannot use the database", &error))
}

pub(crate) fn edge_config(args: &EdgeListenArgs, connections: usize, drain: Duration) -> EdgeConfig {
    let defaults = EdgeConfig::default();
    EdgeConfig {
        addrs: args.edge_addr.clone(),
        cores: args.cores.unwrap_or(defaults.cores).min(NonZeroUsize::new(64).unwrap_or(NonZeroUsize::MIN)),
        connections_max: args.connections_max.map_or(connections, NonZeroUsize::get),
        handshakes_per_core: args.handshakes_per_core.and_then(NonZeroU32::new),
        drain: args.drain_ms.map_or(drain, Duration::from_millis),
        ..defaults
    }
}

/// With the limits of client addresses.
pub(crate) fn who_comes_in(config: EdgeConfig, proxies: &ProxyArgs, addresses: &AddressArgs, limits: AddressLimits) -> EdgeConfig {
    EdgeConfig {
        trusted_proxies: proxies.trusted_proxies.clone().unwrap_or_default(),
        proxy_protocol: addresses.proxy_protocol,
        address_limits: addresses.limits(limits),
        address_exempt: addresses.address_exempt.clone(),
        ..config
    }
}

pub(crate) fn api_config(args: &ApiListenArgs, proxies: &ProxyArgs, public_url: String, edge_url: String) -> ApiConfig {
    ApiConfig {
        dashboard_dir: args.dashboard_dir.clone(),
        signups: args.signups,
        trusted_proxies: proxies.trusted_proxies.clone().unwrap_or_default(),
        ..ApiConfig::new(public_url, edge_url)
    }
}

/// What carries messages between nodes.
pub(crate) enum Bus {
    /// Nothing: one node, with the broker of this process.
    Memory {
        era_seed: u64,
    },
    Redis(Box<RedisOpening>),
}

impl Bus {
    /// Redis, if one is named. One that is still starting is waited for.
    pub(crate) async fn open(args: &EdgeListenArgs, era_seed: u64) -> Result<Self, Failure> {
        let Some(url) = args.redis_url.as_deref() else { return Ok(Self::Memory { era_seed }) };
        let authorities = match &args.redis_ca {
            Some(file) => Some(std::fs::read(file).map_err(|error| Failure::because(&format!("cannot read {}", file.display()), &error))?),
            None => None,
        };
        let options = RedisOptions::trusting(url, authorities).map_err(|why| Failure::usage(format!("--redis-url: {why}")))?;
        let deadline = Instant::now() + REDIS_WITHIN;
        loop {
            match RedisBroker::open(options.clone()).await {
                Ok(opening) => return Ok(Self::Redis(Box::new(opening))),
                Err(error) if Instant::now() >= deadline => return Err(Failure::because("cannot use Redis", &error)),
                Err(error) => tracing::debug!(%error, "waiting for Redis"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Starts a node and waits until its probe message came back.
pub(crate) async fn start_edge(config: EdgeConfig, store: Store, bus: Bus) -> Result<EdgeHandle, Failure> {
    let started = match bus {
        Bus::Memory { era_seed } => {
            peal_edge::start(config, store, |inbox, clock| MemoryBroker::new(inbox, Arc::new(move || clock.now()), era_seed)).await
        }
        Bus::Redis(opening) => {
            let config = EdgeConfig { node: opening.node(), ..config };
            peal_edge::start(config, store, |inbox, _| opening.broker(inbox)).await
        }
    };
    let edge = started.map_err(|error| match error {
        EdgeError::Bind { addr, source } => listen::refusal(addr, "--edge-addr", &source),
        other => Failure::because("cannot start the edge", &other),
    })?;
    let memory = Memory::new().and_then(|memory| edge.add_metrics(vec![Box::new(memory)]));
    memory.map_err(|error| Failure::because("cannot measure memory", &error))?;
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let unready = edge.unready();
        if unready.is_empty() {
            return Ok(edge);
        }
        if Instant::now() >= deadline {
            return Err(Failure::failed(format!("the edge is not ready after {} s: {}", READY_WITHIN.as_secs(), unready.join("; "))));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn serve_admin(
    listener: tokio::net::TcpListener,
    router: axum::Router,
    stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stopped(stop)).await
}

/// Resolves when the stop is announced, or when nobody can announce it any more.
pub(crate) async fn stopped(mut stop: watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}

pub(crate) async fn joined(task: tokio::task::JoinHandle<std::io::Result<()>>, what: &str) {
    match task.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, what, "ended with an error"),
        Err(error) => tracing::error!(%error, what, "ended by a panic"),
    }
}
