//! Keys of an app.

use axum::Json;
use axum::extract::{RawPathParams, State};
use axum::response::Response;
use http::StatusCode;
use peal_core::{ChannelName, KeyId};

use crate::body::Body;
use crate::creation::{Creation, answer, created};
use crate::dto::{
    CreatedKeyBody, KeyBody, KeyPatch, KeyTestBody, KeyTestForm, NewKeyForm, Nothing, Page, RevealedKey, RotateForm, RotatedKeyBody,
};
use crate::names::path_id;
use crate::paging::Paged;
use crate::permission::{Allowed, KeyCreate, KeyList, KeyReveal, KeyRevoke, KeyRotate, KeyTest, KeyUpdate};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// The app's keys, oldest first, without their secrets.
#[utoipa::path(
    get, path = "/apps/{app}/keys", tag = "keys", operation_id = "key_list",
    params(
        ("app" = String, Path, description = "App id"),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 100, else 50"),
    ),
    responses((status = 200, body = Page<KeyBody>), (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"))
)]
pub(crate) async fn list(
    Allowed(granted): Allowed<KeyList>,
    State(state): State<ApiState>,
    Paged(paging): Paged<KeyId>,
) -> Result<Json<Page<KeyBody>>, Problem> {
    Ok(Json(state.store.key_list(granted.member.session.org.id, granted.app.id, paging).await?.into()))
}

/// Make a key. Its secret is in the answer.
#[utoipa::path(
    post, path = "/apps/{app}/keys", tag = "keys", operation_id = "key_create",
    params(
        ("app" = String, Path, description = "App id"),
        ("idempotency-key" = Option<String>, Header, description = "Repeating the request within a day makes nothing and gives the same answer"),
    ),
    request_body = NewKeyForm,
    responses(
        (status = 201, body = CreatedKeyBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "invalid_request"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "role_not_allowed, csrf_refused"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "too_many, idempotency_conflict"),
    )
)]
pub(crate) async fn create(
    Allowed(granted): Allowed<KeyCreate>,
    State(state): State<ApiState>,
    creation: Creation<NewKeyForm>,
) -> Result<Response, Problem> {
    let member = &granted.member;
    let new = creation.form.checked(member.session.now)?;
    let maker = creation.maker(member);
    let body = |made| answer(CreatedKeyBody::from(made));
    Ok(created(&state.store.key_create(member.session.org.id, granted.app.id, &new, maker.making(), body).await?))
}

/// Change a key's name, capabilities, allowed origins or expiry.
#[utoipa::path(
    patch, path = "/apps/{app}/keys/{key}", tag = "keys", operation_id = "key_update",
    params(("app" = String, Path, description = "App id"), ("key" = String, Path, description = "Key id")),
    request_body = KeyPatch,
    responses(
        (status = 200, body = KeyBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "invalid_request"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "role_not_allowed, csrf_refused"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn update(
    Allowed(granted): Allowed<KeyUpdate>,
    State(state): State<ApiState>,
    path: RawPathParams,
    Body(patch): Body<KeyPatch>,
) -> Result<Json<KeyBody>, Problem> {
    let (member, key) = (&granted.member, path_id(&path, "key")?);
    let edit = patch.checked(member.session.now)?;
    let key = state.store.key_update(member.session.org.id, granted.app.id, &key, &member.actor(), edit).await?;
    Ok(Json(key.into()))
}

/// End a key for good. What it opened closes within two seconds. Needs sudo mode.
#[utoipa::path(
    delete, path = "/apps/{app}/keys/{key}", tag = "keys", operation_id = "key_revoke",
    params(("app" = String, Path, description = "App id"), ("key" = String, Path, description = "Key id")),
    responses(
        (status = 204, description = "Revoked"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "sudo_required, role_not_allowed, csrf_refused"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn revoke(
    Allowed(granted): Allowed<KeyRevoke>,
    State(state): State<ApiState>,
    path: RawPathParams,
) -> Result<StatusCode, Problem> {
    let (member, key) = (&granted.member, path_id(&path, "key")?);
    state.store.key_revoke(member.session.org.id, granted.app.id, &key, &member.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
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
    let (member, key) = (&granted.member, path_id(&path, "key")?);
    let revealed = state.store.key_reveal(member.session.org.id, granted.app.id, &key, &member.actor()).await?;
    Ok(Json(revealed.into()))
}

/// Put a new key in the place of one, which stays good for the overlap. Needs sudo mode.
#[utoipa::path(
    post, path = "/apps/{app}/keys/{key}/rotate", tag = "keys", operation_id = "key_rotate",
    params(
        ("app" = String, Path, description = "App id"),
        ("key" = String, Path, description = "Key id"),
        ("idempotency-key" = Option<String>, Header, description = "Repeating the request within a day makes nothing and gives the same answer"),
    ),
    request_body = RotateForm,
    responses(
        (status = 201, body = RotatedKeyBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "invalid_request"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "sudo_required, role_not_allowed, csrf_refused"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "key_replaced, too_many, idempotency_conflict"),
    )
)]
pub(crate) async fn rotate(
    Allowed(granted): Allowed<KeyRotate>,
    State(state): State<ApiState>,
    path: RawPathParams,
    creation: Creation<RotateForm>,
) -> Result<Response, Problem> {
    let (member, key) = (&granted.member, path_id(&path, "key")?);
    let (overlap, maker) = (creation.form.overlap()?, creation.maker(member));
    let body = |made| answer(RotatedKeyBody::from(made));
    let answered = state.store.key_rotate(member.session.org.id, granted.app.id, &key, overlap, maker.making(), body).await?;
    Ok(created(&answered))
}

/// Whether a key may do something on a channel, and by which of its patterns.
#[utoipa::path(
    post, path = "/apps/{app}/keys/{key}/test", tag = "keys", operation_id = "key_test",
    params(("app" = String, Path, description = "App id"), ("key" = String, Path, description = "Key id")),
    request_body = KeyTestForm,
    responses(
        (status = 200, body = KeyTestBody),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "channel_name_invalid, invalid_request"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn test(
    Allowed(granted): Allowed<KeyTest>,
    State(state): State<ApiState>,
    path: RawPathParams,
    Body(form): Body<KeyTestForm>,
) -> Result<Json<KeyTestBody>, Problem> {
    let (session, key) = (&granted.member.session, path_id(&path, "key")?);
    let key = state.store.key_get(session.org.id, granted.app.id, &key).await?;
    let (operation, channel) = (form.operation()?, ChannelName::parse(&form.channel)?);
    let by = key.capabilities.granting(operation, &channel).map(|pattern| pattern.as_str().to_owned());
    let is_dead = key.expires_at.is_some_and(|at| at <= session.now);
    let reason = match &by {
        _ if is_dead => "The key has expired.".to_owned(),
        _ if granted.app.paused => "The app is paused.".to_owned(),
        Some(pattern) => format!("The pattern {pattern} allows {operation} on {channel}."),
        None => format!("No pattern of the key allows {operation} on {channel}."),
    };
    let allowed = by.is_some() && !is_dead && !granted.app.paused;
    Ok(Json(KeyTestBody { allowed, by, reason }))
}
