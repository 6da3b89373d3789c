//! Binding addresses, with a refusal that names the flag to change.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::failure::Failure;

/// A listener for the runtime of API and operator port.
pub(crate) fn bind(addr: SocketAddr, flag: &str) -> Result<tokio::net::TcpListener, Failure> {
    let listener = std_listener(addr).map_err(|error| refusal(addr, flag, &error))?;
    tokio::net::TcpListener::from_std(listener).map_err(|error| Failure::because("cannot listen", &error))
}

/// Whether the edge could bind: it does so itself, but only after the database is up, and a person should know at once.
pub(crate) fn probe(addr: SocketAddr, flag: &str) -> Result<(), Failure> {
    std_listener(addr).map(drop).map_err(|error| refusal(addr, flag, &error))
}

/// Without `SO_REUSEPORT`, so that a port somebody listens on is refused; with `SO_REUSEADDR`, so that a restart need not wait.
fn std_listener(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

pub(crate) fn refusal(addr: SocketAddr, flag: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            Failure::failed(format!("address in use: something listens on {addr} already (another Peal?); choose another with {flag}"))
        }
        io::ErrorKind::PermissionDenied => {
            Failure::failed(format!("not allowed to listen on {addr} (ports below 1024 need privileges); choose another with {flag}"))
        }
        _ => Failure::failed(format!("cannot listen on {addr}: {error}; choose another with {flag}")),
    }
}

/// Where to reach a listener from this machine: a wildcard address is no place to go to.
pub(crate) fn url_of(addr: SocketAddr) -> String {
    match addr {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => format!("http://127.0.0.1:{}", v4.port()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => format!("http://[::1]:{}", v6.port()),
        other => format!("http://{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_the_flag() {
        let taken = std_listener("127.0.0.1:0".parse().unwrap()).unwrap();
        let refused = probe(taken.local_addr().unwrap(), "--api-addr").unwrap_err().to_string();
        assert!(refused.contains("address in use") && refused.contains("--api-addr"), "{refused}");
    }

    #[test]
    fn wildcards_become_reachable() {
        assert_eq!(url_of("0.0.0.0:7100".parse().unwrap()), "http://127.0.0.1:7100");
        assert_eq!(url_of("[::]:7100".parse().unwrap()), "http://[::1]:7100");
        assert_eq!(url_of("[::1]:7100".parse().unwrap()), "http://[::1]:7100");
    }
}
