//! Each test has a database of its own, migrated and empty, and leaves none behind.

use peal_testkit::postgres::TestDb;
use sqlx::{ConnectOptions, Connection, PgConnection};

async fn connect(db: &TestDb) -> PgConnection {
    db.options().connect().await.expect("a test database takes connections")
}

async fn exists(asker: &mut PgConnection, name: &str) -> bool {
    sqlx::query_scalar("select exists (select from pg_database where datname = $1)").bind(name).fetch_one(asker).await.expect("a query")
}

#[tokio::test]
async fn two_databases_of_one_process_do_not_see_each_other() {
    let (first, second) = tokio::join!(TestDb::create(), TestDb::create());
    assert_ne!(first.url(), second.url());
    let (mut in_first, mut in_second) = (connect(&first).await, connect(&second).await);
    sqlx::query("create table mine (id int)").execute(&mut in_first).await.expect("a table");
    let seen: Option<String> = sqlx::query_scalar("select to_regclass('mine')::text").fetch_one(&mut in_second).await.expect("a query");
    assert_eq!(seen, None);
    let apps: i64 = sqlx::query_scalar("select count(*) from app").fetch_one(&mut in_second).await.expect("the schema is there");
    assert_eq!(apps, 0);
}

#[tokio::test]
async fn a_dropped_database_is_gone_even_with_connections_open() {
    let (kept, dropped) = (TestDb::create().await, TestDb::create().await);
    let mut asker = connect(&kept).await;
    let mut inside = connect(&dropped).await;
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(&mut inside).await.expect("a query");
    assert!(exists(&mut asker, &name).await);
    drop(dropped);
    assert!(!exists(&mut asker, &name).await);
    inside.close().await.ok();
}

/// The next process to come drops what a killed one left; here it is this test that plays both.
#[tokio::test]
async fn what_a_killed_process_left_is_dropped_and_what_is_in_use_is_not() {
    let db = TestDb::create().await;
    let mut asker = connect(&db).await;
    let url = db.options().database("postgres").to_url_lossy().to_string();
    let leftover = "peal_test_00000001_1";
    sqlx::raw_sql("create database peal_test_00000001_1").execute(&mut asker).await.expect("a database");
    let in_use: String = sqlx::query_scalar("select current_database()").fetch_one(&mut asker).await.expect("a query");
    peal_testkit::postgres::sweep(&url).await.expect("a sweep");
    assert!(!exists(&mut asker, leftover).await);
    assert!(exists(&mut asker, &in_use).await);
}
