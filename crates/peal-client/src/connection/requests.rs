//! Requests and their answers, across connections.
//!
//! A request that finds no connection waits, in order and at most `max` of them. When the connection breaks, a repeatable
//! request (a publish, which carries a message id) goes back to the head of the queue, and every other one that was sent is
//! answered `ConnectionLost`, because nobody can know whether it took effect.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::{ClientError, ServerError};
use crate::frame;

/// The server forgets message ids after two minutes; a repeat must arrive earlier.
const REPEAT_WITHIN: Duration = Duration::from_secs(110);

/// The id of `connect`; those of requests go on from here, over all connections.
pub(super) const CONNECT_ID: u64 = 1;

pub(crate) type Reply = Result<Box<RawValue>, ClientError>;

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) operation: &'static str,
    pub(crate) body: Box<RawValue>,
    pub(crate) repeatable: bool,
    pub(crate) answer: Answer,
    sent_at: Option<Instant>,
}

/// Who wants to know.
#[derive(Debug)]
pub(crate) enum Answer {
    Caller(oneshot::Sender<Reply>),
    /// A subscribe of this channel, the n-th.
    Subscribe {
        channel: String,
        round: u64,
    },
    /// A new token, which becomes the one to reconnect with.
    Refresh {
        token: String,
        caller: Option<oneshot::Sender<Reply>>,
    },
    Nobody,
}

impl Request {
    pub(crate) fn new(operation: &'static str, body: Box<RawValue>, answer: Answer) -> Self {
        Self { operation, body, repeatable: false, answer, sent_at: None }
    }

    pub(crate) fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }

    fn refuse(self, error: ClientError) {
        if let Answer::Caller(caller) | Answer::Refresh { caller: Some(caller), .. } = self.answer {
            // A caller that has gone does not want to know.
            let _ = caller.send(Err(error));
        }
    }
}

#[derive(Debug)]
pub(crate) struct Requests {
    last_id: u64,
    max: usize,
    sent: BTreeMap<u64, Request>,
    waiting: VecDeque<Request>,
}

impl Requests {
    pub(crate) fn new(max: usize) -> Self {
        Self { last_id: CONNECT_ID, max, sent: BTreeMap::new(), waiting: VecDeque::new() }
    }

    /// Keeps the request for the next connection.
    pub(crate) fn wait(&mut self, request: Request) {
        if self.waiting.len() < self.max {
            self.waiting.push_back(request);
        } else {
            request.refuse(ClientError::QueueFull { max: self.max });
        }
    }

    /// The text to send on the present connection.
    pub(crate) fn send(&mut self, mut request: Request) -> String {
        self.last_id += 1;
        let text = frame::request(self.last_id, request.operation, &request.body);
        request.sent_at.get_or_insert_with(Instant::now);
        self.sent.insert(self.last_id, request);
        text
    }

    /// What waited for a connection, as texts to send.
    pub(crate) fn flush(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        for request in std::mem::take(&mut self.waiting) {
            if request.sent_at.is_some_and(|at| at.elapsed() > REPEAT_WITHIN) {
                request.refuse(ClientError::Unconfirmed);
            } else {
                texts.push(self.send(request));
            }
        }
        texts
    }

    /// Whoever waits for the reply with this id, and what it says.
    pub(crate) fn settle(&mut self, id: u64, ok: Option<Box<RawValue>>, error: Option<ServerError>) -> Option<(Answer, Reply)> {
        let request = self.sent.remove(&id)?;
        let reply = match (ok, error) {
            (_, Some(error)) => Err(error.into()),
            (Some(ok), None) => Ok(ok),
            (None, None) => Err(ClientError::UnexpectedAnswer("a reply with neither ok nor error".into())),
        };
        Some((request.answer, reply))
    }

    /// The connection has broken.
    pub(crate) fn lost(&mut self) {
        for (_, request) in std::mem::take(&mut self.sent).into_iter().rev() {
            if request.repeatable {
                self.waiting.push_front(request);
            } else {
                request.refuse(ClientError::ConnectionLost);
            }
        }
    }

    /// No connection will come.
    pub(crate) fn end(&mut self, error: &ClientError) {
        let sent = std::mem::take(&mut self.sent).into_values();
        sent.chain(std::mem::take(&mut self.waiting)).for_each(|request| request.refuse(error.clone()));
    }
}
