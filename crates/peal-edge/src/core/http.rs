//! The HTTP phase of a connection: REST requests, or the upgrade that ends it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use peal_core::{ErrorCode, Refusal};
use peal_hub::{Open, Protocol};
use peal_wire::ws;
use tokio::net::TcpStream;

use super::Core;
use super::websocket::Upgraded;
use crate::rest;

/// hyper's smallest: a request head must fit.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Serves requests until the client goes or upgrades.
pub(crate) async fn serve(core: Rc<Core>, stream: TcpStream, peer: SocketAddr) -> Option<Upgraded> {
    let upgrade: RefCell<Option<Open>> = RefCell::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let (core, upgrade) = (&core, &upgrade);
        async move {
            let response = match websocket_protocol(&request) {
                Some(protocol) => accept_upgrade(core, &request, protocol, upgrade),
                None => rest::handle(&core.node, request, peer).await,
            };
            Ok::<_, Infallible>(response)
        }
    });
    let parts = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(core.node.config.head_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .without_shutdown()
        .await
        .ok()?;
    let http1::Parts { io, read_buf, .. } = parts;
    let open = upgrade.take()?;
    Some(Upgraded { stream: io.into_inner(), leftover: Bytes::copy_from_slice(&read_buf), open })
}

/// What a request to a WebSocket path wants to speak; `None` for every other request. The Pusher path may stand behind any prefix.
fn websocket_protocol(request: &Request<Incoming>) -> Option<Protocol> {
    let upgrade = request.headers().get(header::UPGRADE)?.to_str().ok()?;
    if !upgrade.split(',').any(|token| token.trim().eq_ignore_ascii_case("websocket")) {
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

fn accept_upgrade(core: &Core, request: &Request<Incoming>, protocol: Protocol, upgrade: &RefCell<Option<Open>>) -> Response<Body> {
    let headers = request.headers();
    let version_ok = headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let (Some(key), true, http::Version::HTTP_11) = (headers.get(header::SEC_WEBSOCKET_KEY), version_ok, request.version()) else {
        return rest::problem(
            &core.node,
            &Refusal::new(
                ErrorCode::InvalidRequest,
                "This is no WebSocket handshake of version 13: Sec-WebSocket-Key or Sec-WebSocket-Version is missing or wrong.",
            ),
        );
    };
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned);
    *upgrade.borrow_mut() = Some(Open { protocol, origin, refusal: core.node.admit_connection() });
    let accept = ws::accept_key(key.as_bytes());
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(&accept).expect("base64 is a valid header value"));
    response
}
