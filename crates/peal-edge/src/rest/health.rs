//! `/healthz`: the process answers. `/readyz`: it also delivers, because its own probe messages come back through the broker.

use axum::body::Body;
use axum::extract::State;
use http::{Response, StatusCode};

use super::json;
use crate::node::SharedNode;

pub(crate) async fn healthz() -> Response<Body> {
    json(r#"{"status":"ok"}"#)
}

/// 503 only for what this node cannot deliver. Without Postgres it goes on with what it knows, on every node at once, so a load
/// balancer that took them all out would turn a restart of Postgres into an outage: 200, `degraded`, with the reason.
pub(crate) async fn readyz(State(node): State<SharedNode>) -> Response<Body> {
    let (unready, degraded) = (node.unready(), node.degraded());
    let status = match (unready.is_empty(), degraded.is_empty()) {
        (false, _) => "not_ready",
        (true, false) => "degraded",
        (true, true) => "ready",
    };
    let reasons: Vec<&String> = unready.iter().chain(&degraded).collect();
    let mut response = json(serde_json::json!({ "status": status, "reasons": reasons }).to_string());
    if !unready.is_empty() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}
