//! What the control plane can be told.

use std::path::PathBuf;

use argon2::Params;
use peal_core::TrustedProxies;

#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Where browsers reach this server. With `http` the session cookie is not `Secure`, which only suits `peal dev`.
    pub public_url: String,
    /// Where browsers reach the edge: handed to the dashboard and allowed in its content security policy.
    pub edge_url: String,
    /// A development server: generous rate limits, and the dashboard says so.
    pub dev: bool,
    pub password_cost: PasswordCost,
    /// Serve the dashboard from this folder instead of the one built in.
    pub dashboard_dir: Option<PathBuf>,
    /// Whether strangers may make accounts.
    pub signups: bool,
    /// Whose `X-Forwarded-For` is believed. Without it everybody behind a load balancer shares one rate limit.
    pub trusted_proxies: TrustedProxies,
}

impl ApiConfig {
    /// For a server that only these two addresses tell from others: default password cost, sign-ups open, no proxies.
    #[must_use]
    pub fn new(public_url: impl Into<String>, edge_url: impl Into<String>) -> Self {
        ApiConfig {
            public_url: public_url.into(),
            edge_url: edge_url.into(),
            dev: false,
            password_cost: PasswordCost::default(),
            dashboard_dir: None,
            signups: true,
            trusted_proxies: TrustedProxies::default(),
        }
    }
}

/// Parameters of argon2id. The default (64 MiB, 3 passes, one lane) takes about 0.2 s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordCost {
    params: Params,
}

#[derive(Debug, thiserror::Error)]
#[error("argon2id cannot run with {memory_kib} KiB and {passes} passes; it needs at least 8 KiB and 1 pass")]
pub struct PasswordCostError {
    memory_kib: u32,
    passes: u32,
}

impl PasswordCost {
    /// # Errors
    /// Below 8 KiB or one pass.
    pub fn new(memory_kib: u32, passes: u32) -> Result<Self, PasswordCostError> {
        let params = Params::new(memory_kib, passes, 1, None).map_err(|_| PasswordCostError { memory_kib, passes })?;
        Ok(PasswordCost { params })
    }

    pub(crate) fn params(&self) -> &Params {
        &self.params
    }
}

impl Default for PasswordCost {
    fn default() -> Self {
        PasswordCost::new(64 * 1024, 3).expect("64 MiB and 3 passes are within argon2's bounds")
    }
}
