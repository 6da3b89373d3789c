//! Who is calling: Pusher's signed query, the native signature, HTTP Basic, or a client token. Everything is verified before a body is parsed.

use std::ops::Deref;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use peal_core::signature::{NativeAuthorization, NativeRequest, PusherRequest, secret_matches};
use peal_core::{App, AppId, ChannelName, ClientToken, ErrorCode, Key, KeyId, KeyKind, Operation, Refusal, token};

use super::{Call, query_pairs};
use crate::node::SharedNode;

/// An authenticated caller.
pub(crate) struct Caller {
    pub(crate) app: Arc<App>,
    pub(crate) grant: Grant,
}

pub(crate) enum Grant {
    /// The bearer of a key's secret.
    Key(FoundKey),
    Token(Box<ClientToken>),
}

/// A key inside its app, so that nobody copies a secret to use it.
pub(crate) struct FoundKey {
    app: Arc<App>,
    at: usize,
}

impl Deref for FoundKey {
    type Target = Key;

    fn deref(&self) -> &Key {
        &self.app.keys[self.at]
    }
}

impl Caller {
    fn with_key(key: FoundKey) -> Self {
        Self { app: Arc::clone(&key.app), grant: Grant::Key(key) }
    }

    /// The key behind the credentials: what the audit trail names.
    pub(crate) fn key_id(&self) -> &KeyId {
        match &self.grant {
            Grant::Key(key) => &key.id,
            Grant::Token(token) => &token.key,
        }
    }

    /// # Errors
    /// `not_authorised`, naming operation and channel.
    pub(crate) fn require(&self, operation: Operation, channel: &ChannelName) -> Result<(), Refusal> {
        let allowed = match &self.grant {
            Grant::Key(key) => key.capabilities.allows(operation, channel),
            Grant::Token(token) => token.allows(operation, channel),
        };
        if allowed {
            return Ok(());
        }
        Err(Refusal::new(
            ErrorCode::NotAuthorised,
            format!("These credentials do not allow {operation} on the channel {channel}; widen their capabilities or use others."),
        ))
    }

    /// For what concerns the whole app: a key that has the operation on some channel.
    pub(crate) fn require_key(&self, operation: Operation) -> Result<(), Refusal> {
        match &self.grant {
            Grant::Key(key) if key.capabilities.allows_somewhere(operation) => Ok(()),
            Grant::Key(_) | Grant::Token(_) => {
                Err(Refusal::new(ErrorCode::NotAuthorised, format!("This needs a key with the operation {operation}.")))
            }
        }
    }

    pub(crate) fn client_id(&self) -> Option<Arc<str>> {
        match &self.grant {
            Grant::Key(_) => None,
            Grant::Token(token) => token.client_id.clone(),
        }
    }
}

/// Checks a Pusher signature. `app` is the path's app id; `None` for the one path without it, where the key says which app.
///
/// An unknown app and a foreign key look the same from outside.
pub(crate) async fn pusher(node: &SharedNode, app: Option<&str>, call: &Call) -> Result<Caller, Refusal> {
    let caller = signed_as_pusher(node, app, call).await?;
    call.requester.is(&caller);
    Ok(caller)
}

async fn signed_as_pusher(node: &SharedNode, app: Option<&str>, call: &Call) -> Result<Caller, Refusal> {
    let query = query_pairs(&call.uri);
    let request = PusherRequest { method: call.method.as_str(), path: call.uri.path(), query: &query, body: &call.body };
    let key_id = request.key_id().ok_or_else(|| {
        Refusal::new(
            ErrorCode::CredentialsMissing,
            "The query parameter auth_key is missing; sign the request with a Pusher server library.",
        )
    })?;
    let found = standard_key(node, key_id).await?;
    if let Some(app) = app
        && app.parse::<AppId>() != Ok(found.app.id)
    {
        return Err(Refusal::new(ErrorCode::UnknownKey, "This app has no such key; check the app id in the path and the key."));
    }
    request.verify(&found.secret, node.now().wall_s())?;
    Ok(Caller::with_key(found))
}

/// Reads the `Authorization` header: `Peal-HMAC-SHA256`, `Basic` with a key, or `Bearer` with a client token.
pub(crate) async fn native(node: &SharedNode, call: &Call) -> Result<Caller, Refusal> {
    let caller = authorised(node, call).await?;
    call.requester.is(&caller);
    Ok(caller)
}

async fn authorised(node: &SharedNode, call: &Call) -> Result<Caller, Refusal> {
    let authorization = header_text(&call.headers).ok_or_else(|| {
        Refusal::new(
            ErrorCode::CredentialsMissing,
            "The Authorization header is missing; use Basic with key id and secret, Peal-HMAC-SHA256, or Bearer with a client token.",
        )
    })?;
    let (scheme, parameters) = authorization.split_once(' ').unwrap_or((authorization, ""));
    if scheme.eq_ignore_ascii_case("peal-hmac-sha256") {
        let parts = NativeAuthorization::parse(parameters)?;
        let key = standard_key(node, parts.key_id).await?;
        let request = NativeRequest {
            method: call.method.as_str(),
            path: call.uri.path(),
            query: call.uri.query().unwrap_or_default(),
            body: &call.body,
        };
        request.verify(&key.secret, &parts, node.now().wall_s())?;
        return Ok(Caller::with_key(key));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let (id, secret) = basic(parameters)?;
        let key = standard_key(node, &id).await?;
        if !secret_matches(&key.secret, &secret) {
            return Err(Refusal::new(ErrorCode::SignatureInvalid, "The secret does not belong to this key id."));
        }
        return Ok(Caller::with_key(key));
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        let found = key(node, &token::key_id(parameters)?).await?;
        found.check_origin(call.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()))?;
        let app = found.app;
        let token = token::verify(&app, parameters, node.now())?;
        return Ok(Caller { app, grant: Grant::Token(Box::new(token)) });
    }
    Err(Refusal::new(ErrorCode::CredentialsMissing, "This Authorization scheme is not known; use Basic, Peal-HMAC-SHA256 or Bearer."))
}

fn header_text(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

fn basic(parameters: &str) -> Result<(String, String), Refusal> {
    let unreadable = || Refusal::new(ErrorCode::CredentialsMissing, "HTTP Basic must carry base64 of <key id>:<secret>.");
    let decoded = STANDARD.decode(parameters.trim()).map_err(|_| unreadable())?;
    let text = String::from_utf8(decoded).map_err(|_| unreadable())?;
    let (id, secret) = text.split_once(':').ok_or_else(unreadable)?;
    Ok((id.to_owned(), secret.to_owned()))
}

/// A key that customers hold; the dashboard's own never signs requests.
async fn standard_key(node: &SharedNode, id: &str) -> Result<FoundKey, Refusal> {
    let key = key(node, id).await?;
    match key.kind {
        KeyKind::Standard => Ok(key),
        KeyKind::Console => Err(Refusal::of(ErrorCode::UnknownKey)),
    }
}

/// A live key of an app that is not paused. A key that is not known yet costs one look at Postgres, shared by all who wait for one.
async fn key(node: &SharedNode, id: &str) -> Result<FoundKey, Refusal> {
    let look = || -> Result<FoundKey, Refusal> {
        let directory = node.directory.current();
        let (app, key) = directory.resolve_key(id, node.now().wall_ms)?;
        let at = app.keys.iter().position(|other| std::ptr::eq(other, key)).ok_or(Refusal::of(ErrorCode::Internal))?;
        Ok(FoundKey { app: Arc::clone(app), at })
    };
    match look() {
        Err(refusal) if matches!(refusal.code, ErrorCode::UnknownKey | ErrorCode::DirectoryStale) => {
            Box::pin(node.directory.refresh()).await;
            look()
        }
        answer => answer,
    }
}
