//! What every handler shares.

use std::sync::Arc;

use peal_core::TrustedProxies;
use peal_store::Store;

use crate::config::ApiConfig;
use crate::cookie::SessionCookie;
use crate::dashboard::Dashboard;
use crate::limits::Limits;
use crate::origin::Origin;
use crate::password::Passwords;

#[derive(Clone)]
pub(crate) struct ApiState(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    pub(crate) limits: Limits,
    pub(crate) cookie: SessionCookie,
    pub(crate) dashboard: Dashboard,
    /// Also where the pages about errors are.
    pub(crate) public_url: String,
    /// `None` when the configured URL is not one; then no `Origin` is ours.
    pub(crate) public_origin: Option<Origin>,
    pub(crate) edge_origin: Option<Origin>,
    pub(crate) edge_url: String,
    pub(crate) dev: bool,
    pub(crate) signups: bool,
    pub(crate) trusted_proxies: TrustedProxies,
}

impl ApiState {
    pub(crate) fn new(config: ApiConfig, store: Store) -> Self {
        let origin = |name: &str, url: &str| {
            let parsed = Origin::parse(url);
            if parsed.is_none() {
                tracing::error!(url, "{name} is not an http(s) URL");
            }
            parsed
        };
        let public_origin = origin("public_url", &config.public_url);
        let secure = public_origin.as_ref().is_some_and(Origin::is_https);
        ApiState(Arc::new(Shared {
            store,
            passwords: Passwords::new(config.password_cost),
            limits: Limits::new(config.dev),
            cookie: SessionCookie::new(secure),
            dashboard: Dashboard::new(config.dashboard_dir),
            public_url: config.public_url,
            public_origin,
            edge_origin: origin("edge_url", &config.edge_url),
            edge_url: config.edge_url,
            dev: config.dev,
            signups: config.signups,
            trusted_proxies: config.trusted_proxies,
        }))
    }
}

impl std::ops::Deref for ApiState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
