//! Refusals as RFC 9457 problem+json.
//!
//! A handler returns a [`Problem`]; its response carries the refusal as an extension, and the outermost layer writes the body
//! ([`write_body`]), because only there the request's id is at hand for every refusal, those of the router included.

use std::error::Error as _;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use peal_core::{ErrorCode, Refusal};
use peal_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// Boxed, so that the happy path does not carry its size.
#[derive(Debug)]
pub(crate) struct Problem(Box<Refusal>);

// `peal_core::problem::Problem` once more, because the description of the API needs a type of this crate.
/// An error, as RFC 9457 has it.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// The page about this error; the same as `help_url`.
    #[serde(rename = "type")]
    kind: String,
    /// What this kind of error means, in one sentence.
    title: &'static str,
    status: u16,
    /// The number of the error; see the table in the documentation.
    code: u32,
    /// The stable name of the error.
    name: &'static str,
    /// What happened in this case.
    detail: &'a str,
    /// Whether the same request may succeed later.
    retryable: bool,
    help_url: String,
    request_id: &'a str,
    /// The limit that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// What the request would have made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<u64>,
    /// Milliseconds after which trying again makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl<'a> From<peal_core::problem::Problem<'a>> for ProblemBody<'a> {
    fn from(problem: peal_core::problem::Problem<'a>) -> Self {
        let peal_core::problem::Problem {
            r#type: kind,
            title,
            status,
            code,
            name,
            detail,
            retryable,
            help_url,
            request_id,
            limit,
            current,
            retry_after,
            // Nothing is published here.
            message_id: _,
        } = problem;
        ProblemBody { kind, title, status, code, name, detail, retryable, help_url, request_id, limit, current, retry_after }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Problem(Box::new(refusal))
    }
}

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        Refusal::of(code).into()
    }
}

impl From<StoreError> for Problem {
    /// The one place where a failure of the store is logged.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => ErrorCode::NotFound.into(),
            StoreError::EmailTaken => ErrorCode::EmailTaken.into(),
            StoreError::Invalid(why) => Refusal::new(ErrorCode::InvalidRequest, why).into(),
            StoreError::VersionConflict { .. } => ErrorCode::VersionConflict.into(),
            StoreError::IdempotencyConflict => ErrorCode::IdempotencyConflict.into(),
            StoreError::KeyReplaced => ErrorCode::KeyReplaced.into(),
            StoreError::TooMany { what, limit } => {
                let why = format!("There are {limit} {what} already, which is the most. Delete one that is no longer needed.");
                Refusal::new(ErrorCode::TooMany, why).with_limit(limit, limit + 1).into()
            }
            error if error.is_unavailable() => {
                tracing::warn!(error = %causes(&error), "the store is away");
                Refusal::of(ErrorCode::Unavailable).retry_after(1_000).into()
            }
            error => {
                tracing::error!(error = %causes(&error), "a request failed");
                ErrorCode::Internal.into()
            }
        }
    }
}

fn causes(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let info = self.0.code.info();
        let mut response = StatusCode::from_u16(info.http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        response.extensions_mut().insert(*self.0);
        response
    }
}

/// Gives a refusal its body. Other responses pass.
pub(crate) fn write_body(mut response: Response, request_id: &str, help_base: &str) -> Response {
    let Some(refusal) = response.extensions_mut().remove::<Refusal>() else { return response };
    let body = ProblemBody::from(refusal.problem(request_id, help_base));
    let text = serde_json::to_vec(&body).expect("a struct of texts and numbers prints");
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(ms) = refusal.retry_after_ms {
        parts.headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000).max(1)));
    }
    Response::from_parts(parts, text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_described_problem_is_the_one_of_the_core() {
        let refusal = Refusal::new(ErrorCode::RateLimited, "Too many.").with_limit(5, 6).retry_after(250);
        let core = refusal.problem("req", "https://peal.example");
        let text = serde_json::to_string(&core).expect("prints");
        assert_eq!(serde_json::to_string(&ProblemBody::from(core)).expect("prints"), text);
    }
}
