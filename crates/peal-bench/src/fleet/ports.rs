//! Where the parts listen.

use std::io;
use std::net::TcpListener;

use rand::RngExt;

/// Below what the kernel gives to clients: an edge that restarts must find its port free.
const FREE: std::ops::Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 1_000;

#[derive(Debug, Clone)]
pub(super) struct Ports {
    pub(super) proxy: u16,
    pub(super) api: u16,
    pub(super) redis: u16,
    pub(super) replica: u16,
    pub(super) edges: Vec<u16>,
    pub(super) admins: Vec<u16>,
}

impl Ports {
    /// As the documentation has them for 7100: nginx, then the edges; the API 100 above, operator ports 200, Redis 279.
    pub(super) fn from(base: u16, edges: usize) -> Self {
        let each = |first: u16| (first..).take(edges).collect();
        Self { proxy: base, api: base + 100, redis: base + 279, replica: base + 280, edges: each(base + 1), admins: each(base + 201) }
    }

    pub(super) fn free(edges: usize) -> io::Result<Self> {
        // All are held until all are found, so that none is found twice.
        let mut held = Vec::new();
        let mut next = || -> io::Result<u16> {
            for _ in 0..ATTEMPTS {
                let port = rand::rng().random_range(FREE);
                if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
                    held.push(listener);
                    return Ok(port);
                }
            }
            Err(io::Error::other("no port is free"))
        };
        let (proxy, api, redis, replica) = (next()?, next()?, next()?, next()?);
        let mut each = || (0..edges).map(|_| next()).collect::<io::Result<Vec<u16>>>();
        Ok(Self { proxy, api, redis, replica, edges: each()?, admins: each()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_parts_share_a_port() {
        for ports in [Ports::from(7_100, 3), Ports::free(3).expect("free ports")] {
            let mut all = [&[ports.proxy, ports.api, ports.redis, ports.replica], &ports.edges[..], &ports.admins[..]].concat();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), 10, "{ports:?}");
        }
    }
}
