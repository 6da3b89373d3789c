//! Keys of an app.

use axum::Json;
use axum::extract::{RawPathParams, State};
use peal_core::{ErrorCode, KeyId};

use crate::body::Body;
use crate::dto::{KeyBody, Nothing, Page, RevealedKey};
use crate::permission::{Allowed, KeyList, KeyReveal};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// The app's keys, without their secrets.
#[utoipa::path(
    get, path = "/apps/{app}/keys", tag = "keys", operation_id = "key_list", params(("app" = String, Path, description = "App id")),
    responses((status = 200, body = Page<KeyBody>), (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"))
)]
pub(crate) async fn list(Allowed(granted): Allowed<KeyList>, State(state): State<ApiState>) -> Result<Json<Page<KeyBody>>, Problem> {
    Ok(Json(Page::of(state.store.key_list(granted.member.session.org.id, granted.app.id).await?)))
}

/// Show a key's secret. Needs sudo mode, and is written to the audit log.
#[utoipa::path(
    post, path = "/apps/{app}/keys/{key}/reveal", tag = "keys", operation_id = "key_reveal",
    params(("app" = String, Path, description = "App id"), ("key" = String, Path, description = "Key id")),
    request_body = Nothing,
    responses(
        (status = 200, body = RevealedKey),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "sudo_required, role_not_allowed, csrf_refused"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn reveal(
    Allowed(granted): Allowed<KeyReveal>,
    State(state): State<ApiState>,
    path: RawPathParams,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<RevealedKey>, Problem> {
    let key: KeyId =
        path.iter().find_map(|(name, value)| if name == "key" { value.parse().ok() } else { None }).ok_or(ErrorCode::NotFound)?;
    let member = &granted.member;
    let revealed = state.store.key_reveal(member.session.org.id, granted.app.id, &key, &member.actor()).await?;
    Ok(Json(revealed.into()))
}
