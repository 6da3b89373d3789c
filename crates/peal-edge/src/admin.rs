//! The operator's port: metrics, and the same health answers as on the edge.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::node::SharedNode;
use crate::rest::health;
use crate::scrape;
use crate::start::EdgeHandle;

/// `GET /metrics`, `/metrics/apps`, `/healthz`, `/readyz`.
pub fn admin_router(edge: &EdgeHandle) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/metrics/apps", get(metrics_of_apps))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .with_state(SharedNode::clone(&edge.node))
}

async fn metrics(State(node): State<SharedNode>) -> Response {
    let stats = &node.stats;
    for (core, counts) in node.counts().await.into_iter().enumerate() {
        let core = core.to_string();
        for (kind, value) in counts.gauges() {
            stats.hub.with_label_values(&[core.as_str(), kind]).set(value as i64);
        }
    }
    let directory = node.directory.current();
    stats.directory_version.set(directory.version);
    stats.directory_fresh.set(i64::from(directory.fresh));
    stats.ready.set(i64::from(node.unready().is_empty()));
    stats.usage_waiting.set(node.spool.waiting() as i64);
    stats.usage_gaps.set(node.spool.gaps() as i64);
    prometheus_text(match (stats.text(), scrape::node(&node).await) {
        (Ok(counted), Ok(asked)) => Ok(counted + &asked),
        (Err(error), _) | (_, Err(error)) => Err(error),
    })
}

/// By app, apart from the rest: whoever has many tenants chooses whether to store so many series.
async fn metrics_of_apps(State(node): State<SharedNode>) -> Response {
    prometheus_text(scrape::apps(&node))
}

fn prometheus_text(text: Result<String, prometheus::Error>) -> Response {
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
