//! On a real socket: it answers, it stops when told, and it says when the database is away.

use std::time::Duration;

use http::StatusCode;
use peal_store::{Keyring, Store, StoreOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::common::{Bench, Browser, config, problem};

#[tokio::test]
async fn it_serves_over_tcp_and_stops_when_told() {
    let bench = Bench::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(peal_api::serve(listener, config(), bench.store.clone(), async move {
        stopped.await.ok();
    }));
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /healthz HTTP/1.1\r\nhost: peal\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 4096];
    let read = client.read(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 200"));

    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(8), server).await.expect("idle connections do not hold it").unwrap().unwrap();
    assert_eq!(idle.read(&mut answer).await.unwrap_or(0), 0, "they are closed");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn without_postgres_it_is_alive_not_ready_and_says_when_to_come_back() {
    let options = StoreOptions { acquire_timeout: Duration::from_millis(200), ..StoreOptions::default() };
    let store = Store::connect("postgres://nobody@127.0.0.1:9/none", Keyring::ephemeral(), options).await.unwrap();
    let mut browser = Browser::of(peal_api::router(config(), store));
    assert_eq!(browser.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(browser.get("/readyz").await.problem(), problem(503, "unavailable"));
    let sign_in = browser.post("/api/v1/auth/sign-in", serde_json::json!({ "email": "ada@example.com", "password": "x" })).await;
    assert_eq!(sign_in.problem(), problem(503, "unavailable"));
    assert_eq!(sign_in.header("retry-after"), "1");
    assert!(!sign_in.text.contains("127.0.0.1:9"), "nothing internal is told");
}
