//! JSON bodies, refused with a sentence that helps and never quotes what was sent (it may be a password).

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use peal_core::json::{DEPTH_MAX, depth_at_most};
use peal_core::{ErrorCode, Refusal};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::problem::Problem;

/// Bytes of one request body. Nothing here needs more than a few hundred.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// The parsed body of a request. [`crate::csrf`] has seen to the content type.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        parse(&bytes_of(request, state).await?).map(Body)
    }
}

pub(crate) async fn bytes_of<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Refusal::new(ErrorCode::FrameTooLarge, format!("The body is larger than {BODY_BYTES_MAX} bytes.")).into()
        }
        _ => Refusal::new(ErrorCode::InvalidRequest, "The body ended before it was complete.").into(),
    })
}

pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if !depth_at_most(bytes, DEPTH_MAX) {
        return Err(ErrorCode::NestingTooDeep.into());
    }
    serde_json::from_slice(bytes).map_err(|error| refusal(&error).into())
}

fn refusal(error: &serde_json::Error) -> Refusal {
    let text = error.to_string();
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Data if text.starts_with("missing field") => {
            let field = text.split('`').nth(1).unwrap_or_default();
            Refusal::new(ErrorCode::InvalidRequest, format!("The body lacks the field {field}."))
        }
        Category::Data => Refusal::new(ErrorCode::InvalidRequest, format!("The body is not what this route takes, at {place}.")),
        Category::Syntax | Category::Eof | Category::Io => {
            Refusal::new(ErrorCode::InvalidJson, format!("The body is not valid JSON, at {place}."))
        }
    }
}

/// `application/json`, with whatever parameters.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    struct Form {
        #[serde(rename = "password")]
        _password: String,
    }

    fn refused(body: &str) -> Refusal {
        refusal(&serde_json::from_str::<Form>(body).unwrap_err())
    }

    #[test]
    fn nothing_that_was_sent_comes_back() {
        for body in [r#"{"password":31337}"#, r#"{"password":["hunter2hunter2"]}"#, r#""hunter2hunter2""#, r#"{"password":"hunter2hunter2"#]
        {
            let detail = refused(body).detail;
            assert!(!detail.contains("31337") && !detail.contains("hunter2"), "{detail}");
        }
        assert_eq!(refused("{}").detail, "The body lacks the field password.");
        assert_eq!(refused("nonsense").code, ErrorCode::InvalidJson);
    }
}
