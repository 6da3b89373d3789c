//! A raw client of the Pusher protocol, for tests: it does what it is told and shows what comes. No repair, no reconnect. It
//! signs subscriptions with the secret that a customer's server would hold.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use peal_core::ConnectionId;
use peal_core::signature::{hmac_hex, pusher_channel_text, pusher_user_text};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as SocketMessage;

use crate::dial::{Address, Dial, Transport};
use crate::error::ClientError;

/// A wait that takes longer has failed.
const WAIT: Duration = Duration::from_secs(10);

/// One frame as it came.
#[derive(Debug, Clone, Deserialize)]
pub struct PusherEvent {
    pub event: String,
    pub channel: Option<String>,
    pub user_id: Option<String>,
    data: Option<Box<RawValue>>,
}

impl PusherEvent {
    /// `data` as the application gets it: a JSON string is unwrapped, anything else is its text.
    #[must_use]
    pub fn data(&self) -> String {
        let text = self.data.as_deref().map_or("", RawValue::get);
        serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned())
    }

    /// The JSON within `data`; null if there is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data()).unwrap_or_default()
    }
}

#[derive(Debug)]
pub struct PusherClient {
    socket: WebSocketStream<Box<dyn Transport>>,
    key: String,
    socket_id: String,
    /// Passed over by [`Self::wait_for`].
    passed: VecDeque<PusherEvent>,
}

impl PusherClient {
    /// Connects and waits for `pusher:connection_established`.
    ///
    /// # Errors
    /// `ClosedByServer` with the code of a refusal such as 4001.
    pub async fn connect(url: &str, key: &str) -> Result<Self, ClientError> {
        let address = Address::parse(url)?;
        let dial = address.dial();
        Self::connect_over(&address, &dial, key).await
    }

    pub(crate) async fn connect_over(address: &Address, dial: &Dial, key: &str) -> Result<Self, ClientError> {
        let url = format!("ws://{}{}/app/{key}?protocol=7&client=peal-rust&version=0.1.0", address.authority(), address.prefix);
        let unreachable = |why: String| ClientError::Unreachable(why);
        let stream = dial().await.map_err(|error| unreachable(error.to_string()))?;
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.map_err(|error| unreachable(error.to_string()))?;
        let mut client = Self { socket, key: key.to_owned(), socket_id: String::new(), passed: VecDeque::new() };
        // A refusal is shown as `pusher:error` and then as the close code, which says more.
        let established = loop {
            let event = client.receive().await?;
            if event.event == "pusher:connection_established" {
                break event;
            }
        };
        let socket_id = established.json()["socket_id"].as_str().map(str::to_owned);
        client.socket_id = socket_id.ok_or_else(|| ClientError::UnexpectedAnswer("no socket_id".into()))?;
        Ok(client)
    }

    #[must_use]
    pub fn socket_id(&self) -> &str {
        &self.socket_id
    }

    /// Subscribes to a public channel and waits for the answer.
    pub async fn subscribe(&mut self, channel: &str) -> Result<PusherEvent, ClientError> {
        self.send("pusher:subscribe", json!({"channel": channel})).await?;
        self.wait_for_subscribed(channel).await
    }

    /// Subscribes to a private channel, signed with the secret.
    pub async fn subscribe_private(&mut self, channel: &str, secret: &SecretString) -> Result<PusherEvent, ClientError> {
        let auth = self.channel_auth(channel, None, secret)?;
        self.send("pusher:subscribe", json!({"channel": channel, "auth": auth})).await?;
        self.wait_for_subscribed(channel).await
    }

    /// Subscribes to a presence channel as `user_id`; the answer's data holds the members.
    pub async fn subscribe_presence(
        &mut self,
        channel: &str,
        secret: &SecretString,
        user_id: &str,
        user_info: Value,
    ) -> Result<PusherEvent, ClientError> {
        let data = json!({"user_id": user_id, "user_info": user_info}).to_string();
        let auth = self.channel_auth(channel, Some(&data), secret)?;
        self.send("pusher:subscribe", json!({"channel": channel, "auth": auth, "channel_data": data})).await?;
        self.wait_for_subscribed(channel).await
    }

    pub async fn unsubscribe(&mut self, channel: &str) -> Result<(), ClientError> {
        self.send("pusher:unsubscribe", json!({"channel": channel})).await
    }

    /// Signs in as a user; waits for `pusher:signin_success`.
    pub async fn sign_in(&mut self, secret: &SecretString, user_data: &Value) -> Result<PusherEvent, ClientError> {
        let user_data = user_data.to_string();
        let auth = self.signed(secret, &pusher_user_text(self.connection()?, &user_data));
        self.send("pusher:signin", json!({"auth": auth, "user_data": user_data})).await?;
        self.wait_for("pusher:signin_success").await
    }

    pub async fn client_event(&mut self, channel: &str, event: &str, data: Value) -> Result<(), ClientError> {
        self.send_text(json!({"event": event, "channel": channel, "data": data}).to_string()).await
    }

    /// The `auth` of a subscription.
    pub fn channel_auth(&self, channel: &str, channel_data: Option<&str>, secret: &SecretString) -> Result<String, ClientError> {
        Ok(self.signed(secret, &pusher_channel_text(self.connection()?, channel, channel_data)))
    }

    pub async fn send(&mut self, event: &str, data: Value) -> Result<(), ClientError> {
        self.send_text(json!({"event": event, "data": data}).to_string()).await
    }

    /// Sends a text frame as it is, wrong ones included.
    pub async fn send_text(&mut self, text: String) -> Result<(), ClientError> {
        self.socket.send(SocketMessage::text(text)).await.map_err(|_| ClientError::ConnectionLost)
    }

    /// The next event in order of arrival. `pusher:ping` is answered and shown.
    ///
    /// # Errors
    /// `ClosedByServer`, `ConnectionLost`, or `Silence` after 10 seconds.
    pub async fn next(&mut self) -> Result<PusherEvent, ClientError> {
        match self.passed.pop_front() {
            Some(event) => Ok(event),
            None => self.receive().await,
        }
    }

    /// The first event of this name, passing over others, which [`Self::next`] still yields.
    ///
    /// # Errors
    /// As [`Self::next`]; `UnexpectedAnswer` with the text of a `pusher:error` that comes first.
    pub async fn wait_for(&mut self, name: &str) -> Result<PusherEvent, ClientError> {
        self.wait_until(|event| event.event == name).await
    }

    async fn wait_for_subscribed(&mut self, channel: &str) -> Result<PusherEvent, ClientError> {
        let answers = ["pusher_internal:subscription_succeeded", "pusher:subscription_error"];
        let answer = self.wait_until(|event| event.channel.as_deref() == Some(channel) && answers.contains(&&*event.event)).await?;
        if answer.event == answers[0] { Ok(answer) } else { Err(ClientError::UnexpectedAnswer(answer.data())) }
    }

    async fn wait_until(&mut self, wanted: impl Fn(&PusherEvent) -> bool) -> Result<PusherEvent, ClientError> {
        if let Some(at) = self.passed.iter().position(&wanted)
            && let Some(event) = self.passed.remove(at)
        {
            return Ok(event);
        }
        loop {
            let event = self.receive().await?;
            if wanted(&event) {
                return Ok(event);
            }
            if event.event == "pusher:error" {
                return Err(ClientError::UnexpectedAnswer(event.data()));
            }
            self.passed.push_back(event);
        }
    }

    async fn receive(&mut self) -> Result<PusherEvent, ClientError> {
        loop {
            let message = timeout(WAIT, self.socket.next()).await.map_err(|_| ClientError::Silence)?;
            match message {
                Some(Ok(SocketMessage::Text(text))) => {
                    let event: PusherEvent =
                        serde_json::from_str(&text).map_err(|error| ClientError::UnexpectedAnswer(format!("{error}: {text}")))?;
                    if event.event == "pusher:ping" {
                        self.send("pusher:pong", json!({})).await?;
                    }
                    return Ok(event);
                }
                Some(Ok(SocketMessage::Close(Some(close)))) => {
                    return Err(ClientError::ClosedByServer { code: close.code.into(), reason: close.reason.to_string() });
                }
                Some(Ok(SocketMessage::Close(None)) | Err(_)) | None => return Err(ClientError::ConnectionLost),
                Some(Ok(_)) => {}
            }
        }
    }

    fn connection(&self) -> Result<ConnectionId, ClientError> {
        ConnectionId::from_socket_id(&self.socket_id).map_err(|error| ClientError::UnexpectedAnswer(error.to_string()))
    }

    fn signed(&self, secret: &SecretString, text: &str) -> String {
        format!("{}:{}", self.key, hmac_hex(secret, text.as_bytes()))
    }
}
