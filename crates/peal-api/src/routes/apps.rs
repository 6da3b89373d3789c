//! Apps of the org.

use axum::Json;
use axum::extract::State;
use peal_core::{ErrorCode, Refusal};

use crate::body::Body;
use crate::dto::{AppBody, AppPatch, Page};
use crate::permission::{Allowed, AppList, AppRead, AppUpdate};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

const NAME_CHARS_MAX: usize = 80;

/// All apps of the org, oldest first.
#[utoipa::path(
    get, path = "/apps", tag = "apps", operation_id = "app_list",
    responses((status = 200, body = Page<AppBody>), (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "sign_in_required"))
)]
pub(crate) async fn list(Allowed(member): Allowed<AppList>, State(state): State<ApiState>) -> Result<Json<Page<AppBody>>, Problem> {
    Ok(Json(Page::of(state.store.app_list(member.session.org.id).await?)))
}

/// One app.
#[utoipa::path(
    get, path = "/apps/{app}", tag = "apps", operation_id = "app_get", params(("app" = String, Path, description = "App id")),
    responses((status = 200, body = AppBody), (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"))
)]
pub(crate) async fn read(Allowed(granted): Allowed<AppRead>) -> Json<AppBody> {
    Json(granted.app.into())
}

/// Rename an app.
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
    let name = name_checked(&patch.name)?;
    let member = &granted.member;
    let app = state.store.app_rename(member.session.org.id, granted.app.id, name, &member.actor()).await?;
    Ok(Json(app.into()))
}

fn name_checked(name: &str) -> Result<&str, Refusal> {
    let name = name.trim();
    let good = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    good.then_some(name)
        .ok_or_else(|| Refusal::new(ErrorCode::InvalidRequest, format!("A name has 1 to {NAME_CHARS_MAX} printable characters.")))
}
