//! The dashboard's own way to the edge: a five-minute client token, signed with the app's hidden key.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use peal_core::token::{Claims, mint};
use peal_core::{Capabilities, ErrorCode};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::body::Body;
use crate::dto::{ConsoleTokenBody, Nothing};
use crate::permission::{Allowed, ConsoleToken};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

const LIFETIME_S: u64 = 5 * 60;

/// A token with which the dashboard connects to the edge. Its traffic is counted as nothing.
#[utoipa::path(
    post, path = "/apps/{app}/console-token", tag = "apps", operation_id = "console_token",
    params(("app" = String, Path, description = "App id")), request_body = Nothing,
    responses(
        (status = 200, body = ConsoleTokenBody),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "role_not_allowed, csrf_refused"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn token(
    Allowed(granted): Allowed<ConsoleToken>,
    State(state): State<ApiState>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<ConsoleTokenBody>, Problem> {
    let key = state.store.console_key(granted.member.session.org.id, granted.app.id).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| ErrorCode::Internal)?.as_secs();
    let claims = Claims {
        sub: Some("console".to_owned()),
        iat: Some(now),
        exp: now + LIFETIME_S,
        jti: Some(Uuid::now_v7().to_string()),
        cap: Some(Capabilities::all()),
        cls: Some("console".to_owned()),
        ..Claims::default()
    };
    let token = mint(&key.id, &key.secret, &claims)?;
    let expires_at =
        i64::try_from(claims.exp).ok().and_then(|exp| OffsetDateTime::from_unix_timestamp(exp).ok()).ok_or(ErrorCode::Internal)?;
    Ok(Json(ConsoleTokenBody { token, expires_at, edge_url: state.edge_url.clone() }))
}
