//! The browsers in which a person is signed in.

use axum::Json;
use axum::extract::{RawPathParams, State};
use http::StatusCode;

use crate::dto::{DeviceBody, EndedBody, Page};
use crate::names::path_id;
use crate::permission::{Allowed, SessionEnd, SessionList};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// The browsers that are signed in, last used first.
#[utoipa::path(
    get, path = "/sessions", tag = "session", operation_id = "device_list",
    responses((status = 200, body = Page<DeviceBody>), (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "sign_in_required"))
)]
pub(crate) async fn list(Allowed(member): Allowed<SessionList>, State(state): State<ApiState>) -> Result<Json<Page<DeviceBody>>, Problem> {
    let devices = state.store.session_list(member.session.user.id).await?;
    Ok(Json(Page::of(devices.into_iter().map(|device| DeviceBody::of(device, member.session.id)).collect())))
}

/// Sign one browser out.
#[utoipa::path(
    delete, path = "/sessions/{session}", tag = "session", operation_id = "device_end", params(("session" = String, Path, description = "Id of a session")),
    responses(
        (status = 204, description = "Signed out"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn end(
    Allowed(member): Allowed<SessionEnd>,
    State(state): State<ApiState>,
    path: RawPathParams,
) -> Result<StatusCode, Problem> {
    let session = path_id(&path, "session")?;
    state.store.session_end(member.session.org.id, member.session.user.id, session, &member.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign every browser out but this one.
#[utoipa::path(
    delete, path = "/sessions", tag = "session", operation_id = "device_end_others",
    responses((status = 200, body = EndedBody), (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "sign_in_required"))
)]
pub(crate) async fn end_others(Allowed(member): Allowed<SessionEnd>, State(state): State<ApiState>) -> Result<Json<EndedBody>, Problem> {
    let (org, user) = (member.session.org.id, member.session.user.id);
    let ended = state.store.session_end_others(org, user, member.session.id, &member.actor()).await?;
    Ok(Json(EndedBody { ended }))
}
