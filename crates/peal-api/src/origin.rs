//! Web origins: scheme, host and port, compared as browsers do (RFC 6454).

use http::Uri;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    https: bool,
    /// Lower case, IPv6 in brackets.
    host: String,
    port: u16,
}

impl Origin {
    /// From a URL or the value of an `Origin` header. `None` if it is not http or https.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.trim().parse().ok()?;
        let https = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        Some(Origin { https, host, port })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    /// The two sources that a content security policy needs for fetches and sockets.
    pub(crate) fn connect_sources(&self) -> String {
        let (http, ws) = if self.https { ("https", "wss") } else { ("http", "ws") };
        let Origin { host, port, .. } = self;
        format!("{http}://{host}:{port} {ws}://{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_by_scheme_host_and_port() {
        let origin = |url: &str| Origin::parse(url);
        assert_eq!(origin("https://Peal.example/path?x"), origin("https://peal.example:443"));
        assert_ne!(origin("https://peal.example"), origin("http://peal.example"));
        assert_ne!(origin("http://127.0.0.1:7200"), origin("http://localhost:7200"));
        assert_eq!(origin("http://[::1]:7200").unwrap().host, "[::1]");
        for none in ["", "null", "peal.example", "ftp://x", "https://", "javascript:alert(1)"] {
            assert_eq!(origin(none), None, "{none}");
        }
    }

    #[test]
    fn a_policy_gets_the_plain_and_the_socket_source() {
        assert_eq!(Origin::parse("http://127.0.0.1:7100").unwrap().connect_sources(), "http://127.0.0.1:7100 ws://127.0.0.1:7100");
        assert_eq!(Origin::parse("https://rt.example").unwrap().connect_sources(), "https://rt.example:443 wss://rt.example:443");
    }
}
