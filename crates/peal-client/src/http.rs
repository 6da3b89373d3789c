//! One HTTP request and its answer, for [`crate::rest`].

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::error::{ClientError, ServerError};

/// A page of a thousand messages of 64 KB.
const ANSWER_BYTES_MAX: usize = 80 << 20;

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// # Errors
    /// The refusal in the body, or what came instead of one.
    pub fn ok(self) -> Result<Bytes, ClientError> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        Err(match serde_json::from_slice::<ServerError>(&self.body) {
            Ok(error) => ServerError { status: Some(self.status), ..error }.into(),
            Err(_) => {
                let text = String::from_utf8_lossy(&self.body[..self.body.len().min(200)]).into_owned();
                ClientError::UnexpectedAnswer(format!("HTTP {}: {text}", self.status))
            }
        })
    }
}

/// Keeps connections alive between requests.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        uri: Uri,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| ClientError::InvalidUrl(error.to_string()))?;
        let answer = self.0.request(request).await.map_err(|error| ClientError::Unreachable(error.to_string()))?;
        let (head, body) = answer.into_parts();
        let body =
            Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| ClientError::UnexpectedAnswer(error.to_string()))?;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
    }
}
