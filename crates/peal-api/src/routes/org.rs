//! The org.

use axum::Json;
use axum::extract::State;

use crate::body::Body;
use crate::dto::{OrgBody, OrgPatch};
use crate::permission::{Allowed, OrgUpdate};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// Rename the org.
#[utoipa::path(
    patch, path = "/org", tag = "org", operation_id = "org_update", request_body = OrgPatch,
    responses(
        (status = 200, body = OrgBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "invalid_request"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "role_not_allowed, csrf_refused"),
    )
)]
pub(crate) async fn update(
    Allowed(member): Allowed<OrgUpdate>,
    State(state): State<ApiState>,
    Body(patch): Body<OrgPatch>,
) -> Result<Json<OrgBody>, Problem> {
    let org = state.store.org_rename(member.session.org.id, &patch.name()?, &member.actor()).await?;
    Ok(Json(org.into()))
}
