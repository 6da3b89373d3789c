//! The requests that the floor understands: a WebSocket handshake, and a publish with its fields in the order in which the load writes them.

use std::rc::Rc;

use crate::wire;

pub(super) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
pub(super) const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
pub(super) const ESTABLISHED: &[u8] =
    br#"{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.1\",\"activity_timeout\":120}"}"#;

pub(super) struct Request<'a> {
    /// Path and query.
    pub(super) target: &'a str,
    pub(super) body: &'a [u8],
    /// It wants to be a WebSocket.
    pub(super) websocket_key: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// The front request and its size; `None` until it is complete.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let head_bytes = wire::head_end(bytes)?;
        let head = std::str::from_utf8(&bytes[..head_bytes]).ok()?;
        let target = head.split(' ').nth(1)?;
        let websocket_key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let size = head_bytes + wire::content_length(&bytes[..head_bytes]);
        let body = bytes.get(head_bytes..size)?;
        Some((Self { target, body, websocket_key }, size))
    }
}

pub(super) fn upgraded(accept: &str) -> Vec<u8> {
    format!("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n")
        .into_bytes()
}

/// Channel and finished frame of each event in a body, one or a batch.
pub(super) fn events(mut body: &[u8]) -> impl Iterator<Item = (&[u8], Rc<[u8]>)> {
    std::iter::from_fn(move || {
        let name = wire::quoted(body, br#""name":""#)?;
        let channel = wire::quoted(body, br#""channel":""#)?;
        let from = wire::find(body, br#""data":""#)?;
        let data = wire::quoted(&body[from..], br#""data":""#)?;
        body = &body[from + 8 + data.len()..];
        let mut text = Vec::with_capacity(64 + name.len() + channel.len() + data.len());
        let parts: [&[u8]; 7] = [br#"{"event":""#, name, br#"","channel":""#, channel, br#"","data":""#, data, br#""}"#];
        parts.iter().for_each(|part| text.extend_from_slice(part));
        Some((channel, wire::unmasked(wire::TEXT, &text).into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_complete_with_its_body() {
        let bytes = b"POST /apps/1/events?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}GET";
        let (request, size) = Request::read(bytes).expect("complete");
        assert_eq!((request.target, request.body, request.websocket_key), ("/apps/1/events?a=b", &b"{}"[..], None));
        assert_eq!(size, bytes.len() - 3);
        assert!(Request::read(&bytes[..size - 1]).is_none());
    }

    #[test]
    fn each_event_of_a_batch_is_a_frame() {
        let body = br#"{"batch":[{"name":"e","channel":"a","data":"1"},{"name":"f","channel":"b","data":"2"}]}"#;
        let frames: Vec<_> =
            events(body).map(|(channel, frame)| (channel, wire::server_frame(&frame).expect("whole").payload.to_vec())).collect();
        assert_eq!(
            frames,
            [
                (&b"a"[..], br#"{"event":"e","channel":"a","data":"1"}"#.to_vec()),
                (&b"b"[..], br#"{"event":"f","channel":"b","data":"2"}"#.to_vec()),
            ]
        );
    }
}
