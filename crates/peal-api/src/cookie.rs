//! The session cookie. Over https it carries the `__Host-` prefix, with which browsers themselves refuse a cookie that was set for
//! a parent domain, another path, or over http.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use peal_store::SessionToken;

/// The absolute lifetime of a session; the server ends it earlier when it is idle.
const MAX_AGE_S: u32 = 60 * 24 * 3600;

pub(crate) struct SessionCookie {
    name: &'static str,
    attributes: &'static str,
}

impl SessionCookie {
    pub(crate) fn new(secure: bool) -> Self {
        if secure {
            SessionCookie { name: "__Host-sid", attributes: "; Path=/; HttpOnly; SameSite=Lax; Secure" }
        } else {
            SessionCookie { name: "peal_sid", attributes: "; Path=/; HttpOnly; SameSite=Lax" }
        }
    }

    /// Whether the browser sent one at all, valid or not.
    pub(crate) fn is_present(&self, headers: &HeaderMap) -> bool {
        self.values(headers).next().is_some()
    }

    pub(crate) fn read(&self, headers: &HeaderMap) -> Option<SessionToken> {
        self.values(headers).find_map(SessionToken::parse)
    }

    pub(crate) fn set(&self, token: &SessionToken) -> HeaderValue {
        let value = format!("{}={}{}; Max-Age={MAX_AGE_S}", self.name, token.expose(), self.attributes);
        let mut header = HeaderValue::from_str(&value).expect("names, attributes and base64url are header text");
        header.set_sensitive(true);
        header
    }

    pub(crate) fn clear(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("{}={}; Max-Age=0", self.name, self.attributes)).expect("constants are header text")
    }

    fn values<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter_map(|(name, value)| (name == self.name).then_some(value))
    }
}
