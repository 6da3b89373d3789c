//! The subscriptions on one connection: what is asked of the server for them and what its answers do to them. [`Channel`] says
//! what they are.

use std::sync::Arc;

use super::channels::{Channel, Put, Stage};
use super::session::{Session, tell};
use super::{Answer, Command, Connection, Reply, Request};
use crate::backoff::{backoff, hinted};
use crate::error::ClientError;
use crate::frame::{self, SubscribeReply, WirePublication};
use crate::message::Message;

impl Connection {
    pub(super) fn resume_all(&mut self, session: &mut Session) {
        let names: Vec<_> = self.channels.iter().filter(|(_, channel)| !channel.lagging).map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.subscribe(session, name));
    }

    /// Expresses the wish, unless that has been done on this connection.
    pub(super) fn subscribe(&mut self, session: &mut Session, name: &str) {
        let Some(channel) = self.channels.get_mut(name).filter(|channel| channel.stage == Stage::Idle) else { return };
        match frame::body(&channel.options) {
            Ok(body) => {
                channel.stage = Stage::Asked;
                channel.round += 1;
                let answer = Answer::Subscribe { channel: name.to_owned(), round: channel.round };
                session.out.push(self.requests.send(Request::new("subscribe", body, answer)));
            }
            Err(error) => self.end_channel(name, error),
        }
    }

    fn unsubscribe(&mut self, session: &mut Session, name: &str) {
        if let Ok(body) = frame::body(&serde_json::json!({"channel": name})) {
            session.out.push(self.requests.send(Request::new("unsubscribe", body, Answer::Nobody)));
        }
    }

    pub(super) fn message(&mut self, session: &mut Session, mut publication: WirePublication) -> Result<(), ClientError> {
        let Some(name) = publication.channel.take() else {
            return Err(ClientError::UnexpectedAnswer("a message without its channel".into()));
        };
        let (id, ts, position) = (Arc::clone(&publication.id), publication.ts, publication.position);
        let messages = Message::all_of(publication)?;
        self.give(session, &name, |channel| channel.message(&id, ts, position, messages));
        Ok(())
    }

    /// Puts something into a reader's inbox and sees to it that the channel lags or ends where it does not fit.
    pub(super) fn give(&mut self, session: &mut Session, name: &str, give: impl FnOnce(&mut Channel) -> Put) {
        let Some(channel) = self.channels.get_mut(name).filter(|channel| channel.stage == Stage::Active) else { return };
        match give(channel) {
            Put::Taken => {}
            Put::Full => self.lag(session, name),
            Put::Gone => self.drop_channel(session, name),
        }
    }

    pub(super) fn subscribed(&mut self, session: &mut Session, name: &str, round: u64, reply: Reply) {
        let Some(channel) = self.channels.get_mut(name).filter(|held| held.round == round && held.stage == Stage::Asked) else { return };
        match reply.and_then(|ok| frame::read::<SubscribeReply>(&ok)) {
            Ok(reply) => match channel.answered(reply) {
                Put::Taken => {}
                Put::Full => self.lag(session, name),
                Put::Gone => self.drop_channel(session, name),
            },
            Err(error) => self.refused(name, error),
        }
    }

    /// The server holds no subscription (any more). A first subscribe fails with that; a later one is tried again if it may help.
    pub(super) fn refused(&mut self, name: &str, error: ClientError) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        channel.stage = Stage::Idle;
        if channel.opened.is_some() || !error.retryable() {
            return self.end_channel(name, error);
        }
        let wait = match &error {
            ClientError::Refused(refused) => refused.retry_after.map_or_else(|| backoff(channel.failures), hinted),
            _ => backoff(channel.failures),
        };
        channel.failures = channel.failures.saturating_add(1);
        let resume = Command::Resume { channel: name.to_owned(), number: channel.number };
        let own = self.own.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            tell(&own, resume).await;
        });
    }

    /// Pauses a channel whose reader is slow until half of its inbox is free.
    fn lag(&mut self, session: &mut Session, name: &str) {
        self.unsubscribe(session, name);
        let Some(channel) = self.channels.get_mut(name) else { return };
        channel.stage = Stage::Idle;
        channel.lagging = true;
        let resume = Command::Resume { channel: name.to_owned(), number: channel.number };
        let (events, own) = (channel.events.clone(), self.own.clone());
        tokio::spawn(async move {
            // An error means that the reader has gone, which is found when something is to be delivered.
            let _ = events.reserve_many(events.max_capacity() / 2).await.map(drop);
            drop(events);
            tell(&own, resume).await;
        });
    }

    /// Its reader has gone.
    pub(super) fn drop_channel(&mut self, session: &mut Session, name: &str) {
        if self.channels.remove(name).is_some_and(|channel| channel.stage != Stage::Idle) {
            self.unsubscribe(session, name);
        }
    }

    fn end_channel(&mut self, name: &str, error: ClientError) {
        if let Some(channel) = self.channels.remove(name) {
            channel.end(error);
        }
    }
}
