//! The present session.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::SET_COOKIE;
use peal_core::{ErrorCode, Refusal};
use peal_store::{APPS_MAX, Paging, PasswordChange as Change, StoreError};
use secrecy::ExposeSecret;

use crate::body::Body;
use crate::dto::{AppBody, PasswordForm, Reauthentication, SessionBody, SudoBody};
use crate::password::{Password, policy_check};
use crate::permission::{Allowed, PasswordChange, SessionRead, SessionSudo};
use crate::problem::{Problem, ProblemBody};
use crate::routes::auth::password_confirm;
use crate::state::ApiState;

/// Who is signed in, their org and its apps.
#[utoipa::path(
    get, path = "/session", tag = "session", operation_id = "session_get",
    responses((status = 200, body = SessionBody), (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "sign_in_required"))
)]
pub(crate) async fn read(Allowed(member): Allowed<SessionRead>, State(state): State<ApiState>) -> Result<Json<SessionBody>, Problem> {
    let apps = state.store.app_list(member.session.org.id, Paging::first(APPS_MAX)).await?.items;
    Ok(Json(SessionBody {
        apps: apps.into_iter().map(AppBody::from).collect(),
        edge_url: state.edge_url.clone(),
        dev: state.dev,
        role: member.session.role.into(),
        sudo_until: member.session.sudo_until.filter(|until| member.session.now < *until),
        user: member.session.user.into(),
        org: member.session.org.into(),
    }))
}

/// Give the password again, to do dangerous things for the next 15 minutes.
#[utoipa::path(
    post, path = "/session/sudo", tag = "session", operation_id = "session_sudo", request_body = Reauthentication,
    responses(
        (status = 200, body = SudoBody),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "bad_credentials, sign_in_required"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json", description = "rate_limited"),
    )
)]
pub(crate) async fn sudo(
    Allowed(member): Allowed<SessionSudo>,
    State(state): State<ApiState>,
    Body(form): Body<Reauthentication>,
) -> Result<Json<SudoBody>, Problem> {
    password_confirm(&state, &member, Password::new(form.password.expose_secret())).await?;
    let sudo_until = state.store.session_sudo(member.session.user.id, member.session.id).await?;
    Ok(Json(SudoBody { sudo_until }))
}

/// Change the password. Every session ends but this one, whose cookie is replaced.
#[utoipa::path(
    patch, path = "/session/password", tag = "session", operation_id = "password_change", request_body = PasswordForm,
    responses(
        (status = 204, description = "Changed; the session cookie is replaced"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "weak_password"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "bad_credentials, sign_in_required"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json", description = "rate_limited"),
    )
)]
pub(crate) async fn password(
    Allowed(member): Allowed<PasswordChange>,
    State(state): State<ApiState>,
    Body(form): Body<PasswordForm>,
) -> Result<Response, Problem> {
    let account = password_confirm(&state, &member, Password::new(form.current.expose_secret())).await?;
    let new = Password::new(form.new.expose_secret());
    policy_check(&new, &account.user.email)?;
    let new_hash = state.passwords.hash(new).await?;
    let (user, origin) = (account.user.id, member.client.origin());
    let change = Change { org: member.session.org.id, user, origin: &origin, old_hash: &account.password_hash, new_hash: &new_hash };
    let session = state.store.password_change(&change, &member.actor()).await.map_err(|error| match error {
        StoreError::NotFound(_) => Refusal::new(ErrorCode::BadCredentials, "The password was changed a moment ago; sign in again.").into(),
        other => Problem::from(other),
    })?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, state.cookie.set(&session.token))]).into_response())
}
