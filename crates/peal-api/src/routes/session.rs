//! The present session.

use axum::Json;
use axum::extract::State;
use secrecy::ExposeSecret;

use crate::body::Body;
use crate::dto::{AppBody, Reauthentication, SessionBody, SudoBody};
use crate::password::Password;
use crate::permission::{Allowed, SessionRead, SessionSudo};
use crate::problem::{Problem, ProblemBody};
use crate::routes::auth::password_confirm;
use crate::state::ApiState;

/// Who is signed in, their org and its apps.
#[utoipa::path(
    get, path = "/session", tag = "session", operation_id = "session_get",
    responses((status = 200, body = SessionBody), (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "sign_in_required"))
)]
pub(crate) async fn read(Allowed(member): Allowed<SessionRead>, State(state): State<ApiState>) -> Result<Json<SessionBody>, Problem> {
    let apps = state.store.app_list(member.session.org.id).await?;
    Ok(Json(SessionBody {
        apps: apps.into_iter().map(AppBody::from).collect(),
        edge_url: state.edge_url.clone(),
        dev: state.dev,
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
