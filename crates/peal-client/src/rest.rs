//! The data plane over HTTP: publish and history as a customer's server uses them (protocol 7), and Pusher's `POST /events`.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Uri};
use peal_core::AppId;
use peal_core::signature::{NativeRequest, PusherRequest, hmac_hex};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::dial::Address;
use crate::error::ClientError;
use crate::frame::HistoryReply;
pub use crate::http::Answer;
use crate::http::Http;
use crate::message::{HistoryPage, Published};
use crate::options::{HistoryOptions, direction_name};

/// How requests prove who sends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// `Peal-HMAC-SHA256`: the secret does not travel.
    #[default]
    Signed,
    /// HTTP Basic: the secret travels with each request.
    Basic,
}

/// A message on its way out.
#[derive(Debug, Clone, Serialize)]
pub struct Outgoing {
    pub event: String,
    pub data: serde_json::Value,
    /// Made up by [`Self::new`], so that a repeat is harmless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ephemeral: bool,
    /// A connection id that does not get it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude: Option<String>,
}

impl Outgoing {
    #[must_use]
    pub fn new(event: impl Into<String>, data: impl Into<serde_json::Value>) -> Self {
        let id = Some(uuid::Uuid::now_v7().to_string());
        Self { event: event.into(), data: data.into(), id, ephemeral: false, exclude: None }
    }
}

/// A server's key. Cheap to clone; connections are kept alive and shared.
#[derive(Debug, Clone)]
pub struct Rest {
    address: Address,
    key: String,
    secret: SecretString,
    scheme: Scheme,
    http: Http,
}

impl Rest {
    /// # Errors
    /// `InvalidUrl`, also for `https://`: this client has no TLS.
    pub fn new(url: &str, key: impl Into<String>, secret: impl Into<String>) -> Result<Self, ClientError> {
        let secret = SecretString::from(secret.into());
        Ok(Self { address: Address::parse(url)?, key: key.into(), secret, scheme: Scheme::default(), http: Http::new() })
    }

    #[must_use]
    pub fn with_scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    pub async fn publish(&self, channel: &str, message: &Outgoing) -> Result<Published, ClientError> {
        let answer = self.request(Method::POST, &messages_path(channel), "", json(message)?).await?;
        read(&answer.ok()?)
    }

    /// At most 100 messages; one result each, in the same order.
    pub async fn publish_batch(&self, channel: &str, messages: &[Outgoing]) -> Result<Vec<Published>, ClientError> {
        #[derive(Deserialize)]
        struct Items {
            items: Vec<Published>,
        }
        let answer = self.request(Method::POST, &messages_path(channel), "", json(messages)?).await?;
        Ok(read::<Items>(&answer.ok()?)?.items)
    }

    pub async fn history(&self, channel: &str, options: HistoryOptions) -> Result<HistoryPage, ClientError> {
        let HistoryOptions { limit, before, after, direction } = options;
        let pairs = [
            limit.map(|limit| format!("limit={limit}")),
            before.map(|before| format!("before={before}")),
            after.map(|after| format!("after={after}")),
            direction.map(|direction| format!("direction={}", direction_name(direction))),
        ];
        let query = pairs.into_iter().flatten().collect::<Vec<_>>().join("&");
        let answer = self.request(Method::GET, &messages_path(channel), &query, Bytes::new()).await?;
        read::<HistoryReply>(&answer.ok()?)?.try_into()
    }

    /// Any request to a native path, signed or with Basic. `path` and `query` are percent-encoded; the answer comes as it is.
    pub async fn request(&self, method: Method, path: &str, query: &str, body: Bytes) -> Result<Answer, ClientError> {
        let path = format!("{}{path}", self.address.prefix);
        let authorization = match self.scheme {
            Scheme::Basic => format!("Basic {}", STANDARD.encode(format!("{}:{}", self.key, self.secret.expose_secret()))),
            Scheme::Signed => {
                let request = NativeRequest { method: method.as_str(), path: &path, query, body: &body };
                request.authorization(&self.key, &self.secret, unix_s())
            }
        };
        let headers = [("authorization", authorization), ("content-type", "application/json".to_owned())];
        self.http.send(method, self.uri(&path, query)?, &headers, body).await
    }

    /// Pusher's `POST /apps/{app}/events`: one event to up to 100 channels.
    pub async fn trigger(&self, app: AppId, channels: &[&str], event: &str, data: &str, exclude: Option<&str>) -> Result<(), ClientError> {
        let mut body = serde_json::json!({"name": event, "channels": channels, "data": data});
        if let Some(socket_id) = exclude {
            body["socket_id"] = socket_id.into();
        }
        let answer = self.pusher_request(Method::POST, &format!("/apps/{app}/events"), &[], json(&body)?).await?;
        answer.ok().map(drop)
    }

    /// Any request to a Pusher path, signed as Pusher's libraries do. Values of `query` hold neither `&` nor spaces.
    pub async fn pusher_request(&self, method: Method, path: &str, query: &[(&str, &str)], body: Bytes) -> Result<Answer, ClientError> {
        let path = format!("{}{path}", self.address.prefix);
        let mut pairs: Vec<_> = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let own = [("auth_key", self.key.clone()), ("auth_timestamp", unix_s().to_string()), ("auth_version", "1.0".to_owned())];
        pairs.extend(own.map(|(key, value)| (key.to_owned(), value)));
        if !body.is_empty() {
            pairs.push(("body_md5".to_owned(), peal_core::signature::md5_hex(&body)));
        }
        let text = PusherRequest { method: method.as_str(), path: &path, query: &pairs, body: &body }.signed_text();
        pairs.push(("auth_signature".to_owned(), hmac_hex(&self.secret, text.as_bytes())));
        let query = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&");
        self.http.send(method, self.uri(&path, &query)?, &[("content-type", "application/json".to_owned())], body).await
    }

    fn uri(&self, path: &str, query: &str) -> Result<Uri, ClientError> {
        let (authority, mark) = (self.address.authority(), if query.is_empty() { "" } else { "?" });
        format!("http://{authority}{path}{mark}{query}").parse().map_err(|error| ClientError::InvalidUrl(format!("{path}: {error}")))
    }
}

/// Channel names hold nothing that a path must encode.
fn messages_path(channel: &str) -> String {
    format!("/v1/channels/{channel}/messages")
}

fn json(value: &(impl Serialize + ?Sized)) -> Result<Bytes, ClientError> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| ClientError::NotJson(error.to_string()))
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::UnexpectedAnswer(error.to_string()))
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
