//! One thread per process makes and drops databases, because the tests' own runtimes end with each test while the connection that
//! holds the owner's lock must live as long as the process.
//!
//! Races between processes are settled by Postgres: an exclusive advisory lock around the making of the template, and one
//! advisory lock per owner, held while it lives, which tells leftovers from databases in use.

use std::sync::{LazyLock, OnceLock, mpsc};

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::sync::oneshot;

use super::name::{self, OWNER_LOCK_CLASS, Owner};
use super::{Cluster, URL_VARIABLE};
use crate::workspace;

/// Of the advisory lock around making the template and sweeping.
const SETUP_LOCK: i64 = 0x7065_616c_7365_7475;

pub(super) enum Job {
    /// Answers the new database's name.
    Create(oneshot::Sender<Result<String, String>>),
    Drop(String, mpsc::Sender<()>),
}

/// Unbounded, but each test waits for its own job, so it holds at most one per test thread.
static JOBS: LazyLock<mpsc::Sender<Job>> = LazyLock::new(|| {
    let (sender, jobs) = mpsc::channel();
    std::thread::Builder::new().name("test databases".into()).spawn(move || run(&jobs)).expect("a thread starts");
    sender
});

static SERVER: OnceLock<PgConnectOptions> = OnceLock::new();

pub(super) fn send(job: Job) {
    JOBS.send(job).ok();
}

/// The URL of a database that was created here.
pub(super) fn url_of(database: &str) -> String {
    let server = SERVER.get().expect("a database was created, so there is a server");
    let mut url = server.clone().database(database).to_url_lossy();
    // The lossy URL spells a socket as an encoded host, which fewer programs read than the query parameter.
    if let Some(socket) = server.get_socket() {
        url.set_host(Some("localhost")).expect("localhost is a host");
        url.set_query(Some(&format!("host={}", socket.display())));
    }
    url.into()
}

fn run(jobs: &mpsc::Receiver<Job>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let mut admin = None;
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Create(done) => {
                let created = runtime.block_on(async {
                    if admin.is_none() {
                        admin = Some(Admin::start().await?);
                    }
                    admin.as_mut().expect("just made").create().await
                });
                done.send(created).ok();
            }
            Job::Drop(name, done) => {
                if let Some(admin) = &mut admin {
                    runtime.block_on(admin.drop(&name));
                }
                done.send(()).ok();
            }
        }
    }
}

struct Admin {
    connection: PgConnection,
    template: String,
    owner: Owner,
    count: u64,
    _cluster: Option<Cluster>,
}

impl Admin {
    async fn start() -> Result<Self, String> {
        let (cluster, url) = match std::env::var(URL_VARIABLE) {
            Ok(url) => (None, url),
            Err(_) => {
                let cluster = Cluster::start()?;
                let url = cluster.url();
                (Some(cluster), url)
            }
        };
        let server: PgConnectOptions = url.parse().map_err(|why| format!("{URL_VARIABLE}: {why}"))?;
        let mut connection = server.connect().await.map_err(|why| format!("cannot connect to {}: {why}", server.get_host()))?;
        SERVER.set(server.clone()).ok();
        let owner = Owner::fresh();
        let template = set_up(&mut connection, &server, owner).await.map_err(|why| format!("cannot prepare the template: {why}"))?;
        Ok(Self { connection, template, owner, count: 0, _cluster: cluster })
    }

    async fn create(&mut self) -> Result<String, String> {
        self.count += 1;
        let name = self.owner.database(self.count);
        let statement = format!("create database {name} template {}", self.template);
        execute(&mut self.connection, statement).await.map_err(|why| format!("create database: {why}"))?;
        Ok(name)
    }

    async fn drop(&mut self, name: &str) {
        execute(&mut self.connection, format!("drop database if exists {name} with (force)")).await.ok();
    }
}

/// Takes the owner's lock, drops what dead owners left, and makes the template if these migrations have none yet.
async fn set_up(connection: &mut PgConnection, server: &PgConnectOptions, owner: Owner) -> Result<String, sqlx::Error> {
    sqlx::query("select pg_advisory_lock($1, $2)").bind(OWNER_LOCK_CLASS).bind(owner.lock_key()).execute(&mut *connection).await?;
    let migrator = Migrator::new(workspace::root().join("migrations")).await?;
    let template = name::template(&migrator);
    sqlx::query("select pg_advisory_lock($1)").bind(SETUP_LOCK).execute(&mut *connection).await?;
    let made = async {
        sweep(connection).await?;
        template_create(connection, server, &migrator, &template).await
    }
    .await;
    sqlx::query("select pg_advisory_unlock($1)").bind(SETUP_LOCK).execute(&mut *connection).await?;
    made.map(|()| template)
}

pub(super) async fn sweep_alone(url: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query("select pg_advisory_lock($1)").bind(SETUP_LOCK).execute(&mut connection).await?;
    sweep(&mut connection).await?;
    connection.close().await
}

async fn sweep(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let names: Vec<String> =
        sqlx::query_scalar("select datname from pg_database where datname like 'peal\\_test\\_%'").fetch_all(&mut *connection).await?;
    for name in names {
        let Some(owner) = Owner::of_database(&name) else { continue };
        let dead: bool = sqlx::query_scalar("select pg_try_advisory_lock($1, $2)")
            .bind(OWNER_LOCK_CLASS)
            .bind(owner.lock_key())
            .fetch_one(&mut *connection)
            .await?;
        if dead {
            execute(connection, format!("drop database if exists {name} with (force)")).await?;
            sqlx::query("select pg_advisory_unlock($1, $2)")
                .bind(OWNER_LOCK_CLASS)
                .bind(owner.lock_key())
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// Migrated under another name and renamed when it is whole, so that a killed process leaves no half template.
async fn template_create(
    connection: &mut PgConnection,
    server: &PgConnectOptions,
    migrator: &Migrator,
    template: &str,
) -> Result<(), sqlx::Error> {
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)").bind(template).fetch_one(&mut *connection).await?;
    if exists {
        return Ok(());
    }
    let draft = format!("{template}_draft");
    execute(connection, format!("drop database if exists {draft} with (force)")).await?;
    execute(connection, format!("create database {draft} template template0")).await?;
    let mut inside = server.clone().database(&draft).connect().await?;
    let migrated = migrator.run(&mut inside).await;
    inside.close().await?;
    migrated?;
    execute(connection, format!("alter database {draft} rename to {template}")).await
}

/// Database names cannot be bound; all of them are made in this module from hexadecimal digits.
async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}
