//! `peal dev`: everything on this machine, started in order and stopped in the opposite order.
//!
//! Invariants: what cannot work is refused before anything is started; the ready file appears only when everything serves; and
//! whatever way this function is left, by a signal, an error or a panic, the private Postgres goes with it, because the value that owns
//! it is dropped last.

mod banner;
mod credentials;
mod data;
mod database;
mod ready;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use peal_api::ApiConfig;
use peal_core::AppId;
use peal_core::limit::AddressLimits;
use peal_edge::{EdgeConfig, EdgeHandle};
use peal_meter::Worker;
use peal_store::{SeedApp, Store};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::failure::{Failure, Kind};
use crate::node::Bus;
use crate::settings::DevArgs;
use crate::shutdown::StopSignals;
use crate::{file_limit, listen, node};
use credentials::{Account, Credentials};
use data::DataDir;
use database::Database;
use ready::Ready;

/// How long requests in progress may take once the stop is announced.
const STOP_WITHIN: Duration = Duration::from_secs(5);

pub(crate) fn run(args: DevArgs) -> Result<(), Failure> {
    let began = Instant::now();
    refuse_what_is_missing(&args)?;
    node::start_logging(&args.common)?;
    let connections = file_limit::raise();
    let data = DataDir::open(&args.dev)?;
    let runtime = node::runtime()?;
    let outcome = runtime.block_on(serve(&args, &data, connections, began));
    // A request that never ends must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(200));
    data.close();
    outcome
}

fn refuse_what_is_missing(args: &DevArgs) -> Result<(), Failure> {
    if !args.dev.seed_webhook.is_empty() {
        return Err(Failure::usage("--seed-webhook: webhooks arrive in a later release"));
    }
    Ok(())
}

async fn serve(args: &DevArgs, data: &DataDir, connections: usize, began: Instant) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    let ports = Ports::bind(args)?;
    ready::remove_stale(args.dev.ready_file.as_deref(), data)?;
    let mut database = Database::start(&args.database, data).await?;
    let outcome = tokio::select! {
        outcome = serve_with(args, data, connections, began, ports, &database) => match outcome {
            Ok(running) => run_until_stopped(running, &mut signals, &mut database).await,
            Err(failure) => Err(failure),
        },
        signal = signals.next() => {
            tracing::info!(signal, "stopped while starting");
            Err(Failure::new(Kind::Interrupted, "interrupted"))
        }
    };
    ready::remove_own(data);
    database.stop().await;
    outcome
}

/// What was started on a database, in the order in which it is stopped.
struct Running {
    edge: EdgeHandle,
    api: JoinHandle<std::io::Result<()>>,
    admin: JoinHandle<std::io::Result<()>>,
    meter: JoinHandle<()>,
    stop: watch::Sender<bool>,
    store: Store,
}

async fn serve_with(
    args: &DevArgs,
    data: &DataDir,
    connections: usize,
    began: Instant,
    ports: Ports,
    database: &Database,
) -> Result<Running, Failure> {
    let given = &args.database.database;
    let store = node::connect_to(database.url(), node::store_options(given)?, data.keyring(given)?).await?;
    store.migrate().await.map_err(|error| Failure::because("cannot migrate the database", &error))?;
    let credentials = seed(args, data, &store).await?;
    // Nobody is waiting on a laptop's connections to be spread, and Ctrl-C should be quick.
    let edge_config = node::edge_config(&args.edge, connections, Duration::ZERO);
    let edge_config = EdgeConfig { usage_spool: Some(data.usage_spool()), ..edge_config };
    // Whoever develops, tests or measures comes from one address.
    let edge_config = node::who_comes_in(edge_config, &args.proxies, &args.addresses, AddressLimits::NONE);
    let bus = Bus::open(&args.edge, data.era_seed()?).await?;
    let edge = node::start_edge(edge_config, store.clone(), bus).await?;
    let ready = ready_of(&ports, args, &edge, database, credentials);
    let stop = watch::Sender::new(false);
    let config = ApiConfig { dev: true, ..node::api_config(&args.api, &args.proxies, ready.dashboard_url.clone(), ready.edge_url.clone()) };
    let api = tokio::spawn(peal_api::serve(ports.api, config, store.clone(), node::stopped(stop.subscribe())));
    let admin = tokio::spawn(node::serve_admin(ports.admin, peal_edge::admin_router(&edge), stop.subscribe()));
    let mut worker = Worker::new(store.clone());
    let meter = tokio::spawn(async move { worker.run().await });
    ready.write(args.dev.ready_file.as_deref(), data)?;
    banner::print(&ready, began.elapsed(), database)?;
    tracing::info!(edge = ready.edge_url, dashboard = ready.api_url, took_ms = began.elapsed().as_millis(), "ready");
    Ok(Running { edge, api, admin, meter, stop, store })
}

async fn run_until_stopped(running: Running, signals: &mut StopSignals, database: &mut Database) -> Result<(), Failure> {
    let outcome = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping; once more to not wait for connections");
            Ok(())
        }
        failure = database.ended() => Err(failure),
    };
    let stopped = signals.unless_again(async {
        running.edge.shutdown().await;
        // Whatever it was at is done again, or not needed.
        running.meter.abort();
        running.stop.send_replace(true);
        let servers = async {
            node::joined(running.api, "API").await;
            node::joined(running.admin, "operator port").await;
            running.store.close().await;
        };
        if tokio::time::timeout(STOP_WITHIN, servers).await.is_err() {
            tracing::warn!("requests in progress were cut off");
        }
    });
    if stopped.await { outcome } else { Err(Failure::new(Kind::Interrupted, "interrupted")) }
}

/// The addresses that can be taken before the database is up, so that a second copy is told at once.
#[derive(Debug)]
struct Ports {
    api: TcpListener,
    admin: TcpListener,
    api_addr: SocketAddr,
    admin_addr: SocketAddr,
}

impl Ports {
    fn bind(args: &DevArgs) -> Result<Self, Failure> {
        for addr in &args.edge.edge_addr {
            listen::probe(*addr, "--edge-addr")?;
        }
        let api = listen::bind(args.api.api_addr, "--api-addr")?;
        let admin = listen::bind(args.admin.admin_addr, "--admin-addr")?;
        let local = |listener: &TcpListener| listener.local_addr().map_err(|error| Failure::because("cannot listen", &error));
        Ok(Self { api_addr: local(&api)?, admin_addr: local(&admin)?, api, admin })
    }
}

/// Makes the apps and the account; the first app is the one that banner and ready file name.
async fn seed(args: &DevArgs, data: &DataDir, store: &Store) -> Result<Credentials, Failure> {
    let mut kept = Credentials::load_or_create(data)?;
    let given = &args.dev.seed_app;
    let seeds = if given.is_empty() { std::slice::from_ref(&kept.app) } else { given.as_slice() };
    for seed in seeds {
        let name = if given.is_empty() { "My first app".to_owned() } else { format!("Seeded app {}", seed.app_id) };
        let app = SeedApp { app_id: seed.app_id, key_id: seed.key_id.clone(), secret: seed.secret.clone(), name };
        store.app_seed(&app).await.map_err(|error| Failure::because(&format!("cannot make the app {}", seed.app_id), &error))?;
    }
    let first = given.first().unwrap_or(&kept.app).clone();
    if let Some(hash) = account_set_up(store, &kept.account, first.app_id).await? {
        kept.account.password_hash = Some(hash.into());
        kept.save(data)?;
    }
    Ok(Credentials { app: first, account: kept.account })
}

/// The password's hash, if it had to be made: it takes longer than all the rest of a warm start. It is also made when the
/// password was changed in the dashboard, because the one in the ready file must work.
async fn account_set_up(store: &Store, account: &Account, app: AppId) -> Result<Option<String>, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::because("cannot make the development account", error);
    let found = store.credentials_find(&account.email).await.map_err(|error| failed(&error))?;
    let kept = account.password_hash.as_ref().map(|hash| hash.expose_secret());
    if found.is_some_and(|found| Some(found.password_hash.as_str()) == kept) {
        return Ok(None);
    }
    let password = account.password.clone();
    let hashing = move || peal_api::password_hash(&peal_api::PasswordCost::default(), password.expose_secret());
    let hash = tokio::task::spawn_blocking(hashing).await.map_err(|error| failed(&error))?;
    let hash = hash.map_err(|_| Failure::failed("cannot hash the development password"))?;
    store.dev_account(&account.email, &hash, app).await.map_err(|error| failed(&error))?;
    Ok(Some(hash))
}

fn ready_of(ports: &Ports, args: &DevArgs, edge: &EdgeHandle, database: &Database, credentials: Credentials) -> Ready {
    let edge_addr = edge.local_addrs().first().or(args.edge.edge_addr.first()).copied();
    Ready {
        pid: std::process::id(),
        edge_url: args.api.edge_url.clone().or(edge_addr.map(listen::url_of)).unwrap_or_default(),
        api_url: listen::url_of(ports.api_addr),
        admin_url: listen::url_of(ports.admin_addr),
        database_url: database.url().to_owned(),
        dashboard_url: args.api.public_url.clone().unwrap_or_else(|| listen::url_of(ports.api_addr)),
        credentials,
    }
}
