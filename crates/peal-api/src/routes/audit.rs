//! The audit log of the org.

use axum::Json;
use axum::extract::State;

use crate::dto::{AuditEventBody, Page};
use crate::paging::Paged;
use crate::permission::{Allowed, AuditList};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// Every change in the org, newest first.
#[utoipa::path(
    get, path = "/audit", tag = "org", operation_id = "audit_list",
    params(("cursor" = Option<String>, Query, description = "next_cursor of the page before"), ("limit" = Option<u32>, Query, description = "1 to 100, else 50")),
    responses(
        (status = 200, body = Page<AuditEventBody>),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "role_not_allowed"),
    )
)]
pub(crate) async fn list(
    Allowed(member): Allowed<AuditList>,
    State(state): State<ApiState>,
    Paged(paging): Paged<i64>,
) -> Result<Json<Page<AuditEventBody>>, Problem> {
    Ok(Json(state.store.audit_list(member.session.org.id, paging).await?.into()))
}
