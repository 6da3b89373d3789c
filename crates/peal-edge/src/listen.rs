//! Binding: one listener per core and address with `SO_REUSEPORT`, after proving that nobody else has the address.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

use crate::EdgeError;

/// Connections that the kernel holds for us until a core accepts them; beyond it drops SYNs.
const BACKLOG: i32 = 4096;

/// Binds `addr` once without `SO_REUSEPORT`, so that a second process is told "address in use" instead of sharing the port, then
/// once per core with it.
pub(crate) fn bind(addr: SocketAddr, cores: usize) -> Result<Vec<std::net::TcpListener>, EdgeError> {
    let failed = |source: io::Error| EdgeError::Bind { addr, source };
    let probe = socket(addr, false).map_err(failed)?;
    let addr = probe.local_addr().map_err(failed)?.as_socket().unwrap_or(addr);
    drop(probe);
    (0..cores)
        .map(|_| {
            let listener = socket(addr, true).map_err(failed)?;
            listener.listen(BACKLOG).map_err(failed)?;
            Ok(listener.into())
        })
        .collect()
}

fn socket(addr: SocketAddr, share: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share)?;
    // Accepted sockets inherit both.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_told_that_the_address_is_in_use() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let first = bind(any, 2).expect("binds");
        assert_eq!(first.len(), 2);
        let addr = first[0].local_addr().expect("bound");
        assert_eq!(first[1].local_addr().expect("bound"), addr);
        let refused = bind(addr, 1).expect_err("the address is taken");
        assert!(matches!(refused, EdgeError::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse));
    }
}
