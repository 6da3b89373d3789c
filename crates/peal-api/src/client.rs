//! Who is at the other end of a request: address, user agent, and the request's own id. Set once by the outermost layer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::header::USER_AGENT;
use http::request::Parts;
use peal_core::TrustedProxies;
use peal_store::SessionOrigin;
use uuid::Uuid;

/// Made here and never taken from the request, because the audit log and the customer's support rely on it.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

impl RequestId {
    pub(crate) fn generate() -> Self {
        RequestId(Uuid::now_v7().simple().to_string())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) ip: IpAddr,
    pub(crate) user_agent: String,
    pub(crate) request_id: String,
}

impl Client {
    pub(crate) fn origin(&self) -> SessionOrigin {
        SessionOrigin { ip: self.ip, user_agent: self.user_agent.clone() }
    }

    pub(crate) fn of(parts: &Parts, proxies: &TrustedProxies) -> Self {
        // A router that is served without addresses (a test) counts everybody as one client.
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let ip = proxies.client(peer, forwarded);
        let user_agent =
            parts.headers.get(USER_AGENT).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let request_id = parts.extensions.get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
        Client { ip, user_agent, request_id }
    }
}
