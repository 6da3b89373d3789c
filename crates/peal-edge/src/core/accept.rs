//! Accepting sockets and keeping the cores evenly loaded.

use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use peal_core::Refusal;
use tokio::net::{TcpListener, TcpStream};

use super::websocket::Upgraded;
use super::{Core, http, proxy, websocket};
use crate::admission::{Visitor, Waiting};

/// Pause after the kernel could not give us a socket (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a client is told that finds the node full.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What a client is told whose address has far too many sockets here.
fn too_many(refusal: &Refusal) -> Vec<u8> {
    let body = serde_json::to_string(&refusal.problem("", "")).unwrap_or_default();
    let head = "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/problem+json\r\nconnection: close";
    let retry_s = refusal.retry_after_ms.unwrap_or(0).div_ceil(1_000);
    format!("{head}\r\nretry-after: {retry_s}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Accepts on one listener, also when a drain has begun: balancers must be able to ask for the readiness, and whoever was sent here before
/// they noticed is answered. Ends when they have had their time; what the kernel has accepted by then is taken along.
pub(crate) async fn run(core: Rc<Core>, listener: TcpListener) {
    let mut deaf = pin!(core.deaf.notified());
    loop {
        // Both branches are cancellation-safe.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut deaf => {
                while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
                    place(&core, stream, peer);
                }
                return;
            }
        };
        match accepted {
            Ok((stream, peer)) => place(&core, stream, peer),
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Keeps the socket, or hands it to the least loaded core when this one has more than 1.25 times the mean.
fn place(core: &Rc<Core>, stream: TcpStream, peer: SocketAddr) {
    let loads: Vec<usize> = core.node.connections.iter().map(|load| load.load(Ordering::Relaxed)).collect();
    let mine = loads[core.index] + 1;
    let mean = (loads.iter().sum::<usize>() + 1) as f64 / loads.len() as f64;
    let least = (0..loads.len()).min_by_key(|index| loads[*index]).unwrap_or(core.index);
    if mine as f64 <= mean * 1.25 || loads[least] + 1 >= mine {
        serve(core, stream, peer);
        return;
    }
    match stream.into_std() {
        Ok(socket) => {
            if let Some(back) = core.node.cores[least].offer_socket(socket, peer) {
                adopt(core, back, peer);
            }
        }
        Err(error) => tracing::warn!(%error, "a socket could not be handed over"),
    }
}

/// Takes over a socket that is not yet registered with this core's runtime.
pub(crate) fn adopt(core: &Rc<Core>, socket: std::net::TcpStream, peer: SocketAddr) {
    match TcpStream::from_std(socket) {
        Ok(stream) => serve(core, stream, peer),
        Err(error) => tracing::warn!(%error, "a socket could not be registered"),
    }
}

fn serve(core: &Rc<Core>, stream: TcpStream, peer: SocketAddr) {
    let total: usize = core.node.connections.iter().map(|load| load.load(Ordering::Relaxed)).sum();
    if total >= core.node.config.connections_max {
        core.node.stats.connections_dropped.inc();
        // A fresh socket has room for this, so it is sent or the client is gone.
        let _ = stream.try_write(FULL);
        return;
    }
    // Of a proxy that says whose the socket is, that one is judged.
    let introduced = core.node.config.proxy_protocol && core.node.admission.trusts(peer.ip());
    let waiting = if introduced { Some(None) } else { door(core, &stream, peer) };
    let Some(waiting) = waiting else { return };
    let counted = core.count_connection();
    let core = Rc::clone(core);
    tokio::task::spawn_local(async move {
        let _counted = counted;
        // Boxed, so that an open connection does not keep the size of the HTTP phase.
        if let Some(upgraded) = Box::pin(begin(Rc::clone(&core), stream, peer, introduced, waiting)).await {
            websocket::run(core, upgraded).await;
        }
    });
}

/// The HTTP phase, after the introduction that a proxy owes.
async fn begin(
    core: Rc<Core>,
    mut stream: TcpStream,
    peer: SocketAddr,
    introduced: bool,
    mut waiting: Option<Box<Waiting>>,
) -> Option<Upgraded> {
    let mut client = peer;
    if introduced {
        client = proxy::introduced(&core, &mut stream, peer).await?;
        waiting = door(&core, &stream, client)?;
    }
    let visitor = Visitor::new(&core.node.admission, client, waiting);
    http::serve(core, stream, visitor).await
}

/// Lets somebody in, or tells that there are far too many of that address.
fn door(core: &Core, stream: &TcpStream, client: SocketAddr) -> Option<Option<Box<Waiting>>> {
    match core.node.admission.at_the_door(core.now(), client.ip()) {
        Ok(waiting) => Some(waiting),
        Err(refusal) => {
            // A fresh socket has room for this, so it is sent or the client is gone.
            let _ = stream.try_write(&too_many(&refusal));
            None
        }
    }
}
