//! PROXY protocol, version 2 (HAProxy's `proxy-protocol.txt`, 2.2): the header with which a proxy that passes bytes on says whose they are.
//!
//! Only what a proxy of TCP sends is understood. Whether the sender may be believed is not decided here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Every header begins with so many bytes, of which the last two say how many follow.
pub const FIXED_BYTES: usize = 16;
/// So many may follow: addresses, and what some balancers add about themselves.
pub const REST_BYTES_MAX: usize = 2_048;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The fixed part of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    source: Source,
    /// How many bytes follow.
    pub rest_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The proxy speaks for itself, or does not say for whom.
    Own,
    V4,
    V6,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("this is no PROXY protocol header of version 2")]
    Signature,
    #[error("the PROXY protocol's command or address family is unknown")]
    Command,
    #[error("the PROXY protocol header has a wrong length")]
    Length,
}

impl Head {
    /// # Errors
    /// When it is something else, or longer than [`REST_BYTES_MAX`].
    pub fn decode(bytes: &[u8; FIXED_BYTES]) -> Result<Self, Malformed> {
        let [signature @ .., command, family, high, low] = bytes;
        if *signature != SIGNATURE {
            return Err(Malformed::Signature);
        }
        let source = match (*command, *family) {
            // LOCAL, of any family; PROXY of an unspecified family or a Unix socket.
            (0x20, _) | (0x21, 0x00 | 0x31 | 0x32) => Source::Own,
            (0x21, 0x11) => Source::V4,
            (0x21, 0x21) => Source::V6,
            _ => return Err(Malformed::Command),
        };
        let rest_bytes = usize::from(u16::from_be_bytes([*high, *low]));
        if rest_bytes > REST_BYTES_MAX { Err(Malformed::Length) } else { Ok(Self { source, rest_bytes }) }
    }

    /// Who is at the other end of the proxy, from the bytes that follow; `None` if that is the proxy itself.
    ///
    /// # Errors
    /// When there are fewer than the addresses need.
    pub fn source(self, rest: &[u8]) -> Result<Option<SocketAddr>, Malformed> {
        let (address, ports): (IpAddr, _) = match self.source {
            Source::Own => return Ok(None),
            Source::V4 => (Ipv4Addr::from(first(rest)?).into(), rest.get(8..12)),
            Source::V6 => (Ipv6Addr::from(first::<16>(rest)?).into(), rest.get(32..36)),
        };
        let port: [u8; 2] = first(ports.ok_or(Malformed::Length)?)?;
        Ok(Some(SocketAddr::new(address.to_canonical(), u16::from_be_bytes(port))))
    }
}

fn first<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.first_chunk().copied().ok_or(Malformed::Length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    fn read(bytes: &[u8]) -> Result<Option<SocketAddr>, Malformed> {
        let head = Head::decode(bytes.first_chunk().expect("long enough"))?;
        head.source(&bytes[FIXED_BYTES..][..head.rest_bytes])
    }

    #[test]
    fn the_source_is_who_the_proxy_says() {
        let v4 = [192, 0, 2, 1, 10, 0, 0, 1, 0x30, 0x39, 0, 80];
        assert_eq!(read(&header(0x21, 0x11, &v4)), Ok(Some("192.0.2.1:12345".parse().unwrap())));
        let with_more = [&v4[..], &[0x04, 0, 1, 0]].concat();
        assert_eq!(read(&header(0x21, 0x11, &with_more)), Ok(Some("192.0.2.1:12345".parse().unwrap())), "what follows is passed over");
        let v6 = [&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets()[..], &[0; 16], &[0x30, 0x39, 0, 80]].concat();
        assert_eq!(read(&header(0x21, 0x21, &v6)), Ok(Some("[2001:db8::1]:12345".parse().unwrap())));
        for (command, family) in [(0x20, 0x00), (0x20, 0x11), (0x21, 0x00), (0x21, 0x31)] {
            assert_eq!(read(&header(command, family, &[])), Ok(None), "{command:x} {family:x}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        assert_eq!(read(b"GET / HTTP/1.1\r\nhost: x\r\n"), Err(Malformed::Signature));
        assert_eq!(read(b"PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r\n"), Err(Malformed::Signature));
        assert_eq!(read(&header(0x22, 0x11, &[0; 12])), Err(Malformed::Command));
        assert_eq!(read(&header(0x11, 0x11, &[0; 12])), Err(Malformed::Command));
        assert_eq!(read(&header(0x21, 0x12, &[0; 12])), Err(Malformed::Command), "UDP");
        assert_eq!(read(&header(0x21, 0x11, &[0; 11])), Err(Malformed::Length));
        assert_eq!(read(&header(0x21, 0x21, &[0; 35])), Err(Malformed::Length));
        assert_eq!(read(&header(0x20, 0x00, &[0; REST_BYTES_MAX + 1])), Err(Malformed::Length));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(fixed in any::<[u8; 4]>(), rest in proptest::collection::vec(any::<u8>(), 0..64)) {
            let head: [u8; FIXED_BYTES] = std::array::from_fn(|at| SIGNATURE.get(at).copied().unwrap_or_else(|| fixed[at - 12]));
            if let Ok(head) = Head::decode(&head) {
                let source = head.source(&rest);
                prop_assert!(source.is_ok() || rest.len() < 36);
            }
        }
    }
}
