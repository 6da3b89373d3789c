//! The HTTP phase of a connection: REST requests, or the upgrade that ends it.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::num::NonZeroU32;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use peal_core::{ErrorCode, Refusal};
use peal_hub::{Open, Protocol};
use peal_wire::ws;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Core;
use super::handshakes::Turn;
use super::websocket::Upgraded;
use crate::admission::Visitor;
use crate::rest;

/// hyper's smallest: a request head must fit.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// When a client comes back for which no turn was left. Clients add a part of their own.
const COME_BACK_MS: u64 = 2_000;

/// How long a kept connection may wait for its next request, at least: longer than what libraries and proxies keep theirs. It is looked at
/// this often, so at most twice as long.
const IDLE: Duration = Duration::from_secs(75);

/// What has been asked on a connection.
#[derive(Default)]
struct Asked {
    count: Cell<u64>,
    /// Of them, those that are answered.
    answered: Cell<u64>,
    /// Those that were answered when it was last looked at.
    seen: Cell<u64>,
}

impl Asked {
    /// Whether nothing was in progress since the last look.
    fn look(&self) -> bool {
        let answered = self.answered.get();
        self.seen.replace(answered) == answered && self.count.get() == answered
    }
}

/// Serves requests until the client goes or upgrades.
pub(crate) async fn serve(core: Rc<Core>, stream: TcpStream, visitor: Visitor) -> Option<Upgraded> {
    let upgrade: RefCell<Option<Open>> = RefCell::new(None);
    let asked = Asked::default();
    let service = service_fn(|request: Request<Incoming>| {
        let (core, upgrade, visitor) = (&core, &upgrade, &visitor);
        asked.count.set(asked.count.get() + 1);
        let asked = &asked;
        Box::pin(async move {
            let response = match websocket_protocol(&request) {
                Some(protocol) => accept_upgrade(core, visitor, &request, protocol, upgrade).await,
                None => {
                    let mut response = rest::handle(&core.node, request, visitor).await;
                    if core.node.is_draining() {
                        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                    }
                    response
                }
            };
            asked.answered.set(asked.answered.get() + 1);
            Ok::<_, Infallible>(response)
        })
    });
    // Its own timeout would arm a timer anew for each request. Answers are small, so one buffer is written sooner than two parts.
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .writev(false)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut closing = pin!(core.closing.notified());
    // Whoever has sent no request by the first look is no client.
    let mut look = pin!(tokio::time::sleep(core.node.config.head_timeout));
    let mut is_closing = false;
    loop {
        // The connection keeps its own state, so polling it anew loses nothing.
        tokio::select! {
            biased;
            served = poll_fn(|cx| connection.poll_without_shutdown(cx)) => match served {
                Ok(()) => break,
                Err(_) => return None,
            },
            () = &mut look => {
                if asked.look() {
                    return None;
                }
                look.as_mut().reset(Instant::now() + IDLE);
            }
            // The request in progress is answered, the next one goes elsewhere.
            () = &mut closing, if !is_closing => {
                std::pin::Pin::new(&mut connection).graceful_shutdown();
                is_closing = true;
            }
        }
    }
    let http1::Parts { io, read_buf, .. } = connection.into_parts();
    let open = upgrade.take()?;
    let waiting = visitor.into_waiting();
    Some(Upgraded { stream: io.into_inner(), leftover: Bytes::copy_from_slice(&read_buf), open, waiting })
}

/// What a request to a WebSocket path wants to speak; `None` for every other request. The Pusher path may stand behind any prefix.
fn websocket_protocol(request: &Request<Incoming>) -> Option<Protocol> {
    if request.method() == Method::OPTIONS {
        return None;
    }
    let path = request.uri().path();
    if path == "/v1/connect" {
        return Some(Protocol::Native);
    }
    let (front, key) = path.trim_end_matches('/').rsplit_once('/')?;
    let is_app = front == "/app" || front.ends_with("/app");
    is_app.then(|| Protocol::Pusher { key: rest::decode(key).into_owned(), version: rest::query_parameter(request.uri(), "protocol") })
}

async fn accept_upgrade(
    core: &Core,
    visitor: &Visitor,
    request: &Request<Incoming>,
    protocol: Protocol,
    upgrade: &RefCell<Option<Open>>,
) -> Response<Body> {
    let accept = match handshake(request) {
        Ok(key) => ws::accept_key(key),
        Err(refusal) => return rest::refused(&core.node, &refusal),
    };
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned);
    let refusal = match visitor.open(core.now(), request.headers()) {
        Ok(()) => admit(core).await,
        Err(refusal) => Some(refusal),
    };
    *upgrade.borrow_mut() = Some(Open { protocol, origin, refusal });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(&accept).expect("base64 is a valid header value"));
    response
}

/// Waits for the connection's turn. Why it is to be refused after its upgrade, if so.
async fn admit(core: &Core) -> Option<Refusal> {
    if let Some(refusal) = core.node.admit_connection() {
        return Some(refusal);
    }
    match core.handshakes.take(core.node.clock.elapsed()) {
        Turn::Now => None,
        Turn::In(wait) => {
            core.node.stats.handshakes_delayed.inc();
            tokio::time::sleep(wait).await;
            // Much may have happened meanwhile.
            core.node.admit_connection()
        }
        Turn::TooLate => {
            core.node.stats.handshakes_refused.inc();
            let limit = core.node.config.handshakes_per_core.map_or(0, NonZeroU32::get);
            let detail = format!("Too many clients connect at this moment; this core takes {limit} in a second.");
            Some(Refusal::new(ErrorCode::Overloaded, detail).retry_after(COME_BACK_MS))
        }
    }
}

/// Checks an opening handshake (RFC 6455, 4.2.1) and answers its `Sec-WebSocket-Key`.
fn handshake(request: &Request<Incoming>) -> Result<&[u8], Refusal> {
    let headers = request.headers();
    let names = |name: header::HeaderName, token: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|found| found.trim().eq_ignore_ascii_case(token))
    };
    if !names(header::UPGRADE, "websocket") || !names(header::CONNECTION, "upgrade") {
        return Err(Refusal::of(ErrorCode::UpgradeRequired));
    }
    if request.method() != Method::GET || request.version() != Version::HTTP_11 {
        return Err(Refusal::new(ErrorCode::UpgradeRequired, "A WebSocket begins with GET over HTTP/1.1."));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Refusal::new(ErrorCode::UpgradeRequired, "Sec-WebSocket-Version is missing or not 13."));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    key.filter(|key| STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16))
        .ok_or_else(|| Refusal::new(ErrorCode::UpgradeRequired, "Sec-WebSocket-Key is missing or not 16 bytes in base64."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_idle_from_one_look_to_the_next() {
        let asked = Asked::default();
        assert!(asked.look(), "nobody has asked anything");
        asked.count.set(1);
        assert!(!asked.look() && !asked.look(), "in progress, however long");
        asked.answered.set(1);
        assert!(!asked.look(), "answered since the last look");
        assert!(asked.look());
    }
}
