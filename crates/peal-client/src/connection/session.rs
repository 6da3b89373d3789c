//! One connection, from the answer to `connect` until it ends. What is to be written gathers in `out` and leaves in one flush
//! after each wake-up, so a burst of publishes costs one system call.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message as SocketMessage;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

use super::open::{Socket, closed};
use super::{Answer, Command, Connection, Ended, Next, Reply, Request};
use crate::backoff::hinted;
use crate::client::State;
use crate::error::{ClientError, ServerError};
use crate::frame::{self, Connected, Frame};
use crate::message::Event;
use crate::options::Credentials;

/// How long after its ping the server gives up, and so do we (protocol 2).
const PONG_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Commands taken before a flush.
const BURST_MAX: usize = 64;

/// What a session keeps beside the connection.
pub(super) struct Session {
    pub(super) out: Vec<String>,
    /// An error push, the likely reason of a close that follows.
    refusal: Option<ServerError>,
    /// When the server asked us to come back.
    return_at: Option<Instant>,
}

impl Connection {
    pub(super) async fn session(&mut self, mut socket: Socket, connected: Connected) -> Ended {
        let silence = Duration::from_millis(connected.ping) + PONG_TIMEOUT;
        self.state.send_replace(State::Connected { connection: connected.connection, client_id: connected.client_id });
        let mut session = Session { out: Vec::new(), refusal: None, return_at: None };
        self.resume_all(&mut session);
        session.out.extend(self.requests.flush());
        let mut heard_at = Instant::now();
        loop {
            if let Err(error) = write(&mut socket, &mut session.out).await {
                return session.lost(error);
            }
            let silent_at = heard_at + silence;
            let wake_at = session.return_at.map_or(silent_at, |at| at.min(silent_at));
            tokio::select! {
                // All branches are cancellation-safe: a frame or command that was not taken is there the next time.
                frame = socket.next() => {
                    heard_at = Instant::now();
                    match frame {
                        Some(Ok(SocketMessage::Text(text))) => {
                            if let Err(error) = self.receive(&mut session, &text) {
                                return session.lost(error);
                            }
                        }
                        Some(Ok(SocketMessage::Close(close))) => return session.closed(closed(close)),
                        // Pings are answered by tungstenite with the next flush.
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return session.lost(ClientError::ConnectionLost),
                    }
                }
                command = self.commands.recv() => {
                    if let Some(ended) = self.commands_in(&mut session, command) {
                        if write(&mut socket, &mut session.out).await.is_ok() {
                            say_goodbye(&mut socket).await;
                        }
                        return ended;
                    }
                }
                () = sleep_until(wake_at) => {
                    let asked_away = session.return_at == Some(wake_at);
                    return session.lost(if asked_away { ClientError::ConnectionLost } else { ClientError::Silence });
                }
            }
        }
    }

    /// Takes what has gathered, up to a burst. `Some` if the session is to end.
    fn commands_in(&mut self, session: &mut Session, first: Option<Command>) -> Option<Ended> {
        let mut next = first;
        let mut taken = 0;
        loop {
            match next {
                None => return Some(Ended::Closed(None)),
                Some(Command::Close(done)) => return Some(Ended::Closed(Some(done))),
                Some(command) => self.command(session, command),
            }
            taken += 1;
            if taken == BURST_MAX {
                return None;
            }
            next = match self.commands.try_recv() {
                Ok(command) => Some(command),
                Err(mpsc::error::TryRecvError::Empty) => return None,
                Err(mpsc::error::TryRecvError::Disconnected) => None,
            };
        }
    }

    fn command(&mut self, session: &mut Session, command: Command) {
        match command {
            Command::Request(request) => session.out.push(self.requests.send(request)),
            Command::Subscribe(channel) => {
                let name = channel.options.channel.clone();
                if self.adopt(*channel) {
                    self.subscribe(session, &name);
                }
            }
            Command::Unsubscribe { channel, number } => {
                if self.channels.get(&channel).is_some_and(|held| held.number == number) {
                    self.drop_channel(session, &channel);
                }
            }
            Command::Resume { channel, number } => {
                if let Some(held) = self.channels.get_mut(&channel).filter(|held| held.number == number) {
                    held.lagging = false;
                    self.subscribe(session, &channel);
                }
            }
            Command::Close(_) => unreachable!("closing ends the session before it comes here"),
        }
    }

    fn receive(&mut self, session: &mut Session, text: &str) -> Result<(), ClientError> {
        for frame in Frame::all_of(text) {
            let frame = frame?;
            if let Some(id) = frame.id {
                if let Some((answer, reply)) = self.requests.settle(id, frame.ok, frame.error) {
                    self.answered(session, answer, reply);
                }
                session.refusal = None;
                continue;
            }
            session.refusal = frame.error;
            if let Some(publication) = frame.message {
                self.message(session, publication)?;
            } else if let Some(change) = frame.presence {
                self.give(session, &change.channel, |channel| channel.put(vec![Event::Presence(change.inner)]));
            } else if let Some(gap) = frame.discontinuity {
                self.give(session, &gap.channel, |channel| channel.discontinuity(gap.inner));
            } else if let Some(ended) = frame.unsubscribed {
                self.refused(&ended.channel, ended.error.unwrap_or_else(no_reason).into());
            } else if frame.expiring.is_some() {
                self.renew_token();
            } else if let Some(goaway) = frame.goaway {
                session.return_at = Some(Instant::now() + Duration::from_millis(goaway.retry_in));
            }
        }
        Ok(())
    }

    fn answered(&mut self, session: &mut Session, answer: Answer, reply: Reply) {
        match answer {
            Answer::Caller(caller) => {
                // A caller that has gone does not want to know.
                let _ = caller.send(reply);
            }
            Answer::Refresh { token, caller } => {
                match &reply {
                    Ok(_) => self.token = Some(token),
                    Err(error) => tracing::warn!(%error, "the new token was refused"),
                }
                if let Some(caller) = caller {
                    let _ = caller.send(reply);
                }
            }
            Answer::Subscribe { channel, round } => self.subscribed(session, &channel, round, reply),
            Answer::Nobody => {}
        }
    }

    /// Gets a fresh token before the present one expires. Without a source the server will close at the expiry.
    fn renew_token(&self) {
        let Credentials::Source(source) = &self.opening.options.credentials else { return };
        let (fetch, own) = (source(), self.own.clone());
        tokio::spawn(async move {
            match fetch.await {
                Ok(token) => {
                    if let Ok(body) = frame::body(&serde_json::json!({"token": token})) {
                        let answer = Answer::Refresh { token, caller: None };
                        tell(&own, Command::Request(Request::new("refresh", body, answer))).await;
                    }
                }
                Err(why) => tracing::warn!(why, "no fresh token; the connection ends when the present one expires"),
            }
        });
    }
}

impl Session {
    fn lost(self, error: ClientError) -> Ended {
        self.ended(error, Next::Backoff)
    }

    fn closed(self, (error, next): (ClientError, Next)) -> Ended {
        self.ended(error, next)
    }

    /// A stop is a stop; otherwise a time that the server named is better than a band.
    fn ended(self, error: ClientError, next: Next) -> Ended {
        let hint = self.refusal.as_ref().and_then(|refusal| refusal.retry_after).map(hinted);
        let named = self.return_at.map(|at| at.saturating_duration_since(Instant::now())).or(hint);
        let next = match (next, named) {
            (Next::Stop | Next::FreshToken, _) | (_, None) => next,
            (_, Some(wait)) => Next::In(wait),
        };
        Ended::Lost { error: self.refusal.map_or(error, ClientError::from), next }
    }
}

fn no_reason() -> ServerError {
    ServerError {
        code: 0,
        name: "unsubscribed".into(),
        message: "The server ended the subscription.".into(),
        retryable: false,
        help_url: None,
        limit: None,
        current: None,
        retry_after: None,
        request_id: None,
        status: None,
    }
}

/// Sends a command to the connection's own task, if any handle still wants it to run.
pub(super) async fn tell(own: &mpsc::WeakSender<Command>, command: Command) {
    if let Some(own) = own.upgrade() {
        // The task has ended: nothing is left to be told.
        let _ = own.send(command).await;
    }
}

/// Writes and flushes everything; pongs that wait leave with it.
async fn write(socket: &mut Socket, out: &mut Vec<String>) -> Result<(), ClientError> {
    let writing = async {
        for text in out.drain(..) {
            socket.feed(SocketMessage::text(text)).await?;
        }
        socket.flush().await
    };
    match timeout(WRITE_TIMEOUT, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(ClientError::ConnectionLost),
        Err(_) => Err(ClientError::Silence),
    }
}

/// The closing handshake, as far as the server takes part.
async fn say_goodbye(socket: &mut Socket) {
    let goodbye = async {
        let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        if socket.close(Some(close)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // A server that does not answer in time is left alone.
    let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
}
