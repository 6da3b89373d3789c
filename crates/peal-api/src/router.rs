//! The router and its layers. From the outside in: headers, request id and problem bodies; the time limit; the CSRF guard; routes.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, extract::State};
use peal_core::{ErrorCode, Refusal};
use peal_store::Store;

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
    routes
        .route("/api/v1/openapi.json", get(describe))
        .fallback(dashboard::serve)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), csrf::guard))
        .layer(middleware::from_fn(time_limit))
        .layer(middleware::from_fn_with_state(state.clone(), headers::wrap))
        .with_state(state)
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
