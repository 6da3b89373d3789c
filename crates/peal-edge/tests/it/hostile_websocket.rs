//! Broken WebSockets: handshakes that never end, frames against RFC 6455, floods of tiny fragments. Each connection ends with the code the
//! standard names, and its neighbour does not notice.

use std::time::Duration;

use peal_edge::EdgeConfig;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{APP, TestNode, within};

const HANDSHAKE: &str = "GET /app/appkey?protocol=7 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A client frame: masked with zeros, so that the payload stays readable.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// Upgrades, sends `frames`, and reads the code of the server's close frame.
async fn close_code(node: &TestNode, frames: &[u8]) -> Option<u16> {
    within(async {
        let mut stream = TcpStream::connect(node.addr).await.expect("connects");
        stream.write_all(HANDSHAKE.as_bytes()).await.expect("sends");
        let _ = stream.write_all(frames).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an upgrade") + 4;
        let mut rest = &answer[head..];
        while rest.len() >= 2 {
            let (opcode, mut length, mut skip) = (rest[0] & 0x0f, usize::from(rest[1] & 0x7f), 2);
            if length == 126 {
                length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
                skip = 4;
            }
            if opcode == 8 {
                return Some(u16::from_be_bytes([rest[skip], rest[skip + 1]]));
            }
            rest = &rest[skip + length..];
        }
        None
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_against_the_standard_close_with_its_code() {
    let node = TestNode::start().await;
    let (mut neighbour, _) = node.pusher(&APP).await;
    let unmasked = [0x81, 0x02, b'h', b'i'];
    assert_eq!(close_code(&node, &unmasked).await, Some(1002));
    assert_eq!(close_code(&node, &frame(0xf1, b"reserved bits")).await, Some(1002));
    assert_eq!(close_code(&node, &frame(0x83, b"unknown opcode")).await, Some(1002));
    assert_eq!(close_code(&node, &frame(0x80, b"continues nothing")).await, Some(1002));
    assert_eq!(close_code(&node, &frame(0x09, b"fragmented ping")).await, Some(1002));
    assert_eq!(close_code(&node, &frame(0x89, &[0; 126])).await, Some(1002));
    assert_eq!(close_code(&node, &frame(0x81, &[0xff, 0xfe])).await, Some(1007));
    let mut huge = vec![0x81, 0xff];
    huge.extend_from_slice(&u64::MAX.to_be_bytes());
    assert!(matches!(close_code(&node, &huge).await, Some(1002 | 1009)));
    let mut large = vec![0x81, 0xff];
    large.extend_from_slice(&(64_u64 << 20).to_be_bytes());
    large.extend_from_slice(&[0; 4]);
    assert_eq!(close_code(&node, &large).await, Some(1009));
    neighbour.alive().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_tiny_fragments_is_cut_off() {
    let node = TestNode::start().await;
    let mut flood = frame(0x01, b"{");
    for _ in 0..10_000 {
        flood.extend(frame(0x00, b""));
    }
    assert!(matches!(close_code(&node, &flood).await, Some(1002 | 1008 | 1009)));
    node.settled().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_fragments_is_one_message() {
    let node = TestNode::start().await;
    let mut frames = frame(0x01, br#"{"event":"pusher:"#);
    frames.extend(frame(0x89, b"between"));
    frames.extend(frame(0x00, br#"ping","#));
    frames.extend(frame(0x80, br#""data":{}}"#));
    frames.extend(frame(0x88, &1000_u16.to_be_bytes()));
    assert_eq!(close_code(&node, &frames).await, Some(1000));
    node.settled().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_never_ends_is_given_up() {
    let config = EdgeConfig { head_timeout: Duration::from_millis(300), ..EdgeConfig::default() };
    let node = TestNode::start_with(config).await;
    for half in ["", "GET /app/appkey", "GET /app/appkey?protocol=7 HTTP/1.1\r\nhost: x\r\nupgrade: webso"] {
        let mut stream = TcpStream::connect(node.addr).await.expect("connects");
        stream.write_all(half.as_bytes()).await.expect("sends");
        let mut answer = Vec::new();
        // The server ends it by itself: reading to the end returns.
        let _ = within(stream.read_to_end(&mut answer)).await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upgrades_without_their_headers_are_refused_with_a_reason() {
    let node = TestNode::start().await;
    let get = async |headers: &[(&str, &str)]| node.http("GET", "/app/appkey?protocol=7", headers, b"").await;
    let (upgrade, connection) = (("upgrade", "websocket"), ("connection", "close, Upgrade"));
    let (key, version) = (("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("sec-websocket-version", "13"));
    for headers in [
        &[][..],
        &[upgrade],
        &[upgrade, key, version],
        &[upgrade, connection, key],
        &[upgrade, connection, version],
        &[upgrade, connection, key, ("sec-websocket-version", "8")],
        &[upgrade, connection, ("sec-websocket-key", "x"), version],
    ] {
        get(headers).await.refused(426, "upgrade_required");
    }
    node.http("GET", "/v1/connect", &[], b"").await.refused(426, "upgrade_required");
    node.http("POST", "/v1/connect", &[upgrade, connection, key, version], b"").await.refused(426, "upgrade_required");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_larger_than_the_limit_closes_and_binary_frames_are_answered() {
    let node = TestNode::start().await;
    let (mut socket, _) = node.pusher(&APP).await;
    use futures_util::SinkExt;
    socket.stream.send(tokio_tungstenite::tungstenite::Message::binary(vec![1, 2, 3])).await.expect("sends");
    let answer = socket.json().await;
    assert_eq!(answer["event"], "pusher:error");
    socket.alive().await;
    let big = json!({"event": "pusher:subscribe", "data": {"channel": "x".repeat(1 << 20)}}).to_string();
    let _ = socket.stream.send(tokio_tungstenite::tungstenite::Message::text(big)).await;
    assert_eq!(socket.closed().await, Some(1009));
    node.settled().await;
    node.stop().await;
}
