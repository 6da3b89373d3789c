//! Keys: a public id and a secret, with capabilities (DESIGN section 6).

use secrecy::SecretString;

use crate::capability::Capabilities;
use crate::id::KeyId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Standard,
    /// Signs the dashboard's own five-minute tokens; never shown, never accepted for REST or Pusher signatures.
    Console,
}

/// The secret prints as `[REDACTED]`.
#[derive(Debug, Clone)]
pub struct Key {
    pub id: KeyId,
    pub kind: KeyKind,
    pub secret: SecretString,
    pub capabilities: Capabilities,
    /// Origins that browsers may connect from; empty allows all.
    pub allowed_origins: Vec<String>,
    /// Unix milliseconds. A key is dead from this moment.
    pub expires_at_ms: Option<u64>,
}

impl Key {
    #[must_use]
    pub fn is_live(&self, wall_ms: u64) -> bool {
        self.expires_at_ms.is_none_or(|at| wall_ms < at)
    }
}
