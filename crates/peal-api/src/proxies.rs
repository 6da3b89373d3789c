//! Whose word about the client's address counts.
//!
//! A proxy appends the address it saw to `X-Forwarded-For`, and whoever talks to us may have written anything before that. So the
//! list is read from its end, past the proxies that are trusted, to the first address that is not: that one was seen by a trusted
//! machine. Everything left of it is hearsay.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;

/// Networks such as `10.0.0.0/8, ::1`. Empty trusts nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies(Vec<Network>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    base: IpAddr,
    prefix: u8,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not an address or a network such as 10.0.0.0/8")]
pub struct TrustedProxiesError(String);

impl FromStr for TrustedProxies {
    type Err = TrustedProxiesError;

    /// Separated by commas.
    fn from_str(text: &str) -> Result<Self, TrustedProxiesError> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(|entry| Network::parse(entry).ok_or_else(|| TrustedProxiesError(entry.to_owned()))).collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    /// The client's address, given who is at the other end of the socket.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let forwarded =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        for seen in forwarded.map(str::trim).collect::<Vec<_>>().into_iter().rev() {
            let Some(seen) = self.trusts(client).then(|| seen.parse::<IpAddr>().ok()).flatten() else { break };
            client = seen.to_canonical();
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base.parse().ok()?, Some(prefix.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let longest = if matches!(base, IpAddr::V4(_)) { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        (prefix <= longest).then_some(Network { base, prefix })
    }

    fn contains(self, address: IpAddr) -> bool {
        // A shift by the whole width is a prefix of nothing, which everything has.
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                (base.to_bits() ^ address.to_bits()).checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                (base.to_bits() ^ address.to_bits()).checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&'static str]) -> String {
        let headers =
            forwarded.iter().map(|value| (http::HeaderName::from_static("x-forwarded-for"), http::HeaderValue::from_static(value)));
        let trusted: TrustedProxies = trusted.parse().unwrap();
        trusted.client(peer.parse().unwrap(), &headers.collect()).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(client("", "10.0.0.1", &["192.0.2.7"]), "10.0.0.1");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(client("10.0.0.0/8", "198.51.100.1", &["192.0.2.7"]), "198.51.100.1");
        assert_eq!(client("10.0.0.0/8", "::ffff:10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_a_client_wrote_itself_is_hearsay() {
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["1.1.1.1, 192.0.2.7"]), "192.0.2.7");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["1.1.1.1", "192.0.2.7, 10.9.9.9"]), "192.0.2.7");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["192.0.2.7, nonsense, 10.2.2.2"]), "10.2.2.2");
    }

    #[test]
    fn networks_are_read_and_nonsense_is_not() {
        assert_eq!(client("0.0.0.0/0", "203.0.113.5", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(client("127.0.0.1, ::1", "::1", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(client("192.168.4.0/22", "192.168.8.1", &["192.0.2.7"]), "192.168.8.1");
        for bad in ["10.0.0.0/33", "::/129", "10.0.0/8", "host", "10.0.0.0/-1", "1.2.3.4/"] {
            assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
        }
    }
}
