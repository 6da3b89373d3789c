//! Client tokens: JWTs, HS256 only, signed with a key's secret (protocol 6, DESIGN section 6).
//!
//! Verification has two steps so that a token can never choose its own rules: [`key_id`] reads only *which key* it claims,
//! the caller finds that key's app, and [`verify`] checks everything against that app.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::app::App;
use crate::capability::{Capabilities, Operation};
use crate::channel::ChannelName;
use crate::error::{ErrorCode, Refusal};
use crate::id::KeyId;
use crate::json::depth_at_most;
use crate::key::Key;
use crate::now::Now;

/// A token may live at most this long, in seconds.
pub const LIFETIME_MAX_S: u64 = 24 * 3600;
/// `iat` and `nbf` may be at most this far in the future.
const FUTURE_MAX_S: u64 = 30;
/// `info` is shown within frames, whose own bound must hold with it.
const INFO_DEPTH_MAX: usize = 32;
/// Longer is no token of ours.
const LENGTH_MAX: usize = 8 * 1024;

/// The claims as they are on the wire.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Claims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    pub exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<Capabilities>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ch: Option<String>,
    /// `console` marks the dashboard's own connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cls: Option<String>,
}

/// Claims by name, before anything is known of them.
type Given = BTreeMap<String, Box<RawValue>>;

impl Claims {
    /// Claims that mean nothing here are ignored.
    fn read(given: &Given) -> Result<Self, Refusal> {
        Ok(Self {
            sub: claim(given, "sub", "a text, the client id")?,
            exp: seconds(given, "exp")?.ok_or_else(|| invalid("The token has no exp; say in Unix seconds when it expires."))?,
            iat: seconds(given, "iat")?,
            nbf: seconds(given, "nbf")?,
            jti: claim(given, "jti", "a text")?,
            cap: claim(given, "cap", "an object of channel patterns, each with a list of operations")?,
            info: claim(given, "info", "JSON")?,
            ch: claim(given, "ch", "a text, the channel's name")?,
            cls: claim(given, "cls", "a text")?,
        })
    }

    /// Whether a token with these claims can be good for anything at some time. Who mints one learns of a mistake here, not from a
    /// refused connection.
    ///
    /// # Errors
    /// `token_invalid`, or what is wrong with the channel's name.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.sub.as_ref().is_some_and(|client| !(1..=128).contains(&client.len())) {
            return Err(invalid("The token's sub (client id) must have 1 to 128 characters."));
        }
        if self.info.as_deref().is_some_and(|info| !depth_at_most(info.get().as_bytes(), INFO_DEPTH_MAX)) {
            return Err(invalid(format!("The token's info nests deeper than {INFO_DEPTH_MAX} levels; flatten it.")));
        }
        self.channel().map(drop)
    }

    fn channel(&self) -> Result<Option<ChannelName>, Refusal> {
        self.ch.as_deref().map(ChannelName::parse).transpose()
    }
}

fn claim<T: DeserializeOwned>(given: &Given, name: &str, expected: &str) -> Result<Option<T>, Refusal> {
    let Some(value) = given.get(name) else { return Ok(None) };
    serde_json::from_str(value.get()).map_err(|error| {
        let why = if error.is_data() { error.to_string() } else { "it cannot be read".to_owned() };
        let why = why.split(" at line ").next().unwrap_or_default().to_owned();
        invalid(format!("The token's {name} must be {expected}: {why}."))
    })
}

/// A NumericDate (RFC 7519, section 2): seconds, which may have a fraction.
fn seconds(given: &Given, name: &str) -> Result<Option<u64>, Refusal> {
    let value: Option<f64> = claim(given, name, "a number, Unix time in seconds")?;
    match value {
        Some(value) if !(0.0..=SECONDS_MAX).contains(&value) => {
            Err(invalid(format!("The token's {name} is no Unix time in seconds; milliseconds are a thousand times too many.")))
        }
        value => Ok(value.map(|value| value as u64)),
    }
}

/// The year 2500: what lies beyond was meant as milliseconds.
const SECONDS_MAX: f64 = 16_725_225_600.0;

/// A verified token: what its bearer may do, and until when.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientToken {
    pub key: KeyId,
    pub client_id: Option<Arc<str>>,
    pub token_id: Option<String>,
    pub issued_at_s: Option<u64>,
    pub expires_at_s: u64,
    /// JSON text for presence.
    pub info: Option<Arc<str>>,
    /// A channel token is good for this channel alone.
    pub channel: Option<ChannelName>,
    /// The dashboard's own: counted as nothing.
    pub console: bool,
    /// `None`: subscribe to public channels, nothing else.
    granted: Option<Capabilities>,
    /// What the key itself may do: a token only narrows it.
    key_capabilities: Capabilities,
}

impl ClientToken {
    /// Whether the bearer may do this on this channel.
    #[must_use]
    pub fn allows(&self, operation: Operation, channel: &ChannelName) -> bool {
        if self.channel.as_ref().is_some_and(|only| only != channel) {
            return false;
        }
        let granted = match &self.granted {
            Some(capabilities) => capabilities.allows(operation, channel),
            None if self.channel.is_some() => operation == Operation::Subscribe,
            None => operation == Operation::Subscribe && channel.is_public(),
        };
        granted && self.key_capabilities.allows(operation, channel)
    }
}

/// Which key a token says it was signed with. Nothing about the token is proved yet.
///
/// # Errors
/// `token_invalid` when it is not a JWT with an HS256 header and a `kid`.
pub fn key_id(token: &str) -> Result<String, Refusal> {
    if token.len() > LENGTH_MAX {
        return Err(invalid("The token is longer than 8 KiB."));
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| invalid("The token is not a JWT with a readable header."))?;
    if header.alg != Algorithm::HS256 {
        return Err(invalid("The token must be signed with HS256."));
    }
    let kid = header.kid.ok_or_else(|| invalid("The token's header has no kid; put the key id there."))?;
    Ok(kid.rsplit('.').next().unwrap_or_default().to_owned())
}

/// Checks a token against the app whose key it names.
///
/// # Errors
/// `token_invalid`, `token_expired` or `token_revoked`, with a sentence that says which claim is wrong.
pub fn verify(app: &App, token: &str, now: Now) -> Result<ClientToken, Refusal> {
    let kid = key_id(token)?;
    let header = jsonwebtoken::decode_header(token).map_err(|_| invalid("The token is not a JWT with a readable header."))?;
    if let Some((app_part, _)) = header.kid.as_deref().and_then(|kid| kid.rsplit_once('.'))
        && app_part != app.id.to_string()
    {
        return Err(invalid("The app in the token's kid is not the app of its key."));
    }
    let key = app
        .key(&kid)
        .filter(|key| key.is_live(now.wall_ms))
        .ok_or_else(|| invalid("The key that the token names does not exist or is revoked."))?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let decoding = DecodingKey::from_secret(key.secret.expose_secret().as_bytes());
    let given = jsonwebtoken::decode::<Given>(token, &decoding, &validation).map_err(|error| decode_refusal(&error))?.claims;
    let claims = Claims::read(&given)?;
    check_times(&claims, now.wall_s())?;
    if app.revocations.cover(&key.id, claims.sub.as_deref(), claims.jti.as_deref(), claims.iat) {
        return Err(Refusal::of(ErrorCode::TokenRevoked));
    }
    client_token(key, claims)
}

fn decode_refusal(error: &jsonwebtoken::errors::Error) -> Refusal {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => invalid("The token's signature does not match its key."),
        ErrorKind::Json(_) => invalid("The token's claims are not a JSON object."),
        _ => Refusal::of(ErrorCode::TokenInvalid),
    }
}

fn check_times(claims: &Claims, now_s: u64) -> Result<(), Refusal> {
    if claims.exp <= now_s {
        return Err(Refusal::of(ErrorCode::TokenExpired));
    }
    if claims.exp > now_s + LIFETIME_MAX_S {
        return Err(invalid("The token expires more than 24 hours ahead; use a shorter lifetime and renew it."));
    }
    for (name, claim) in [("iat", claims.iat), ("nbf", claims.nbf)] {
        if claim.is_some_and(|at| at > now_s + FUTURE_MAX_S) {
            return Err(invalid(format!(
                "The token's {name} is more than 30 seconds in the future; check the clock of the signing machine."
            )));
        }
    }
    Ok(())
}

fn client_token(key: &Key, claims: Claims) -> Result<ClientToken, Refusal> {
    claims.check()?;
    let channel = claims.channel()?;
    Ok(ClientToken {
        key: key.id.clone(),
        client_id: claims.sub.map(Into::into),
        token_id: claims.jti,
        issued_at_s: claims.iat,
        expires_at_s: claims.exp,
        info: claims.info.map(|raw| raw.get().into()),
        channel,
        console: key.kind == crate::key::KeyKind::Console && claims.cls.as_deref() == Some("console"),
        granted: claims.cap,
        key_capabilities: key.capabilities.clone(),
    })
}

/// Signs a token with a key's secret.
///
/// # Errors
/// Only if the claims cannot be printed as JSON, which for [`Claims`] does not happen.
pub fn mint(key: &KeyId, secret: &secrecy::SecretString, claims: &Claims) -> Result<String, Refusal> {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(key.to_string());
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret.expose_secret().as_bytes()))
        .map_err(|_| Refusal::of(ErrorCode::Internal))
}

fn invalid(detail: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::TokenInvalid, detail)
}
