//! Keys: a public id and a secret, with capabilities (DESIGN section 6).

mod secret;

use crate::capability::Capabilities;
use crate::error::{ErrorCode, Refusal};
use crate::id::KeyId;

pub use secret::KeySecret;

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
    pub secret: KeySecret,
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

    /// Browsers say where a page is from; a key may be bound to such places. What is no browser says nothing and is not bound.
    ///
    /// # Errors
    /// `origin_not_allowed`.
    pub fn check_origin(&self, origin: Option<&str>) -> Result<(), Refusal> {
        let Some(origin) = origin else { return Ok(()) };
        let allowed = |given: &String| given == "*" || given.trim_end_matches('/').eq_ignore_ascii_case(origin);
        if self.allowed_origins.is_empty() || self.allowed_origins.iter().any(allowed) {
            return Ok(());
        }
        Err(Refusal::of(ErrorCode::OriginNotAllowed))
    }
}
