//! `/healthz`: the process answers. `/readyz`: it also delivers, because its own probe messages come back through the broker.

use axum::body::Body;
use axum::extract::State;
use http::{Response, StatusCode};

use super::json;
use crate::node::SharedNode;

pub(crate) async fn healthz() -> Response<Body> {
    json(r#"{"status":"ok"}"#)
}

pub(crate) async fn readyz(State(node): State<SharedNode>) -> Response<Body> {
    let reasons = node.unready();
    let status = if reasons.is_empty() { "ready" } else { "not_ready" };
    let mut response = json(serde_json::json!({ "status": status, "reasons": reasons }).to_string());
    if !reasons.is_empty() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}
