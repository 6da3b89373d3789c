//! Signatures over requests and subscriptions: Pusher's and the native one. Every comparison is in constant time.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{ErrorCode, Refusal};
use crate::id::ConnectionId;
use crate::key::KeySecret;

/// How far a signed timestamp may be off, in seconds.
pub const TIMESTAMP_TOLERANCE_S: u64 = 600;

/// HMAC-SHA256 in lower-case hex.
#[must_use]
pub fn hmac_hex(secret: &SecretString, text: &[u8]) -> String {
    hex::encode(hmac(secret, text))
}

fn hmac(secret: &SecretString, text: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length, so this cannot fail.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("HMAC accepts any key length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// Whether `given_hex` is the HMAC-SHA256 of `text`, compared as bytes in constant time; case of the hex does not matter.
#[must_use]
pub fn hmac_matches(secret: &SecretString, text: &[u8], given_hex: &str) -> bool {
    let mut given = [0; 32];
    hex::decode_to_slice(given_hex, &mut given).is_ok() && bool::from(hmac(secret, text).ct_eq(&given))
}

/// MD5 in lower-case hex: what Pusher's `body_md5` is.
#[must_use]
pub fn md5_hex(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

fn push_pairs<'t>(text: &mut String, pairs: impl Iterator<Item = (&'t str, &'t str)>) {
    for (place, (key, value)) in pairs.enumerate() {
        let separator = if place == 0 { "" } else { "&" };
        for part in [separator, key, "=", value] {
            text.push_str(part);
        }
    }
}

fn timestamp_fresh(timestamp_s: u64, now_s: u64) -> Result<(), Refusal> {
    let off = now_s.abs_diff(timestamp_s);
    if off <= TIMESTAMP_TOLERANCE_S {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::TimestampStale,
        format!("The timestamp {timestamp_s} is {off} seconds off the server's clock; at most {TIMESTAMP_TOLERANCE_S} are accepted."),
    ))
}

/// A Pusher REST request, ready to be checked (Pusher protocol 7, Signing).
#[derive(Debug)]
pub struct PusherRequest<'a, T = String> {
    /// Upper case.
    pub method: &'a str,
    /// As sent, still percent-encoded.
    pub path: &'a str,
    /// Decoded pairs in the order sent.
    pub query: &'a [(T, T)],
    pub body: &'a [u8],
}

impl<T: AsRef<str>> PusherRequest<'_, T> {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.as_ref() == name).map(|(_, value)| value.as_ref())
    }

    /// The `auth_key` parameter.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.parameter("auth_key")
    }

    /// The text under the signature: method, path, and the sorted query without the signature itself.
    #[must_use]
    pub fn signed_text(&self) -> String {
        let pairs = self.query.iter().map(|(key, value)| (key.as_ref(), value.as_ref()));
        let pairs = pairs.filter(|(key, _)| !key.eq_ignore_ascii_case("auth_signature"));
        let size: usize = pairs.clone().map(|(key, value)| key.len() + value.len() + 2).sum();
        let mut text = String::with_capacity(self.method.len() + self.path.len() + size + 2);
        for part in [self.method, "\n", self.path, "\n"] {
            text.push_str(part);
        }
        // Most libraries send what they sign: sorted, in lower case.
        let is_plain = |key: &str| !key.bytes().any(|byte| byte.is_ascii_uppercase());
        if pairs.clone().all(|(key, _)| is_plain(key)) && pairs.clone().is_sorted_by(|(a, _), (b, _)| a <= b) {
            push_pairs(&mut text, pairs);
        } else {
            let mut sorted: Vec<_> = pairs.map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
            sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
            push_pairs(&mut text, sorted.iter().map(|(key, value)| (key.as_str(), *value)));
        }
        text
    }

    /// # Errors
    /// 401 with what is missing or wrong: version, timestamp, body hash, signature, in this order.
    pub fn verify(&self, secret: &KeySecret, now_s: u64) -> Result<(), Refusal> {
        let missing = |name: &str| Refusal::new(ErrorCode::CredentialsMissing, format!("The query parameter {name} is missing."));
        if self.parameter("auth_version").ok_or_else(|| missing("auth_version"))? != "1.0" {
            return Err(Refusal::new(ErrorCode::SignatureInvalid, "auth_version must be 1.0."));
        }
        let timestamp = self.parameter("auth_timestamp").ok_or_else(|| missing("auth_timestamp"))?;
        let timestamp =
            timestamp.parse().map_err(|_| Refusal::new(ErrorCode::TimestampStale, "auth_timestamp is not a Unix time in seconds."))?;
        let signature = self.parameter("auth_signature").ok_or_else(|| missing("auth_signature"))?;
        timestamp_fresh(timestamp, now_s)?;
        match self.parameter("body_md5") {
            Some(given) => {
                let mut hash = [0; 16];
                let is_hash = hex::decode_to_slice(given, &mut hash).is_ok();
                if !is_hash || !bool::from(Md5::digest(self.body).as_slice().ct_eq(&hash)) {
                    return Err(Refusal::new(ErrorCode::BodyHashInvalid, "body_md5 is not the MD5 of the body that arrived."));
                }
            }
            None if self.body.is_empty() => {}
            None => return Err(missing("body_md5")),
        }
        if secret.signed(self.signed_text().as_bytes(), signature) {
            Ok(())
        } else {
            Err(Refusal::new(
                ErrorCode::SignatureInvalid,
                format!("The signature does not match; this server signed {:?}.", self.signed_text()),
            ))
        }
    }
}

/// Checks the `auth` of a Pusher channel subscription: `KEY:HMAC(socket_id:channel[:channel_data])`.
#[must_use]
pub fn pusher_channel_matches(
    secret: &SecretString,
    connection: ConnectionId,
    channel: &str,
    channel_data: Option<&str>,
    given_hex: &str,
) -> bool {
    hmac_matches(secret, pusher_channel_text(connection, channel, channel_data).as_bytes(), given_hex)
}

/// The text that a server signs to let a connection into a private or presence channel.
#[must_use]
pub fn pusher_channel_text(connection: ConnectionId, channel: &str, channel_data: Option<&str>) -> String {
    match channel_data {
        Some(data) => format!("{}:{channel}:{data}", connection.socket_id()),
        None => format!("{}:{channel}", connection.socket_id()),
    }
}

/// The text that a server signs to let a connection sign in: `socket_id::user::user_data`.
#[must_use]
pub fn pusher_user_text(connection: ConnectionId, user_data: &str) -> String {
    format!("{}::user::{user_data}", connection.socket_id())
}

/// A request signed with `Authorization: Peal-HMAC-SHA256` (protocol 7).
#[derive(Debug)]
pub struct NativeRequest<'a> {
    pub method: &'a str,
    /// As sent.
    pub path: &'a str,
    /// As sent, without `?`.
    pub query: &'a str,
    pub body: &'a [u8],
}

/// The parts of the `Authorization` value.
#[derive(Debug, PartialEq, Eq)]
pub struct NativeAuthorization<'a> {
    pub key_id: &'a str,
    pub timestamp_s: u64,
    pub signature: &'a str,
}

impl<'a> NativeAuthorization<'a> {
    /// Reads what follows `Peal-HMAC-SHA256 `.
    pub fn parse(parameters: &'a str) -> Result<Self, Refusal> {
        let (mut key, mut ts, mut sig) = (None, None, None);
        for part in parameters.split(',') {
            match part.trim().split_once('=') {
                Some(("key", value)) => key = Some(value),
                Some(("ts", value)) => ts = value.parse().ok(),
                Some(("sig", value)) => sig = Some(value),
                _ => {}
            }
        }
        match (key, ts, sig) {
            (Some(key_id), Some(timestamp_s), Some(signature)) => Ok(Self { key_id, timestamp_s, signature }),
            _ => Err(Refusal::new(
                ErrorCode::CredentialsMissing,
                "The Authorization header must read: Peal-HMAC-SHA256 key=<key id>, ts=<Unix seconds>, sig=<hex>.",
            )),
        }
    }
}

impl NativeRequest<'_> {
    #[must_use]
    pub fn signed_text(&self, timestamp_s: u64) -> String {
        let mut pairs: Vec<&str> = self.query.split('&').filter(|pair| !pair.is_empty()).collect();
        pairs.sort_unstable();
        format!("{}\n{}\n{}\n{}\n{timestamp_s}", self.method, self.path, pairs.join("&"), hex::encode(Sha256::digest(self.body)))
    }

    /// # Errors
    /// `timestamp_stale` or `signature_invalid`.
    pub fn verify(&self, secret: &KeySecret, authorization: &NativeAuthorization<'_>, now_s: u64) -> Result<(), Refusal> {
        timestamp_fresh(authorization.timestamp_s, now_s)?;
        if secret.signed(self.signed_text(authorization.timestamp_s).as_bytes(), authorization.signature) {
            Ok(())
        } else {
            Err(Refusal::of(ErrorCode::SignatureInvalid))
        }
    }

    #[must_use]
    pub fn authorization(&self, key_id: &str, secret: &SecretString, now_s: u64) -> String {
        format!("Peal-HMAC-SHA256 key={key_id}, ts={now_s}, sig={}", hmac_hex(secret, self.signed_text(now_s).as_bytes()))
    }
}

/// Whether two secrets are equal, in constant time for equal lengths (HTTP Basic).
#[must_use]
pub fn secret_matches(secret: &SecretString, given: &str) -> bool {
    bool::from(secret.expose_secret().as_bytes().ct_eq(given.as_bytes()))
}
