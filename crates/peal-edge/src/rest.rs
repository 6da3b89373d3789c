//! The data plane's REST, and the answers every path shares: problems, CORS, health, the SDK file.
//!
//! The publish paths are matched by hand because they are hot; everything else is an axum `Router`. Neither touches a hub
//! directly: publishes go through the mux, questions through [`crate::core::inbox::CoreInbox::ask`].

pub(crate) mod auth;
pub(crate) mod body;
pub(crate) mod clients;
pub(crate) mod control;
pub(crate) mod cors;
pub(crate) mod docs;
pub(crate) mod health;
pub(crate) mod native;
pub(crate) mod publish;
pub(crate) mod pusher;
pub(crate) mod queries;
pub(crate) mod route;
pub(crate) mod sdk;

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequest, Path, State};
use axum::routing::{get, post};
use axum::{BoxError, Router};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use peal_core::{ErrorCode, Refusal};
use percent_encoding::percent_decode_str;
use tower::ServiceExt;

use crate::admission::Visitor;
use crate::node::SharedNode;
use crate::usage::local::Requester;
use route::Route;

/// What a handler gets: the head and the whole body, already within the limit.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
    /// Who sent it.
    pub(crate) client: Option<IpAddr>,
    /// Told by [`auth`] whose it is.
    pub(crate) requester: Requester,
}

/// Where a request comes from.
#[derive(Debug, Clone, Default)]
struct Sender {
    client: Option<IpAddr>,
    /// Why it may not even authenticate.
    refusal: Option<Refusal>,
    requester: Requester,
}

impl Call {
    async fn read<B>(node: &SharedNode, request: Request<B>, sender: Sender) -> Result<Self, Refusal>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let Sender { client, refusal, requester } = sender;
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let (head, body) = request.into_parts();
        body::check_announced(&head.headers, node.config.body_bytes_max)?;
        let body = body::read(body, node.config.body_bytes_max).await?;
        Ok(Self { method: head.method, uri: head.uri, headers: head.headers, body, client, requester })
    }
}

impl FromRequest<SharedNode> for Call {
    type Rejection = Response<Body>;

    async fn from_request(request: Request<Body>, node: &SharedNode) -> Result<Self, Self::Rejection> {
        let sender = request.extensions().get::<Sender>().cloned().unwrap_or_default();
        Self::read(node, request, sender).await.map_err(|refusal| refused(node, &refusal))
    }
}

pub(crate) type Answer = Result<Response<Body>, Refusal>;

/// Answers one request on a core's thread.
pub(crate) async fn handle(node: &SharedNode, request: Request<Incoming>, visitor: &Visitor) -> Response<Body> {
    let begin = Instant::now();
    let route = Route::of(request.method(), request.uri().path());
    let open_to_browsers = cors::applies(request.uri().path());
    let mut response = if open_to_browsers && request.method() == Method::OPTIONS {
        cors::preflight()
    } else {
        let (requester, client) = (Requester::default(), visitor.client(request.headers()));
        let guarded = ["/apps/", "/users/", "/v1/"].iter().any(|front| request.uri().path().starts_with(front));
        let refusal = if guarded { visitor.request(node.now(), client, request.headers()).err() } else { None };
        let response = dispatch(node, request, Sender { client: Some(client), refusal, requester: requester.clone() }).await;
        if response.status().is_success() {
            requester.count(node.now());
        }
        let refused = response.extensions().get::<ErrorCode>().copied();
        visitor.answered(node.now(), client, requester.is_known(), refused);
        response
    };
    if open_to_browsers {
        cors::allow(response.headers_mut());
    }
    if visitor.is_to_go() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    node.stats.answered(route, response.status());
    node.stats.request_seconds.observe(begin.elapsed().as_secs_f64());
    response
}

async fn dispatch(node: &SharedNode, request: Request<Incoming>, sender: Sender) -> Response<Body> {
    if request.method() != Method::POST || Hot::of(request.uri().path()).is_none() {
        // Boxed, so that a publish does not carry the size of every other route.
        return Box::pin(route(node, request, sender)).await;
    }
    let answer = match Call::read(node, request, sender).await {
        Ok(call) => match Hot::of(call.uri.path()) {
            Some(Hot::Events(app)) => pusher::events(node, app, &call).await,
            Some(Hot::BatchEvents(app)) => pusher::batch_events(node, app, &call).await,
            Some(Hot::Publish(channel)) => native::publish(node, &decode(channel), &call).await,
            None => Err(Refusal::of(ErrorCode::NotFound)),
        },
        Err(refusal) => Err(refusal),
    };
    answer.unwrap_or_else(|refusal| refused(node, &refusal))
}

/// The publish paths, with what their middle names.
enum Hot<'p> {
    Events(&'p str),
    BatchEvents(&'p str),
    /// Still percent-encoded.
    Publish(&'p str),
}

impl<'p> Hot<'p> {
    fn of(path: &'p str) -> Option<Self> {
        if let Some((app, what)) = path.strip_prefix("/apps/").and_then(|rest| rest.split_once('/')) {
            return match what {
                "events" => Some(Self::Events(app)),
                "batch_events" => Some(Self::BatchEvents(app)),
                _ => None,
            };
        }
        let channel = path.strip_prefix("/v1/channels/")?.strip_suffix("/messages")?;
        (!channel.contains('/')).then_some(Self::Publish(channel))
    }
}

async fn route(node: &SharedNode, request: Request<Incoming>, sender: Sender) -> Response<Body> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(sender);
    match router_of(node).oneshot(request).await {
        Ok(response) if is_plain_refusal(&response) => {
            refused(node, &Refusal::new(ErrorCode::InvalidRequest, "The path holds percent-encoded bytes that are no UTF-8."))
        }
        Ok(response) => response,
        Err(never) => match never {},
    }
}

thread_local! {
    /// Each core's own copy: the router's state holds the node, so the node cannot hold the router.
    static ROUTER: std::cell::RefCell<Option<Router>> = const { std::cell::RefCell::new(None) };
}

fn router_of(node: &SharedNode) -> Router {
    ROUTER.with_borrow_mut(|slot| slot.get_or_insert_with(|| router(SharedNode::clone(node))).clone())
}

/// Every path; the hot ones too, so that the wrong method is told which is right.
pub(crate) fn router(node: SharedNode) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/sdk/peal.js", get(sdk::script))
        .route("/docs/{page}", get(docs::page))
        .route("/apps/{app}/events", post(events))
        .route("/apps/{app}/batch_events", post(batch_events))
        .route("/apps/{app}/channels", get(queries::channels))
        .route("/apps/{app}/channels/{channel}", get(queries::channel))
        .route("/apps/{app}/channels/{channel}/users", get(queries::users))
        .route("/apps/{app}/users/{user}/terminate_connections", post(control::terminate_connections))
        .route("/users/{user}/terminate_connections", post(control::terminate_connections_by_key))
        .route("/v1/channels/{channel}/messages", get(native::history).post(publish))
        .route("/v1/apps/{app}/revocations", post(control::revoke))
        .route("/v1/connections/{connection}/disconnect", post(control::disconnect))
        .route("/v1/connections/{connection}/unsubscribe", post(clients::unsubscribe_connection))
        .route("/v1/clients/{client}/disconnect", post(clients::disconnect))
        .route("/v1/clients/{client}/unsubscribe", post(clients::unsubscribe))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(node)
}

async fn events(State(node): State<SharedNode>, Path(app): Path<String>, call: Call) -> Response<Body> {
    pusher::events(&node, &app, &call).await.unwrap_or_else(|refusal| refused(&node, &refusal))
}

async fn batch_events(State(node): State<SharedNode>, Path(app): Path<String>, call: Call) -> Response<Body> {
    pusher::batch_events(&node, &app, &call).await.unwrap_or_else(|refusal| refused(&node, &refusal))
}

async fn publish(State(node): State<SharedNode>, Path(channel): Path<String>, call: Call) -> Response<Body> {
    native::publish(&node, &channel, &call).await.unwrap_or_else(|refusal| refused(&node, &refusal))
}

/// axum refuses a path that does not decode with a text of its own.
fn is_plain_refusal(response: &Response<Body>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    response.status() == StatusCode::BAD_REQUEST && content_type.is_some_and(|found| found.as_bytes().starts_with(b"text/plain"))
}

async fn not_found(State(node): State<SharedNode>, uri: Uri) -> Response<Body> {
    refused(
        &node,
        &Refusal::new(
            ErrorCode::NotFound,
            format!("There is nothing at {}. See the protocol page for the paths of this port.", uri.path()),
        ),
    )
}

async fn method_not_allowed(State(node): State<SharedNode>, method: Method, uri: Uri) -> Response<Body> {
    refused(&node, &Refusal::new(ErrorCode::MethodNotAllowed, format!("{} does not answer {method}.", uri.path())))
}

/// Turns a handler's refusal into its answer; counts and logs it under the id that the answer carries.
pub(crate) fn refused(node: &SharedNode, refusal: &Refusal) -> Response<Body> {
    let request_id = publish::new_uuid(node.now()).simple().to_string();
    let info = refusal.code.info();
    node.stats.refusals.with_label_values(&[info.name]).inc();
    if info.http_status >= 500 {
        tracing::warn!(request_id, name = info.name, detail = refusal.detail, "a request could not be served");
    } else {
        tracing::debug!(request_id, name = info.name, "a request was refused");
    }
    problem(node, refusal, &request_id)
}

/// An answer of type `application/problem+json` (RFC 9457).
fn problem(node: &SharedNode, refusal: &Refusal, request_id: &str) -> Response<Body> {
    let info = refusal.code.info();
    let body = serde_json::to_vec(&refusal.problem(request_id, &node.config.help_base)).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(info.http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // For whoever sends the answer on.
    response.extensions_mut().insert(refusal.code);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", value);
    }
    if let Some(ms) = refusal.retry_after_ms {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
    }
    if info.http_status == 401 {
        // No Basic here: browsers would ask their user for a password.
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Peal-HMAC-SHA256"));
    }
    response
}

/// A 200 answer of type `application/json`.
pub(crate) fn json(body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Percent-decodes; bytes that are no UTF-8 become U+FFFD, which no valid name contains.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// A signed publish has five.
const PAIRS_USUAL: usize = 6;

/// The decoded pairs of a query, in order; borrowed where nothing was encoded.
pub(crate) fn query_pairs(uri: &Uri) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let query = uri.query().unwrap_or_default();
    let encoded = query.contains('%');
    let mut pairs = Vec::with_capacity(PAIRS_USUAL);
    pairs.extend(query.split('&').filter(|text| !text.is_empty()).map(|text| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        if encoded { (decode(name), decode(value)) } else { (Cow::Borrowed(name), Cow::Borrowed(value)) }
    }));
    pairs
}

pub(crate) fn query_parameter(uri: &Uri, name: &str) -> Option<String> {
    query_pairs(uri).into_iter().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
