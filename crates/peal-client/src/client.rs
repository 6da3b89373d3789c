//! The handle of a connection: cheap to clone, each call a message to the task that owns the socket.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use crate::connection::{Answer, COMMANDS_MAX, Channel, Command, Connection, Reply, Request};
use crate::dial::{Address, Dial};
use crate::error::ClientError;
use crate::frame::{self, HistoryReply, Members};
use crate::message::{HistoryPage, Member, Published};
use crate::options::{ConnectOptions, HistoryOptions, PublishOptions, SubscribeOptions};
use crate::subscription::Subscription;

/// A publication of 100 messages must fit.
const INBOX_MIN: usize = 128;

/// Where a connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Connecting,
    Connected {
        connection: String,
        client_id: Option<String>,
    },
    /// The last attempt or connection ended with `error`; the next one begins `retry_in` after this state did.
    Waiting {
        retry_in: Duration,
        error: ClientError,
    },
    /// The server said that reconnecting unchanged is pointless. Final.
    Failed(ClientError),
    Closed,
}

/// A connection to the native protocol that heals itself. When the last handle and the last subscription have gone, it closes.
///
/// A request made while there is no connection waits for one, up to [`ConnectOptions::queue_max`] of them. Dropping the future
/// of a call does not take the request back.
#[derive(Debug, Clone)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<State>,
    subscriptions: Arc<AtomicU64>,
}

impl Client {
    /// Resolves when connected.
    ///
    /// # Errors
    /// Why the first attempt failed; only later ones are repeated.
    pub async fn connect(options: ConnectOptions) -> Result<Self, ClientError> {
        let dial = Address::parse(&options.url)?.dial();
        Self::connect_over(options, dial).await
    }

    pub(crate) async fn connect_over(options: ConnectOptions, dial: Dial) -> Result<Self, ClientError> {
        let address = Address::parse(&options.url)?;
        // A sender that finds it full waits.
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (state, mut watched) = watch::channel(State::Connecting);
        tokio::spawn(Connection::new(options, address, dial, inbox, commands.downgrade(), state).run());
        let state = watched.wait_for(|state| !matches!(state, State::Connecting)).await.map_err(|_| ClientError::Closed)?.clone();
        match state {
            State::Waiting { error, .. } | State::Failed(error) => Err(error),
            _ => Ok(Self { commands, state: watched, subscriptions: Arc::default() }),
        }
    }

    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// To wait for a state: `client.watch_state().wait_for(…)`.
    #[must_use]
    pub fn watch_state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// The id of the present connection; what REST calls name in `exclude`.
    #[must_use]
    pub fn connection_id(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Connected { connection, .. } => Some(connection.clone()),
            _ => None,
        }
    }

    /// Resolves when the server has answered.
    ///
    /// # Errors
    /// The server's refusal, or `AlreadySubscribed` if this client reads the channel already.
    pub async fn subscribe(&self, options: impl Into<SubscribeOptions>) -> Result<Subscription, ClientError> {
        let options = options.into();
        let number = self.subscriptions.fetch_add(1, Ordering::Relaxed);
        let name = options.channel.clone();
        // When it is full the subscription lags, see `SubscribeOptions::inbox_max`.
        let (events, inbox) = mpsc::channel(options.inbox_max.max(INBOX_MIN));
        let (opened, began) = oneshot::channel();
        let ending = Arc::new(OnceLock::new());
        let channel = Channel::new(number, options, events, Arc::clone(&ending), opened);
        self.tell(Command::Subscribe(Box::new(channel))).await?;
        let guard = Pending { channel: &name, number, commands: &self.commands };
        let began = began.await.map_err(|_| ClientError::Closed)??;
        // Answered: from here the subscription itself lets the channel go.
        std::mem::forget(guard);
        Ok(Subscription { began, channel: name, number, events: inbox, ending, ended: false, commands: self.commands.clone() })
    }

    /// Publishes JSON under a made-up message id, so that a repeat after a reconnect is harmless.
    ///
    /// # Errors
    /// The server's refusal; `Unconfirmed` when the connection stayed away too long to repeat safely.
    pub async fn publish(&self, channel: &str, event: &str, data: &impl Serialize) -> Result<Published, ClientError> {
        self.publish_with(channel, event, data, PublishOptions::default()).await
    }

    /// As [`Self::publish`], with options.
    pub async fn publish_with(
        &self,
        channel: &str,
        event: &str,
        data: &impl Serialize,
        options: PublishOptions,
    ) -> Result<Published, ClientError> {
        let PublishOptions { id, echo, ephemeral } = options;
        let id = id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let body = json!({"channel": channel, "event": event, "id": id, "echo": echo, "ephemeral": ephemeral, "data": frame::body(data)?});
        let ok = self.ask(|answer| Ok(Request::new("publish", frame::body(&body)?, answer).repeatable())).await?;
        frame::read(&ok)
    }

    /// Enters presence, or updates what is shown; without data the token's `info` is shown. A member leaves with its connection:
    /// enter again after a reconnect.
    pub async fn presence_enter(&self, channel: &str, data: Option<&Value>) -> Result<(), ClientError> {
        self.call("presence.enter", &PresenceData { channel, data }).await.map(drop)
    }

    pub async fn presence_update(&self, channel: &str, data: Option<&Value>) -> Result<(), ClientError> {
        self.call("presence.update", &PresenceData { channel, data }).await.map(drop)
    }

    pub async fn presence_leave(&self, channel: &str) -> Result<(), ClientError> {
        self.call("presence.leave", &json!({"channel": channel})).await.map(drop)
    }

    pub async fn presence_members(&self, channel: &str) -> Result<Vec<Member>, ClientError> {
        let members: Members = frame::read(&self.call("presence.get", &json!({"channel": channel})).await?)?;
        Ok(members.members)
    }

    pub async fn history(&self, channel: &str, options: HistoryOptions) -> Result<HistoryPage, ClientError> {
        #[derive(Serialize)]
        struct Query<'a> {
            channel: &'a str,
            #[serde(flatten)]
            options: HistoryOptions,
        }
        let reply: HistoryReply = frame::read(&self.call("history", &Query { channel, options }).await?)?;
        reply.try_into()
    }

    /// Replaces the token in-band; it is also the one to reconnect with.
    pub async fn refresh(&self, token: &str) -> Result<(), ClientError> {
        let refresh = |answer| {
            let Answer::Caller(caller) = answer else { return Err(ClientError::Closed) };
            let answer = Answer::Refresh { token: token.to_owned(), caller: Some(caller) };
            Ok(Request::new("refresh", frame::body(&json!({"token": token}))?, answer))
        };
        self.ask(refresh).await.map(drop)
    }

    /// A round trip through the server.
    pub async fn ping(&self) -> Result<(), ClientError> {
        self.call("ping", &json!({})).await.map(drop)
    }

    /// Any operation, with its reply as it is: for operations newer than this release, and for tests.
    pub async fn call(&self, operation: &'static str, body: &impl Serialize) -> Result<Box<RawValue>, ClientError> {
        self.ask(|answer| Ok(Request::new(operation, frame::body(body)?, answer))).await
    }

    /// Ends the connection with a closing handshake, for all handles. Subscriptions end after what has arrived.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.tell(Command::Close(done)).await.is_ok() {
            // Either it says so or it has ended already.
            let _ = closed.await;
        }
    }

    async fn ask(&self, request: impl FnOnce(Answer) -> Result<Request, ClientError>) -> Result<Box<RawValue>, ClientError> {
        let (answer, reply) = oneshot::channel::<Reply>();
        self.tell(Command::Request(request(Answer::Caller(answer))?)).await?;
        reply.await.map_err(|_| ClientError::Closed)?
    }

    async fn tell(&self, command: Command) -> Result<(), ClientError> {
        self.commands.send(command).await.map_err(|_| ClientError::Closed)
    }
}

#[derive(Serialize)]
struct PresenceData<'a> {
    channel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

/// A subscribe whose caller may go away before the answer: then the channel is let go.
struct Pending<'a> {
    channel: &'a str,
    number: u64,
    commands: &'a mpsc::Sender<Command>,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let unsubscribe = Command::Unsubscribe { channel: self.channel.to_owned(), number: self.number };
        // When the inbox is full, the connection finds the caller gone with the answer.
        let _ = self.commands.try_send(unsubscribe);
    }
}
