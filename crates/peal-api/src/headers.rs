//! What every response carries: the request's id, and the headers that make a browser distrust everything but our own files.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue};
use tracing::Instrument;

use crate::client::RequestId;
use crate::origin::Origin;
use crate::problem;
use crate::state::{ApiState, Shared};

const FIXED: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The outermost layer.
pub(crate) async fn wrap(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let id = RequestId::generate();
    let span = tracing::info_span!("request", id = id.0, method = %request.method(), path = request.uri().path());
    request.extensions_mut().insert(id.clone());
    let response = next.run(request).instrument(span).await;
    let mut response = problem::write_body(response, &id.0, &state.public_url);
    add(&state, response.headers_mut(), &id.0);
    response
}

fn add(state: &Shared, headers: &mut HeaderMap, request_id: &str) {
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if state.public_origin.as_ref().is_some_and(Origin::is_https) {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    }
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy(state.edge_origin.as_ref())) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
    // Answers of the API are nobody else's; the dashboard's files have said already how long they keep.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Scripts only from this server, no exception. Inline styles are what charts and menus need to place themselves.
fn content_security_policy(edge: Option<&Origin>) -> String {
    let edge = edge.map(|edge| format!(" {}", edge.connect_sources())).unwrap_or_default();
    format!(
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'{edge}; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_edge_and_no_foreign_script() {
        let policy = content_security_policy(Origin::parse("https://rt.example").as_ref());
        assert!(policy.contains("connect-src 'self' https://rt.example:443 wss://rt.example:443;"), "{policy}");
        assert!(policy.contains("script-src 'self';"), "{policy}");
        assert!(!policy.contains('*') && !policy.contains("unsafe-eval"), "{policy}");
        assert!(content_security_policy(None).contains("connect-src 'self';"));
    }
}
