//! Opening: a token, a byte stream, the WebSocket handshake, and `connect` (protocol 2). Borrowed from nothing that the
//! connection's task needs meanwhile.

use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as SocketMessage};

use super::Next;
use super::requests::CONNECT_ID;
use crate::dial::{Address, Dial, Transport};
use crate::error::ClientError;
use crate::frame::{self, Connected, Frame};
use crate::options::{ConnectOptions, Credentials};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A refused `connect` is followed by a close, whose code is the better advice.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// A page of replayed messages in one frame; more is not of this protocol.
const FRAME_BYTES_MAX: usize = 64 << 20;

pub(crate) type Socket = WebSocketStream<Box<dyn Transport>>;

#[derive(Clone)]
pub(super) struct Opening {
    pub(super) options: ConnectOptions,
    pub(super) address: Address,
    pub(super) dial: Dial,
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("options", &self.options).field("address", &self.address).finish_non_exhaustive()
    }
}

pub(super) struct Opened {
    pub(super) socket: Socket,
    pub(super) connected: Connected,
    /// The token that was accepted.
    pub(super) token: Option<String>,
}

type Failed = (ClientError, Next);

impl Opening {
    /// `token` is the last good one; without it a token source is asked.
    pub(super) fn open(&self, token: Option<String>) -> impl Future<Output = Result<Opened, Failed>> + use<> {
        let opening = self.clone();
        async move {
            match timeout(CONNECT_TIMEOUT, opening.attempt(token)).await {
                Ok(result) => result,
                Err(_) => Err((ClientError::Silence, Next::Backoff)),
            }
        }
    }

    async fn attempt(&self, token: Option<String>) -> Result<Opened, Failed> {
        let (name, credential, token) = match (&self.options.credentials, token) {
            (Credentials::Key(key), _) => ("key", key.clone(), None),
            (_, Some(token)) => ("token", token.clone(), Some(token)),
            (Credentials::Token(token), None) => ("token", token.clone(), Some(token.clone())),
            (Credentials::Source(source), None) => {
                let token = source().await.map_err(|why| (ClientError::TokenUnavailable(why), Next::Backoff))?;
                ("token", token.clone(), Some(token))
            }
        };
        let mut socket = self.handshake().await?;
        let body = frame::body(&json!({name: credential, "client": self.options.client, "version": 1})).map_err(|e| (e, Next::Stop))?;
        socket.send(SocketMessage::text(frame::request(CONNECT_ID, "connect", &body))).await.map_err(unreachable_peer)?;
        let connected = reply(&mut socket).await?;
        Ok(Opened { socket, connected, token })
    }

    async fn handshake(&self) -> Result<Socket, Failed> {
        let url = format!("ws://{}{}/v1/connect", self.address.authority(), self.address.prefix);
        let stop = |error: String| (ClientError::InvalidUrl(error), Next::Stop);
        let mut request = url.into_client_request().map_err(|error| stop(error.to_string()))?;
        if let Some(origin) = &self.options.origin {
            let origin = HeaderValue::from_str(origin).map_err(|error| stop(format!("origin: {error}")))?;
            request.headers_mut().insert("origin", origin);
        }
        let stream = (self.dial)().await.map_err(unreachable_peer)?;
        let config = WebSocketConfig::default().max_message_size(Some(FRAME_BYTES_MAX)).max_frame_size(Some(FRAME_BYTES_MAX));
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await.map_err(unreachable_peer)?;
        Ok(socket)
    }
}

async fn reply(socket: &mut Socket) -> Result<Connected, Failed> {
    loop {
        match socket.next().await {
            Some(Ok(SocketMessage::Text(text))) => {
                for frame in Frame::all_of(&text) {
                    let frame = frame.map_err(|error| (error, Next::Backoff))?;
                    if let Some(error) = frame.error {
                        return Err(refused(socket, error.into()).await);
                    }
                    if let Some(ok) = frame.ok {
                        return frame::read(&ok).map_err(|error| (error, Next::Backoff));
                    }
                }
            }
            Some(Ok(SocketMessage::Close(close))) => return Err(closed(close)),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(unreachable_peer(error)),
            None => return Err((ClientError::ConnectionLost, Next::Backoff)),
        }
    }
}

/// The next move after a refused `connect`: a time that the server named, else what its close code says, else the table.
async fn refused(socket: &mut Socket, error: ClientError) -> Failed {
    let by_error = Next::of_refusal(&error);
    if matches!(by_error, Next::In(_)) {
        return (error, by_error);
    }
    let close = timeout(CLOSE_TIMEOUT, async {
        while let Some(Ok(message)) = socket.next().await {
            if let SocketMessage::Close(Some(close)) = message {
                return Some(u16::from(close.code));
            }
        }
        None
    });
    let next = close.await.ok().flatten().filter(|code| *code >= 4000).map_or(by_error, Next::of_close);
    (error, next)
}

/// The server's close as an end.
pub(super) fn closed(close: Option<tokio_tungstenite::tungstenite::protocol::CloseFrame>) -> Failed {
    match close {
        Some(close) => {
            let code = u16::from(close.code);
            (ClientError::ClosedByServer { code, reason: close.reason.to_string() }, Next::of_close(code))
        }
        None => (ClientError::ConnectionLost, Next::Backoff),
    }
}

/// Everything on the way to the server may be different next time, a refused upgrade included.
fn unreachable_peer(error: impl Into<SocketError>) -> Failed {
    (ClientError::Unreachable(error.into().to_string()), Next::Backoff)
}
