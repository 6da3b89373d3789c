//! With a real server, made and stopped within each test.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use sqlx::{Connection, PgConnection};

use super::*;

fn options(data_dir: &Path) -> EmbeddedOptions {
    EmbeddedOptions { start_timeout: Duration::from_secs(60), ..EmbeddedOptions::new(data_dir) }
}

async fn number(url: &str, sql: &'static str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

/// As `kill -9` does it: the lock is released and the server goes on.
fn abandon(mut postgres: EmbeddedPostgres) {
    postgres.place._lock = File::open("/dev/null").unwrap();
    std::mem::forget(postgres);
}

/// Root's persistent place is outside the data directory, so a test has to remove it.
struct Data(tempfile::TempDir);

impl Drop for Data {
    fn drop(&mut self) {
        if let Ok(place) = Place::choose(&EmbeddedOptions { ephemeral: true, ..options(self.0.path()) }) {
            place.leave();
        }
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let data = Data(tempfile::tempdir().unwrap());
    let first = EmbeddedPostgres::start(&options(data.0.path())).unwrap();
    assert_eq!(first.origin(), Origin::Created);
    number(&first.url(), "with made as (select 1::bigint) select * from made").await;
    let mut connection = PgConnection::connect(&first.url()).await.unwrap();
    sqlx::raw_sql("create table kept (n bigint); insert into kept values (42)").execute(&mut connection).await.unwrap();
    let socket = first.place.socket_file();
    first.stop();
    assert!(!socket.exists(), "a stopped server leaves no socket");

    let again = EmbeddedPostgres::start(&options(data.0.path())).unwrap();
    assert_eq!(again.origin(), Origin::Started);
    assert_eq!(number(&again.url(), "select n from kept").await, 42);
}

#[tokio::test]
async fn a_server_whose_owner_was_killed_is_adopted_and_then_stopped() {
    let data = Data(tempfile::tempdir().unwrap());
    let first = EmbeddedPostgres::start(&options(data.0.path())).unwrap();
    let pid = first.pid();
    assert!(matches!(EmbeddedPostgres::start(&options(data.0.path())), Err(EmbeddedError::InUse { .. })));
    abandon(first);

    let mut adopted = EmbeddedPostgres::start(&options(data.0.path())).unwrap();
    assert_eq!((adopted.origin(), adopted.pid()), (Origin::Adopted, pid));
    assert_eq!(number(&adopted.url(), "select 1::bigint").await, 1);
    adopted.server.stop(server::Stop::Fast);
    assert!(!adopted.place.socket_file().exists());
}

#[tokio::test]
async fn a_left_server_without_its_socket_is_replaced() {
    let data = Data(tempfile::tempdir().unwrap());
    let first = EmbeddedPostgres::start(&options(data.0.path())).unwrap();
    let (pid, socket) = (first.pid(), first.place.socket_file());
    abandon(first);
    fs::remove_file(socket).unwrap();

    let again = EmbeddedPostgres::start(&options(data.0.path())).unwrap();
    assert_eq!(again.origin(), Origin::Started);
    assert_ne!(again.pid(), pid);
    assert_eq!(number(&again.url(), "select 1::bigint").await, 1);
}

#[test]
fn a_pid_file_of_another_process_is_stale() {
    let data = Data(tempfile::tempdir().unwrap());
    let first = EmbeddedPostgres::start(&options(data.0.path())).unwrap();
    let pid_file = first.place.cluster_dir().join("postmaster.pid");
    let socket_lock = first.place.socket_dir().join(".s.PGSQL.5432.lock");
    first.stop();
    let of_another = format!("{}\n/elsewhere\n", std::process::id());
    fs::write(&pid_file, &of_another).unwrap();
    fs::write(&socket_lock, &of_another).unwrap();
    assert_eq!(EmbeddedPostgres::start(&options(data.0.path())).unwrap().origin(), Origin::Started);
}

#[test]
fn an_ephemeral_one_leaves_nothing() {
    let data = EphemeralDir::create().unwrap();
    let postgres = EmbeddedPostgres::start(&EmbeddedOptions { ephemeral: true, ..options(data.path()) }).unwrap();
    let (root, path) = (postgres.place.root().to_owned(), data.path().to_owned());
    postgres.stop();
    drop(data);
    assert!(!root.exists() && !path.exists());
}

#[test]
fn a_killed_ephemeral_one_is_cleared_up_by_the_next() {
    let data = EphemeralDir::create().unwrap();
    let postgres = EmbeddedPostgres::start(&EmbeddedOptions { ephemeral: true, ..options(data.path()) }).unwrap();
    let (root, path, pid) = (postgres.place.root().to_owned(), data.path().to_owned(), postgres.pid());
    abandon(postgres);
    data.abandon();
    let next = EphemeralDir::create().unwrap();
    // Another process that starts at this moment may have begun to clear it up before us; then it is gone shortly.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while (root.exists() || path.exists()) && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(!root.exists() && !path.exists());
    assert!(next.path().exists());
    assert!(!Path::new(&format!("/proc/{pid}/cwd")).exists(), "the server of the killed owner still runs");
}

#[test]
fn a_data_directory_made_anew_gets_a_new_cluster() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    fs::create_dir(&path).unwrap();
    let first = EmbeddedPostgres::start(&options(&path)).unwrap();
    let pid = first.pid();
    abandon(first);
    fs::remove_dir_all(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let again = EmbeddedPostgres::start(&EmbeddedOptions { ephemeral: true, ..options(&path) }).unwrap();
    assert_eq!(again.origin(), Origin::Created);
    assert_ne!(again.pid(), pid);
}
