//! The subscriptions of a client: the wish to be subscribed and how far that has come on the present connection.
//!
//! The wish outlives connections. On each it is expressed by one `subscribe` with the last position seen, so that the server
//! replays what was missed or says that it cannot. A position counts as seen once the message is in the reader's inbox. The
//! inbox is bounded: when it is full the channel lags, which means it is unsubscribed and what arrives is let go *without*
//! moving the position, and it is subscribed again from there once half of the inbox is free.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};

use peal_core::Position;
use tokio::sync::{mpsc, oneshot};

use crate::error::ClientError;
use crate::frame::SubscribeReply;
use crate::message::{Discontinuity, Event, Message};
use crate::options::SubscribeOptions;
use crate::subscription::Subscribed;

/// Ids of the last publications, to drop what a failover has stored twice.
const SEEN_MAX: usize = 512;
/// For so long a message id is unique on its channel, in milliseconds.
const ID_UNIQUE_MS: u64 = 120_000;

/// Why a subscription has ended, for its reader to find.
pub(crate) type Ending = Arc<OnceLock<ClientError>>;

#[derive(Debug)]
pub(crate) struct Channel {
    /// Tells this subscription from an earlier one of the same name.
    pub(crate) number: u64,
    pub(crate) options: SubscribeOptions,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) ending: Ending,
    /// Whoever waits for the first reply.
    pub(crate) opened: Option<oneshot::Sender<Result<Subscribed, ClientError>>>,
    /// Counts subscribes, so that the reply to an abandoned one is recognised.
    pub(crate) round: u64,
    pub(crate) stage: Stage,
    pub(crate) lagging: bool,
    pub(crate) failures: u32,
    seen: Seen,
}

/// How far the wish has come on the present connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Idle,
    Asked,
    /// The present round was answered: pushes count.
    Active,
}

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Taken,
    /// The inbox is full.
    Full,
    /// The reader has gone.
    Gone,
}

impl Channel {
    pub(crate) fn new(
        number: u64,
        options: SubscribeOptions,
        events: mpsc::Sender<Event>,
        ending: Ending,
        opened: oneshot::Sender<Result<Subscribed, ClientError>>,
    ) -> Self {
        let opened = Some(opened);
        Self { number, options, events, ending, opened, round: 0, stage: Stage::Idle, lagging: false, failures: 0, seen: Seen::default() }
    }

    /// Where the next subscribe goes on.
    fn at(&mut self, position: Position) {
        self.options.position = Some(position);
        self.options.rewind = None;
    }

    /// The reply to the present round. The first goes to whoever subscribed, later ones become events.
    pub(crate) fn answered(&mut self, reply: SubscribeReply) -> Put {
        self.failures = 0;
        let members = reply.presence.map(|presence| presence.members);
        let SubscribeReply { position, recovered, replay, reason, .. } = reply;
        let put = if let Some(opened) = self.opened.take() {
            let subscribed = Subscribed { position, recovered, replay, reason, members: members.unwrap_or_default() };
            if opened.send(Ok(subscribed)).is_ok() { Put::Taken } else { Put::Gone }
        } else {
            let asked = self.options.position.filter(|_| !recovered);
            let gap = asked.map(|from| {
                let reason = reason.unwrap_or_else(|| "position".into());
                Event::Discontinuity(Discontinuity { reason, from: Some(from), to: Some(position) })
            });
            self.put(gap.into_iter().chain(members.map(Event::Members)).collect())
        };
        if put == Put::Taken {
            self.stage = Stage::Active;
            self.at(position);
        }
        put
    }

    pub(crate) fn message(&mut self, id: &str, ts: u64, position: Option<Position>, messages: Vec<Message>) -> Put {
        let repeat = !self.options.duplicates && self.seen.holds(id, ts);
        let put = if repeat { Put::Taken } else { self.put(messages.into_iter().map(Event::Message).collect()) };
        if put == Put::Taken {
            if !repeat {
                self.seen.add(id, ts);
            }
            if let Some(position) = position {
                self.at(position);
            }
        }
        put
    }

    pub(crate) fn discontinuity(&mut self, gap: Discontinuity) -> Put {
        let to = gap.to;
        let put = self.put(vec![Event::Discontinuity(gap)]);
        if let (Put::Taken, Some(to)) = (&put, to) {
            self.at(to);
        }
        put
    }

    /// All of them or none.
    pub(crate) fn put(&mut self, events: Vec<Event>) -> Put {
        if events.is_empty() {
            return Put::Taken;
        }
        match self.events.try_reserve_many(events.len()) {
            Ok(permits) => {
                permits.zip(events).for_each(|(permit, event)| permit.send(event));
                Put::Taken
            }
            Err(mpsc::error::TrySendError::Full(())) => Put::Full,
            Err(mpsc::error::TrySendError::Closed(())) => Put::Gone,
        }
    }

    /// Ends it with a reason that the reader sees last.
    pub(crate) fn end(self, error: ClientError) {
        match self.opened {
            Some(opened) => {
                // A subscriber that has gone does not want to know.
                let _ = opened.send(Err(error));
            }
            // There is one ending, and it is set here.
            None => {
                let _ = self.ending.set(error);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    at: HashMap<Arc<str>, u64>,
    order: VecDeque<Arc<str>>,
}

impl Seen {
    fn holds(&self, id: &str, ts: u64) -> bool {
        self.at.get(id).is_some_and(|at| at.abs_diff(ts) < ID_UNIQUE_MS)
    }

    fn add(&mut self, id: &str, ts: u64) {
        let id: Arc<str> = id.into();
        if self.at.insert(Arc::clone(&id), ts).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > SEEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.at.remove(&oldest);
        }
    }
}
