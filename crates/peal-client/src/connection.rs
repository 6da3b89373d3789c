//! One logical connection over many sockets, owned by one task.
//!
//! ```text
//! connecting ──answered──> connected ──closed, silent──> waiting ──time──> connecting
//!     └──refused, unreachable──> waiting        any ──stop code──> failed      any ──close, all handles gone──> closed
//! ```
//!
//! Handles send [`Command`]s through a bounded inbox; there is no lock. Every wait also listens to that inbox, so a close is
//! heard while dialling, and requests wait in order while there is no connection.

mod channels;
mod open;
mod requests;
mod session;
mod subscribing;

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

use channels::Stage;
pub(crate) use channels::{Channel, Ending};
pub(crate) use requests::{Answer, Reply, Request};

use crate::backoff::{backoff, hinted};
use crate::client::State;
use crate::dial::{Address, Dial};
use crate::error::ClientError;
use crate::options::{ConnectOptions, Credentials};
use open::{Opened, Opening};
use requests::Requests;

/// Commands on their way to the connection's task; a handle that finds it full waits.
pub(crate) const COMMANDS_MAX: usize = 1_024;
/// A connection that lived this long was a success: what follows counts as the first failure.
const STABLE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) enum Command {
    Request(Request),
    Subscribe(Box<Channel>),
    Unsubscribe {
        channel: String,
        number: u64,
    },
    /// A lagging or refused channel may be subscribed again.
    Resume {
        channel: String,
        number: u64,
    },
    Close(oneshot::Sender<()>),
}

/// How a connection, or the attempt at one, ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// A handle asked for it; it wants to know when it is done.
    Closed(Option<oneshot::Sender<()>>),
    Lost {
        error: ClientError,
        next: Next,
    },
}

/// The next move, by the close code's band or a hint of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Stop,
    Backoff,
    AtOnce,
    FreshToken,
    /// The server named the time.
    In(Duration),
}

impl Next {
    fn of_close(code: u16) -> Self {
        match code / 100 {
            40 => Self::Stop,
            42 => Self::AtOnce,
            44 => Self::FreshToken,
            _ => Self::Backoff,
        }
    }

    fn of_refusal(error: &ClientError) -> Self {
        match error {
            ClientError::Refused(refused) => match (refused.error_code(), refused.retry_after) {
                (_, Some(ms)) if refused.retryable => Self::In(hinted(ms)),
                (Some(code), _) => Self::of_close(code.info().close),
                (None, _) if refused.retryable => Self::Backoff,
                (None, _) => Self::Stop,
            },
            other if other.retryable() => Self::Backoff,
            _ => Self::Stop,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Connection {
    opening: Opening,
    commands: mpsc::Receiver<Command>,
    /// To wake itself; weak, so that the task ends with the last handle.
    own: mpsc::WeakSender<Command>,
    state: watch::Sender<State>,
    requests: Requests,
    channels: HashMap<String, Channel>,
    /// The token that was accepted last, to reconnect with.
    token: Option<String>,
    /// Failures since the last stable connection.
    failures: u32,
}

impl Connection {
    pub(crate) fn new(
        options: ConnectOptions,
        address: Address,
        dial: Dial,
        commands: mpsc::Receiver<Command>,
        own: mpsc::WeakSender<Command>,
        state: watch::Sender<State>,
    ) -> Self {
        let token = match &options.credentials {
            Credentials::Token(token) => Some(token.clone()),
            Credentials::Key(_) | Credentials::Source(_) => None,
        };
        let requests = Requests::new(options.queue_max);
        let opening = Opening { options, address, dial };
        Self { opening, commands, own, state, requests, channels: HashMap::new(), token, failures: 0 }
    }

    pub(crate) async fn run(mut self) {
        loop {
            let (error, next) = match self.connect_once().await {
                Ended::Closed(done) => return self.closed(done),
                Ended::Lost { error, next } => (error, next),
            };
            self.requests.lost();
            self.channels.values_mut().for_each(|channel| channel.stage = Stage::Idle);
            let Some(retry_in) = self.pause(next) else { return self.failed(error).await };
            self.failures = self.failures.saturating_add(1);
            self.state.send_replace(State::Waiting { retry_in, error });
            if let Err(Ended::Closed(done)) = self.meanwhile(sleep(retry_in)).await {
                return self.closed(done);
            }
        }
    }

    async fn connect_once(&mut self) -> Ended {
        self.state.send_replace(State::Connecting);
        let opening = self.opening.open(self.token.clone());
        let opened = match self.meanwhile(opening).await {
            Err(closed) => return closed,
            Ok(Err((error, next))) => return Ended::Lost { error, next },
            Ok(Ok(opened)) => opened,
        };
        let Opened { socket, connected, token } = opened;
        self.token = token;
        let began = Instant::now();
        let ended = self.session(socket, connected).await;
        if began.elapsed() >= STABLE {
            self.failures = 0;
        }
        ended
    }

    /// How long to wait; `None` to stop for good.
    fn pause(&mut self, next: Next) -> Option<Duration> {
        let soon = if self.failures == 0 { Duration::ZERO } else { backoff(self.failures) };
        match next {
            Next::Stop => None,
            Next::Backoff => Some(backoff(self.failures)),
            Next::AtOnce => Some(soon),
            Next::FreshToken => {
                self.token = None;
                matches!(self.opening.options.credentials, Credentials::Source(_)).then_some(soon)
            }
            Next::In(duration) => Some(duration),
        }
    }

    /// Waits for `future` while commands come in. `Err` if one of them ends the client.
    async fn meanwhile<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::pin!(future);
        loop {
            tokio::select! {
                // Both branches are cancellation-safe: `future` is kept, and receiving takes a command or nothing.
                output = &mut future => return Ok(output),
                command = self.commands.recv() => match command {
                    None => return Err(Ended::Closed(None)),
                    Some(Command::Close(done)) => return Err(Ended::Closed(Some(done))),
                    Some(command) => self.offline(command),
                },
            }
        }
    }

    fn offline(&mut self, command: Command) {
        match command {
            Command::Request(request) => self.requests.wait(request),
            Command::Subscribe(channel) => {
                self.adopt(*channel);
            }
            Command::Unsubscribe { channel, number } => {
                if self.channels.get(&channel).is_some_and(|held| held.number == number) {
                    self.channels.remove(&channel);
                }
            }
            Command::Resume { channel, number } => {
                if let Some(held) = self.channels.get_mut(&channel).filter(|held| held.number == number) {
                    held.lagging = false;
                }
            }
            Command::Close(_) => unreachable!("closing ends the wait before it comes here"),
        }
    }

    /// Takes in a new subscription, unless the channel has a reader already. False if it has.
    fn adopt(&mut self, channel: Channel) -> bool {
        let name = channel.options.channel.clone();
        if self.channels.get(&name).is_some_and(|held| !held.events.is_closed()) {
            channel.end(ClientError::AlreadySubscribed(name));
            return false;
        }
        self.channels.insert(name, channel);
        true
    }

    fn closed(mut self, done: Option<oneshot::Sender<()>>) {
        self.requests.end(&ClientError::Closed);
        self.state.send_replace(State::Closed);
        // Readers see the end of their stream, and whoever still waits for a first reply an error.
        self.channels.drain().filter(|(_, channel)| channel.opened.is_some()).for_each(|(_, channel)| channel.end(ClientError::Closed));
        if let Some(done) = done {
            // A closer that has gone does not want to know.
            let _ = done.send(());
        }
    }

    /// Nothing more will come. Handles that still send are refused until the last has gone.
    async fn failed(mut self, error: ClientError) {
        self.requests.end(&error);
        self.channels.drain().for_each(|(_, channel)| channel.end(error.clone()));
        self.state.send_replace(State::Failed(error.clone()));
        while let Some(command) = self.commands.recv().await {
            match command {
                Command::Request(request) => {
                    self.requests.wait(request);
                    self.requests.end(&error);
                }
                Command::Subscribe(channel) => channel.end(error.clone()),
                Command::Unsubscribe { .. } | Command::Resume { .. } => {}
                Command::Close(done) => return self.closed(Some(done)),
            }
        }
    }
}
