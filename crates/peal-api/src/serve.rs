//! The listener: HTTP/1.1, a bounded number of connections, a time limit on request heads, and a drain at the end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use peal_store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use crate::config::ApiConfig;
use crate::housekeeping;
use crate::router::router;

/// Open connections. When they are used up, accepting waits, and the kernel's backlog with it.
const CONNECTIONS_MAX: usize = 4_096;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long requests in progress may take once the server stops.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// After a failed accept (out of file descriptors), so that the loop does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves until `shutdown` resolves, then finishes what is in progress.
///
/// # Errors
/// None at present; a failed accept is retried.
pub async fn serve(listener: TcpListener, config: ApiConfig, store: Store, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let router = router(config, store.clone());
    let housekeeping = AbortOnDrop(tokio::spawn(housekeeping::run(store)));
    let drain = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::pin!(shutdown);
    loop {
        // Accepting is cancellation-safe, and a permit that is not used goes back.
        let (stream, address, place) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &room) => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                }
            },
        };
        connection_spawn(stream, address, place, router.clone(), &drain);
    }
    drop(listener);
    drop(housekeeping);
    if tokio::time::timeout(DRAIN_MAX, drain.shutdown()).await.is_err() {
        tracing::warn!("requests were still in progress when the time to stop was over");
    }
    Ok(())
}

/// A task that does not outlive the server, also when the server's future is dropped.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = room.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, place))
}

fn connection_spawn(stream: TcpStream, address: SocketAddr, place: OwnedSemaphorePermit, router: Router, drain: &GracefulShutdown) {
    let service = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        request.map(axum::body::Body::new)
    });
    // Small answers should not wait for a full segment; a socket that cannot be told works all the same.
    stream.set_nodelay(true).ok();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let connection = drain.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended badly");
        }
        drop(place);
    });
}
