//! The router and its layers. From the outside in: headers, request id and problem bodies; panics; the time limit; the CSRF guard;
//! routes.

use std::any::Any;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, extract::State};
use peal_core::{ErrorCode, Refusal};
use peal_store::Store;
use tower_http::catch_panic::CatchPanicLayer;

use crate::body::BODY_BYTES_MAX;
use crate::config::ApiConfig;
use crate::openapi::{Document, described_routes};
use crate::permission::{Allowed, Describe, must_state_permission};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::{csrf, dashboard, headers};

/// A request, body included, that takes longer is given up.
const REQUEST_MAX: Duration = Duration::from_secs(30);

/// The control plane and the dashboard, to be served with connection addresses
/// ([`axum::Router::into_make_service_with_connect_info`]) or by [`crate::serve`].
pub fn router(config: ApiConfig, store: Store) -> Router {
    let state = ApiState::new(config, store);
    let (routes, _) = described_routes().split_for_parts();
    let document = Document::new();
    let describe = move |_: Allowed<Describe>| std::future::ready(document.response());
    must_state_permission(describe.clone());
    layered(routes.route("/api/v1/openapi.json", get(describe)).fallback(dashboard::serve), state)
}

fn layered(routes: Router<ApiState>, state: ApiState) -> Router {
    routes
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), csrf::guard))
        .layer(middleware::from_fn(time_limit))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(state.clone(), headers::wrap))
        .with_state(state)
}

/// A panic is a bug of ours. What it says goes to the log by the panic hook; the caller gets a request id to quote.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Problem::from(ErrorCode::Internal).into_response()
}

async fn method_not_allowed(State(_): State<ApiState>) -> Problem {
    ErrorCode::MethodNotAllowed.into()
}

async fn time_limit(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::from(Refusal::of(ErrorCode::Unavailable).retry_after(1_000)).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use peal_store::{Keyring, StoreOptions};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_500_with_a_request_id_and_says_nothing() {
        let store = Store::connect("postgres://nobody@127.0.0.1:9/none", Keyring::ephemeral(), StoreOptions::default()).await;
        let state = ApiState::new(ApiConfig::new("http://127.0.0.1:7200", "http://127.0.0.1:7100"), store.expect("the URL is valid"));
        async fn broken() -> &'static str {
            panic!("the inner workings")
        }
        let router = layered(Router::new().route("/broken", get(broken)), state);
        let request = Request::get("/broken").body(axum::body::Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("the router always answers");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        let body: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!((parts.status.as_u16(), &body["name"]), (500, &serde_json::json!("internal")));
        assert_eq!(parts.headers["content-type"], "application/problem+json");
        assert_eq!(body["request_id"], parts.headers["x-request-id"].to_str().expect("text"));
        assert!(!String::from_utf8_lossy(&bytes).contains("inner workings"));
    }
}
