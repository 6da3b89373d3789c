//! Requests that change something must come from our own pages.
//!
//! Three layers, each enough by itself against a foreign page (SECURITY 3.3): browsers say where a request comes from
//! (`Sec-Fetch-Site`, or `Origin` in old ones); only JSON is accepted, which a form cannot send and a foreign script only after
//! a preflight that we never answer; and the cookie is `SameSite=Lax`. A client that says nothing about its origin is no browser,
//! so it passes, unless it brings a session cookie.

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, Method};
use peal_core::ErrorCode;

use crate::body::is_json;
use crate::origin::Origin;
use crate::problem::Problem;
use crate::state::{ApiState, Shared};

pub(crate) async fn guard(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return next.run(request).await;
    }
    if !comes_from_our_pages(&state, request.headers()) {
        return Problem::from(ErrorCode::CsrfRefused).into_response();
    }
    if !is_json(request.headers()) && !is_bodyless_delete(&request) {
        return Problem::from(ErrorCode::UnsupportedMediaType).into_response();
    }
    next.run(request).await
}

/// What no form and no simple cross-origin request can be, so that there is nothing for the content type to prove.
fn is_bodyless_delete(request: &Request) -> bool {
    request.method() == Method::DELETE && !request.headers().contains_key(CONTENT_TYPE) && request.body().is_end_stream()
}

fn comes_from_our_pages(state: &Shared, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    match headers.get(ORIGIN) {
        Some(origin) => {
            let origin = origin.to_str().ok().and_then(Origin::parse);
            origin.is_some() && origin == state.public_origin
        }
        None => !state.cookie.is_present(headers),
    }
}
