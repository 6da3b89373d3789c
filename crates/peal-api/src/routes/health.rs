//! For load balancers: alive, and able to serve.

use axum::Json;
use axum::extract::State;

use crate::dto::HealthBody;
use crate::permission::{Allowed, Describe};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// The process runs.
#[utoipa::path(get, path = "/healthz", tag = "health", operation_id = "healthz", responses((status = 200, body = HealthBody)))]
pub(crate) async fn alive(Allowed(_anyone): Allowed<Describe>) -> Json<HealthBody> {
    Json(HealthBody { status: "ok" })
}

/// Postgres answers, with a schema that this release can use.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "readyz",
    responses((status = 200, body = HealthBody), (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "unavailable"))
)]
pub(crate) async fn ready(Allowed(_anyone): Allowed<Describe>, State(state): State<ApiState>) -> Result<Json<HealthBody>, Problem> {
    state.store.schema_version_check().await?;
    Ok(Json(HealthBody { status: "ok" }))
}
