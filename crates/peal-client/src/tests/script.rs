//! A WebSocket server that does what the test says, line by line.

use std::io;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

use crate::dial::{Dial, Transport};
use crate::{Client, ClientError, ConnectOptions};

/// Where the client's connections arrive. Dropping it makes the server unreachable.
pub(super) struct Script {
    arriving: mpsc::Receiver<DuplexStream>,
}

pub(super) fn script() -> (Dial, Script) {
    let (arrive, arriving) = mpsc::channel(8);
    let dial: Dial = Arc::new(move || {
        let arrive = arrive.clone();
        Box::pin(async move {
            let (near, far) = tokio::io::duplex(64 * 1024);
            arrive.try_send(far).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            Ok(Box::new(near) as Box<dyn Transport>)
        })
    });
    (dial, Script { arriving })
}

impl Script {
    /// The next connection, after its handshake.
    pub(super) async fn accept(&mut self) -> Peer {
        let stream = self.arriving.recv().await.expect("a connection arrives");
        Peer(tokio_tungstenite::accept_async(stream).await.expect("a handshake"))
    }

    /// The next connection, connected. `ping` as the protocol says.
    pub(super) async fn accept_connected(&mut self) -> Peer {
        let mut peer = self.accept().await;
        let (id, _) = peer.expect("connect").await;
        peer.ok(id, json!({"connection": "c1", "client_id": "ada", "ping": 25_000})).await;
        peer
    }
}

/// A client and its first connection.
pub(super) async fn connected() -> (Client, Script, Peer) {
    connected_with(ConnectOptions::with_key("http://test", "k1")).await
}

pub(super) async fn connected_with(options: ConnectOptions) -> (Client, Script, Peer) {
    let (dial, mut script) = script();
    let (client, peer) = tokio::join!(Client::connect_over(options, dial), script.accept_connected());
    (client.expect("connected"), script, peer)
}

/// The server's end of one connection.
pub(super) struct Peer(WebSocketStream<DuplexStream>);

impl Peer {
    /// The next request, which must be this operation: its id and body.
    pub(super) async fn expect(&mut self, operation: &str) -> (u64, Value) {
        let text = self.text().await;
        let mut request: Value = serde_json::from_str(&text).expect("JSON");
        let id = request["id"].as_u64().expect("an id");
        assert!(request.get(operation).is_some(), "expected {operation}, got {text}");
        (id, request[operation].take())
    }

    pub(super) async fn text(&mut self) -> String {
        loop {
            match self.0.next().await.expect("the client is there").expect("a frame") {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Reads until the client has closed or gone. Anything but the end is a failure.
    pub(super) async fn expect_end(&mut self) -> Option<u16> {
        let mut code = None;
        loop {
            match self.0.next().await {
                Some(Ok(Message::Close(close))) => code = close.map(|close| close.code.into()),
                Some(Ok(Message::Text(text))) => panic!("{text}"),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return code,
            }
        }
    }

    pub(super) async fn ok(&mut self, id: u64, ok: Value) {
        self.send(json!({"id": id, "ok": ok})).await;
    }

    pub(super) async fn refuse(&mut self, id: u64, error: Value) {
        self.send(json!({"id": id, "error": error})).await;
    }

    pub(super) async fn send(&mut self, object: Value) {
        self.send_text(object.to_string()).await;
    }

    pub(super) async fn send_text(&mut self, text: String) {
        self.0.send(Message::text(text)).await.expect("the client reads");
    }

    pub(super) async fn ping(&mut self) {
        self.0.send(Message::Ping(bytes::Bytes::from_static(b"?"))).await.expect("the client reads");
        let answer = self.0.next().await.expect("the client is there").expect("a frame");
        assert_eq!(answer, Message::Pong(bytes::Bytes::from_static(b"?")));
    }

    pub(super) async fn close(mut self, code: u16) {
        let close = CloseFrame { code: CloseCode::from(code), reason: "because".into() };
        self.0.close(Some(close)).await.expect("the client reads");
    }

    /// Answers the next subscribe.
    pub(super) async fn subscribed(&mut self, ok: Value) -> Value {
        let (id, body) = self.expect("subscribe").await;
        self.ok(id, ok).await;
        body
    }
}

pub(super) fn message(position: &str, id: &str) -> Value {
    json!({"message": {"channel": "room", "position": position, "id": id, "ts": 1_790_000_000_000_u64, "event": "said", "data": id}})
}

pub(super) fn refusal(code: peal_core::ErrorCode) -> Value {
    serde_json::to_value(peal_core::Refusal::of(code).native("")).expect("prints")
}

pub(super) fn code_of(error: &ClientError) -> peal_core::ErrorCode {
    error.code().unwrap_or_else(|| panic!("{error:?} is no refusal"))
}
