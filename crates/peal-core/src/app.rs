//! An app as the edge sees it: everything that decides about a connection or a publish, in one immutable value.

use serde::{Deserialize, Serialize};

use crate::id::{AppId, KeyId, OrgId};
use crate::key::Key;
use crate::limit::Limits;
use crate::rule::Rules;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    Development,
    Production,
}

/// Optional features of the Pusher protocol, off in a new production app as at Pusher, on in development apps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// Tell the subscribers of a channel how many they are.
    pub subscription_count: bool,
    /// Tell signed-in users which of the users that they watch are online.
    pub watchlist: bool,
    /// Close connections that neither sign in nor subscribe to a private or presence channel.
    pub authorized_connections: bool,
}

/// Keys that are revoked or expired for good are not in `keys`.
#[derive(Debug, Clone)]
pub struct App {
    pub id: AppId,
    pub org: OrgId,
    pub name: String,
    pub environment: Environment,
    pub paused: bool,
    pub features: Features,
    pub limits: Limits,
    pub keys: Vec<Key>,
    pub rules: Rules,
    pub revocations: Revocations,
}

impl App {
    #[must_use]
    pub fn key(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id.as_str() == id)
    }
}

/// Revoked tokens of an app. Entries may be dropped once every token they cover has expired (24 h).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revocations {
    /// Client id → tokens issued before this Unix second are dead.
    pub clients: Vec<(String, u64)>,
    pub token_ids: Vec<String>,
    pub keys: Vec<KeyId>,
    /// Tokens of any client issued before this Unix second are dead.
    pub issued_before: Option<u64>,
}

impl Revocations {
    /// Whether a token with these claims is revoked. A token without `iat` counts as issued at the beginning of time.
    #[must_use]
    pub fn cover(&self, key: &KeyId, client: Option<&str>, token_id: Option<&str>, issued_at: Option<u64>) -> bool {
        let issued_at = issued_at.unwrap_or(0);
        self.keys.contains(key)
            || self.issued_before.is_some_and(|before| issued_at < before)
            || token_id.is_some_and(|id| self.token_ids.iter().any(|revoked| revoked == id))
            || client.is_some_and(|id| self.clients.iter().any(|(revoked, before)| revoked == id && issued_at < *before))
    }
}
