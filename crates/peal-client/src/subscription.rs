//! One subscription: a stream of events that outlives connections.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use peal_core::Position;
use tokio::sync::mpsc;

use crate::connection::{Command, Ending};
use crate::message::{Event, Member};

/// What the server said when the subscription began.
#[derive(Debug, Clone)]
pub struct Subscribed {
    /// Where continuity starts; the replay is what comes after it.
    pub position: Position,
    /// A position was given and everything after it will arrive.
    pub recovered: bool,
    /// How many messages are replayed first.
    pub replay: u64,
    /// Why it was not recovered.
    pub reason: Option<String>,
    /// Who is here, if presence was asked for.
    pub members: Vec<Member>,
}

/// Yields events in order. Dropping it unsubscribes.
///
/// After a reconnect it goes on from the last position; what is missing then is announced by [`Event::Discontinuity`]. A slow
/// reader pauses it, see [`crate::SubscribeOptions::inbox_max`].
#[derive(Debug)]
pub struct Subscription {
    pub began: Subscribed,
    pub(crate) channel: String,
    pub(crate) number: u64,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) ending: Ending,
    pub(crate) ended: bool,
    pub(crate) commands: mpsc::Sender<Command>,
}

impl Subscription {
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The next event; `None` after [`Event::Unsubscribed`], or when the client was closed. Cancellation-safe.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// What has arrived already, without waiting.
    pub fn try_next(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }
}

impl Stream for Subscription {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let event = ready!(self.events.poll_recv(cx));
        if event.is_some() || self.ended {
            return Poll::Ready(event);
        }
        self.ended = true;
        Poll::Ready(self.ending.get().cloned().map(Event::Unsubscribed))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let unsubscribe = Command::Unsubscribe { channel: self.channel.clone(), number: self.number };
        // When the inbox is full, the connection finds the reader gone at the channel's next message.
        let _ = self.commands.try_send(unsubscribe);
    }
}
