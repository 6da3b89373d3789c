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

    /// As a browser writes it in the `Origin` header: nothing after the host, no port that the scheme implies. `None` for a URL that says
    /// more than an origin does.
    pub(crate) fn canonical(text: &str) -> Option<String> {
        let text = text.trim();
        let origin = Origin::parse(text)?;
        let uri: Uri = text.parse().ok()?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains(['@', '#', '*']);
        let scheme = if origin.https { "https" } else { "http" };
        let implied = origin.port == if origin.https { 443 } else { 80 };
        let port = if implied { String::new() } else { format!(":{}", origin.port) };
        bare.then(|| format!("{scheme}://{}{port}", origin.host))
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
    fn an_origin_is_written_as_browsers_do() {
        assert_eq!(Origin::canonical(" https://App.Example:443/ ").as_deref(), Some("https://app.example"));
        assert_eq!(Origin::canonical("http://localhost:3000").as_deref(), Some("http://localhost:3000"));
        assert_eq!(Origin::canonical("http://[::1]:80").as_deref(), Some("http://[::1]"));
        for more in [
            "*",
            "https://*.example",
            "https://a.example/path",
            "https://a.example?x",
            "https://u@a.example",
            "https://a.example#x",
            "a.example",
        ] {
            assert_eq!(Origin::canonical(more), None, "{more}");
        }
    }

    #[test]
    fn a_policy_gets_the_plain_and_the_socket_source() {
        assert_eq!(Origin::parse("http://127.0.0.1:7100").unwrap().connect_sources(), "http://127.0.0.1:7100 ws://127.0.0.1:7100");
        assert_eq!(Origin::parse("https://rt.example").unwrap().connect_sources(), "https://rt.example:443 wss://rt.example:443");
    }
}
