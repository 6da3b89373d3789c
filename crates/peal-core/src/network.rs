//! Addresses and networks, and whose word about a client's address counts.
//!
//! A proxy appends the address it saw to `X-Forwarded-For`, and whoever talks to us may have written anything before that. So the
//! list is read from its end, past the proxies that are trusted, to the first address that is not: that one was seen by a trusted
//! machine. Everything left of it is hearsay.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Networks such as `10.0.0.0/8, ::1`. Empty holds nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Networks(Vec<Network>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    base: IpAddr,
    prefix: u8,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not an address or a network such as 10.0.0.0/8")]
pub struct NetworksError(String);

impl FromStr for Networks {
    type Err = NetworksError;

    /// Separated by commas.
    fn from_str(text: &str) -> Result<Self, NetworksError> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(|entry| Network::parse(entry).ok_or_else(|| NetworksError(entry.to_owned()))).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Network { base, prefix }) in self.0.iter().enumerate() {
            write!(f, "{}{base}/{prefix}", if at > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl Networks {
    /// An IPv4 address that is written as IPv6 is that IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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

/// The proxies in front of us.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies(Networks);

impl FromStr for TrustedProxies {
    type Err = NetworksError;

    fn from_str(text: &str) -> Result<Self, NetworksError> {
        text.parse().map(Self)
    }
}

impl TrustedProxies {
    /// The client's address, given who is at the other end of the socket and the values of `X-Forwarded-For` in their order.
    #[must_use]
    pub fn client<'a>(&self, peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        for seen in forwarded.rev().flat_map(|value| value.rsplit(',')) {
            let Some(seen) = address(seen.trim()) else { break };
            client = seen.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.contains(address)
    }
}

/// Some proxies write the port too.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let trusted: TrustedProxies = trusted.parse().unwrap();
        trusted.client(peer.parse().unwrap(), forwarded.iter().copied()).to_string()
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
    fn a_port_beside_the_address_is_no_nonsense() {
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["192.0.2.7:40112"]), "192.0.2.7");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
    }

    #[test]
    fn networks_are_read_and_nonsense_is_not() {
        assert_eq!(client("0.0.0.0/0", "203.0.113.5", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(client("127.0.0.1, ::1", "::1", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(client("192.168.4.0/22", "192.168.8.1", &["192.0.2.7"]), "192.168.8.1");
        for bad in ["10.0.0.0/33", "::/129", "10.0.0/8", "host", "10.0.0.0/-1", "1.2.3.4/"] {
            assert!(bad.parse::<Networks>().is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_print_as_they_are_read() {
        let networks: Networks = "127.0.0.0/8, ::1".parse().unwrap();
        assert_eq!(networks.to_string(), "127.0.0.0/8,::1/128");
        assert_eq!(networks.to_string().parse(), Ok(networks));
    }
}
