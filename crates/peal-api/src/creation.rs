//! Requests that make something. With an `Idempotency-Key` they may be repeated: the answer to a repetition is the first one.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use peal_core::{ErrorCode, Refusal};
use peal_store::{Answered, Making, Once};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::body::{bytes_of, parse};
use crate::permission::Member;
use crate::problem::Problem;
use peal_store::Actor;

const HEADER: &str = "idempotency-key";
const NAME_BYTES_MAX: usize = 255;

/// The body of such a request, and under which name it may be repeated.
pub(crate) struct Creation<T> {
    pub(crate) form: T,
    name: Option<String>,
    /// Over method, path and body.
    fingerprint: [u8; 32],
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Creation<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let name = name_in(request.headers())?;
        let mut hash = Sha256::new();
        for part in [request.method().as_str(), "\n", request.uri().path(), "\n"] {
            hash.update(part.as_bytes());
        }
        let bytes = bytes_of(request, state).await?;
        hash.update(&bytes);
        Ok(Creation { form: parse(&bytes)?, name, fingerprint: hash.finalize().into() })
    }
}

fn name_in(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let name = value.to_str().ok().filter(|name| (1..=NAME_BYTES_MAX).contains(&name.len()));
    let name = name.ok_or_else(|| Refusal::new(ErrorCode::InvalidRequest, "An Idempotency-Key has 1 to 255 visible ASCII characters."))?;
    Ok(Some(name.to_owned()))
}

/// Who makes it: lives as long as the call to the store.
pub(crate) struct Maker {
    actor: Actor,
    by: peal_store::UserId,
    once: Option<Once>,
}

impl<T> Creation<T> {
    pub(crate) fn maker(&self, member: &Member) -> Maker {
        let by = member.session.user.id;
        let once = self.name.clone().map(|name| Once { user: by, name, fingerprint: self.fingerprint });
        Maker { actor: member.actor(), by, once }
    }
}

impl Maker {
    pub(crate) fn making(&self) -> Making<'_> {
        Making { by: self.by, actor: &self.actor, once: self.once.as_ref() }
    }
}

/// What the store keeps for a repetition.
pub(crate) fn answer(body: impl Serialize) -> SecretString {
    serde_json::to_string(&body).expect("a body of texts, numbers and times prints").into()
}

pub(crate) fn created(answered: &Answered) -> Response {
    let text = answered.text.expose_secret().to_owned();
    let mut response = (StatusCode::CREATED, [(CONTENT_TYPE, "application/json")], text).into_response();
    if answered.again {
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    response
}
