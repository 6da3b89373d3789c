//! Cross-origin access for browsers: open and without credentials, since nothing here trusts a cookie (DESIGN section 9).

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

pub(crate) fn applies(path: &str) -> bool {
    path.starts_with("/v1/") || path.starts_with("/sdk/") || path == "/healthz" || path == "/readyz"
}

pub(crate) fn allow(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after, x-request-id"));
}

/// Browsers may keep the answer for two hours.
pub(crate) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type, last-event-id"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    response
}
