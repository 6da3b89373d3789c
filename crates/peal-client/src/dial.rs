//! From an address to a byte stream. Behind a function, so that tests connect to a server in the same process without a socket.

use std::fmt;
use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::error::ClientError;

pub(crate) trait Transport: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Transport for T {}

pub(crate) type Dial = Arc<dyn Fn() -> BoxFuture<'static, io::Result<Box<dyn Transport>>> + Send + Sync>;

/// A server's address, without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What the server has in front of its paths, without a trailing slash.
    pub(crate) prefix: String,
}

impl Address {
    /// Reads `http://` or `ws://` addresses.
    pub(crate) fn parse(url: &str) -> Result<Self, ClientError> {
        let uri: Uri = url.parse().map_err(|error| ClientError::InvalidUrl(format!("{url}: {error}")))?;
        match uri.scheme_str() {
            Some("http" | "ws") => {}
            Some(tls @ ("https" | "wss")) => {
                let instead = "end TLS in front of it, or use http:// to a local port";
                return Err(ClientError::InvalidUrl(format!("{url}: this client has no TLS, so {tls}:// does not work; {instead}")));
            }
            _ => return Err(ClientError::InvalidUrl(format!("{url}: it must begin with http://"))),
        }
        let host = uri.host().ok_or_else(|| ClientError::InvalidUrl(format!("{url}: it names no host")))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: uri.port_u16().unwrap_or(80), prefix: uri.path().trim_end_matches('/').to_owned() })
    }

    /// Host and port as an URL and the `Host` header have them.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }

    pub(crate) fn dial(&self) -> Dial {
        let address = (self.host.clone(), self.port);
        Arc::new(move || {
            let (host, port) = address.clone();
            Box::pin(async move {
                let stream = TcpStream::connect((host, port)).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream) as Box<dyn Transport>)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_port_and_prefix() {
        let address = Address::parse("http://edge.example:7100/peal/").expect("valid");
        assert_eq!((address.authority().as_str(), address.prefix.as_str()), ("edge.example:7100", "/peal"));
        assert_eq!(Address::parse("ws://[::1]").expect("valid").authority(), "[::1]:80");
    }

    #[test]
    fn what_cannot_work_is_said_plainly() {
        for (url, word) in
            [("https://edge.example", "TLS"), ("wss://edge.example", "TLS"), ("edge.example", "http://"), ("ftp://a", "http://")]
        {
            let error = Address::parse(url).expect_err(url);
            assert!(error.to_string().contains(word) && !error.retryable(), "{error}");
        }
    }
}
