//! Apps of the org.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use peal_core::AppId;

use crate::body::Body;
use crate::creation::{Creation, answer, created};
use crate::dto::{AppBody, AppPatch, CreatedAppBody, NewAppForm, Page};
use crate::paging::Paged;
use crate::permission::{Action, Allowed, AppCreate, AppDelete, AppList, AppRead, AppUpdate, Resource};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// The apps of the org, oldest first.
#[utoipa::path(
    get, path = "/apps", tag = "apps", operation_id = "app_list",
    params(("cursor" = Option<String>, Query, description = "next_cursor of the page before"), ("limit" = Option<u32>, Query, description = "1 to 100, else 50")),
    responses((status = 200, body = Page<AppBody>), (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "sign_in_required"))
)]
pub(crate) async fn list(
    Allowed(member): Allowed<AppList>,
    State(state): State<ApiState>,
    Paged(paging): Paged<AppId>,
) -> Result<Json<Page<AppBody>>, Problem> {
    Ok(Json(state.store.app_list(member.session.org.id, paging).await?.into()))
}

/// Make an app with a first key. A development app lets anonymous clients read public channels and allows client events; a production
/// app does neither until a rule says so.
#[utoipa::path(
    post, path = "/apps", tag = "apps", operation_id = "app_create", request_body = NewAppForm,
    params(("idempotency-key" = Option<String>, Header, description = "Repeating the request within a day makes nothing and gives the same answer")),
    responses(
        (status = 201, body = CreatedAppBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "invalid_request"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "role_not_allowed, csrf_refused"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "too_many, idempotency_conflict"),
    )
)]
pub(crate) async fn create(
    Allowed(member): Allowed<AppCreate>,
    State(state): State<ApiState>,
    creation: Creation<NewAppForm>,
) -> Result<Response, Problem> {
    let new = creation.form.checked()?;
    member.authorise(Action::AppCreate, Resource::App(new.environment))?;
    let maker = creation.maker(&member);
    let body = |made| answer(CreatedAppBody::from(made));
    Ok(created(&state.store.app_create(member.session.org.id, &new, maker.making(), body).await?))
}

/// One app.
#[utoipa::path(
    get, path = "/apps/{app}", tag = "apps", operation_id = "app_get", params(("app" = String, Path, description = "App id")),
    responses((status = 200, body = AppBody), (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"))
)]
pub(crate) async fn read(Allowed(granted): Allowed<AppRead>) -> Json<AppBody> {
    Json(granted.app.into())
}

/// Rename or pause an app, choose its features, tighten its limits.
#[utoipa::path(
    patch, path = "/apps/{app}", tag = "apps", operation_id = "app_update", params(("app" = String, Path, description = "App id")),
    request_body = AppPatch,
    responses(
        (status = 200, body = AppBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "invalid_request"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "role_not_allowed, csrf_refused"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn update(
    Allowed(granted): Allowed<AppUpdate>,
    State(state): State<ApiState>,
    Body(patch): Body<AppPatch>,
) -> Result<Json<AppBody>, Problem> {
    let (member, patch) = (&granted.member, patch.checked()?);
    let edit = |settings: &mut _, plan: &_| patch.apply(settings, plan);
    let app = state.store.app_update(member.session.org.id, granted.app.id, &member.actor(), edit).await?;
    Ok(Json(app.into()))
}

/// Delete an app: its connections close within two seconds and its keys stop working. Needs sudo mode.
#[utoipa::path(
    delete, path = "/apps/{app}", tag = "apps", operation_id = "app_delete", params(("app" = String, Path, description = "App id")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "sudo_required, role_not_allowed, csrf_refused"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn delete(Allowed(granted): Allowed<AppDelete>, State(state): State<ApiState>) -> Result<StatusCode, Problem> {
    let member = &granted.member;
    state.store.app_delete(member.session.org.id, granted.app.id, &member.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
