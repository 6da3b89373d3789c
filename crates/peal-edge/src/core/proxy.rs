//! A socket that a trusted proxy opened begins with who is behind it, where the node is told to expect that.

use std::io;
use std::net::SocketAddr;

use peal_wire::proxy_protocol::{FIXED_BYTES, Head};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::Core;

/// Who the socket belongs to; `None` if the proxy sends something else, or nothing in the time of a request head.
pub(crate) async fn introduced(core: &Core, stream: &mut TcpStream, proxy: SocketAddr) -> Option<SocketAddr> {
    match tokio::time::timeout(core.node.config.head_timeout, read(stream)).await {
        Ok(Ok(source)) => Some(source.unwrap_or(proxy)),
        Ok(Err(error)) => {
            tracing::debug!(%proxy, %error, "a trusted proxy did not say whose connection it is");
            None
        }
        Err(_) => None,
    }
}

/// Exactly the header: what follows it is the client's.
async fn read(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let malformed = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut fixed = [0; FIXED_BYTES];
    stream.read_exact(&mut fixed).await?;
    let head = Head::decode(&fixed).map_err(malformed)?;
    let mut rest = vec![0; head.rest_bytes];
    stream.read_exact(&mut rest).await?;
    head.source(&rest).map_err(malformed)
}
