//! Signing up, in and out.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use peal_core::plan::UNLIMITED;
use peal_core::{ErrorCode, Refusal};
use peal_store::{Credentials as Account, SignUp as NewAccount};
use secrecy::ExposeSecret;
use unicode_normalization::UnicodeNormalization;

use crate::body::Body;
use crate::dto::{Credentials, Nothing, SignedInBody, SignedUpBody};
use crate::password::{Password, Verdict, policy_check};
use crate::permission::{Allowed, Member, SignIn, SignOut, SignUp};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

const EMAIL_BYTES_MAX: usize = 254;

/// Make an account: a user, an org, a first app with a key, and a session.
#[utoipa::path(
    post, path = "/auth/sign-up", tag = "auth", operation_id = "sign_up", request_body = Credentials,
    responses(
        (status = 201, body = SignedUpBody, description = "Signed up and signed in; the session cookie is set"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "weak_password, email_invalid, invalid_json, invalid_request"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "sign_ups_closed, csrf_refused"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "email_taken"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json", description = "rate_limited"),
    )
)]
pub(crate) async fn sign_up(
    Allowed(anyone): Allowed<SignUp>,
    State(state): State<ApiState>,
    Body(form): Body<Credentials>,
) -> Result<Response, Problem> {
    if !state.signups {
        return Err(ErrorCode::SignUpsClosed.into());
    }
    let email = email_normalised(&form.email).ok_or(ErrorCode::EmailInvalid)?;
    let password = Password::new(form.password.expose_secret());
    policy_check(&password, &email)?;
    state.limits.sign_up(anyone.client.ip)?;
    let password_hash = state.passwords.hash(password).await?;
    let origin = anyone.client.origin();
    let plan = state.dev.then(|| UNLIMITED.to_owned());
    let new = NewAccount { email, password_hash, origin, request_id: anyone.client.request_id, plan };
    let made = state.store.sign_up(&new).await?;
    tracing::info!(user = %made.user.id, org = %made.org.id, app = %made.app.id, "signed up");
    let cookie = state.cookie.set(&made.session.token);
    let body = SignedUpBody { user: made.user.into(), org: made.org.into(), app: made.app.into(), key: made.key.into() };
    Ok((StatusCode::CREATED, [(SET_COOKIE, cookie)], Json(body)).into_response())
}

/// Sign in with e-mail and password.
#[utoipa::path(
    post, path = "/auth/sign-in", tag = "auth", operation_id = "sign_in", request_body = Credentials,
    responses(
        (status = 200, body = SignedInBody, description = "Signed in; the session cookie is set"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "bad_credentials, whether or not the account exists"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json", description = "rate_limited"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "overloaded"),
    )
)]
pub(crate) async fn sign_in(
    Allowed(anyone): Allowed<SignIn>,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Body(form): Body<Credentials>,
) -> Result<Response, Problem> {
    // What is no address is nobody's, and takes the same way.
    let email = email_normalised(&form.email).unwrap_or_default();
    state.limits.password_attempt(anyone.client.ip, &email)?;
    let found = state.store.credentials_find(&email).await?;
    let stored = found.as_ref().map(|account| account.password_hash.as_str());
    let verdict = state.passwords.verify(Password::new(form.password.expose_secret()), stored).await?;
    let (Some(account), Verdict::Right | Verdict::RightRehashed(_)) = (found, &verdict) else {
        state.limits.password_wrong(&email);
        return Err(ErrorCode::BadCredentials.into());
    };
    state.limits.password_right(&email);
    if let Verdict::RightRehashed(stronger) = &verdict {
        state.store.password_rehash(account.user.id, &account.password_hash, stronger).await?;
    }
    let replaced = state.cookie.read(&headers);
    let session = state.store.session_create(account.user.id, &anyone.client.origin(), replaced.as_ref()).await?;
    let body = SignedInBody { user: account.user.into(), org: account.org.into() };
    Ok(([(SET_COOKIE, state.cookie.set(&session.token))], Json(body)).into_response())
}

/// End the session. Signing out twice succeeds.
#[utoipa::path(
    post, path = "/auth/sign-out", tag = "auth", operation_id = "sign_out", request_body = Nothing,
    responses((status = 204, description = "Signed out; the cookie is cleared"))
)]
pub(crate) async fn sign_out(
    Allowed(_anyone): Allowed<SignOut>,
    State(state): State<ApiState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(token) = state.cookie.read(&headers) {
        state.store.session_delete(&token).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, state.cookie.clear())]).into_response())
}

/// Trimmed and composed (NFC). `None` when mail could not reach it: no `@`, nothing before or after it, blanks or control characters.
fn email_normalised(typed: &str) -> Option<String> {
    let email: String = typed.trim().nfc().collect();
    let (name, host) = email.rsplit_once('@')?;
    let plain = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@');
    let host_is_dotted_well = !host.starts_with('.') && !host.ends_with('.') && !host.contains("..");
    (email.len() <= EMAIL_BYTES_MAX && plain(name) && plain(host) && host_is_dotted_well).then_some(email)
}

/// Checks the password of somebody who is signed in already, under the same limits as a sign-in.
pub(crate) async fn password_confirm(state: &ApiState, member: &Member, password: Password) -> Result<Account, Problem> {
    let email = &member.session.user.email;
    state.limits.password_attempt(member.client.ip, email)?;
    let account = state.store.credentials_find(email).await?.filter(|account| account.user.id == member.session.user.id);
    let stored = account.as_ref().map(|account| account.password_hash.as_str());
    match (state.passwords.verify(password, stored).await?, account) {
        (Verdict::Right | Verdict::RightRehashed(_), Some(account)) => {
            state.limits.password_right(email);
            Ok(account)
        }
        _ => {
            state.limits.password_wrong(email);
            Err(Refusal::new(ErrorCode::BadCredentials, "The password is wrong.").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_trimmed_and_composed_and_nonsense_is_refused() {
        assert_eq!(email_normalised("  Ada@Example.com ").as_deref(), Some("Ada@Example.com"));
        assert_eq!(email_normalised("jose\u{301}@example.com"), email_normalised("jos\u{e9}@example.com"));
        assert!(email_normalised("dev@localhost").is_some());
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in ["", "@", "ada", "ada@", "@example.com", "a b@example.com", "a@b@c", "a\n@example.com", "a@.com", "a@b..c", &long] {
            assert_eq!(email_normalised(bad), None, "{bad:?}");
        }
    }
}
