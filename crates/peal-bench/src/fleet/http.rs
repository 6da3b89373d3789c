//! One HTTP request, for health and metrics.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A part that is starting answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(2);

/// Status and body.
///
/// # Errors
/// Nobody listens, or it does not answer.
pub(crate) fn get(url: &str) -> io::Result<(u16, String)> {
    let rest = url.strip_prefix("http://").ok_or_else(|| io::Error::other(format!("{url} is no http:// URL")))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let addr: SocketAddr = host.parse().map_err(|_| io::Error::other(format!("{host} is no address")))?;
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok((status, body.to_owned()))
}
