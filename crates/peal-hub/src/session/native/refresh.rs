//! `refresh` (protocol 2): a new token for the same client. What it no longer covers ends.

use peal_core::{ErrorCode, Operation, Refusal, Topic, token};
use peal_wire::native;

use super::Authority;
use crate::hub::Hub;

impl Hub {
    pub(super) fn native_refresh(&mut self, slot: u32, id: u64, text: &str) -> Result<(), Refusal> {
        let Some(app) = self.app_of(slot) else { return Err(ErrorCode::NotConnected.into()) };
        let token = token::verify(&app, text, self.now)?;
        let Some(session) = self.native_session_mut(slot) else { return Err(ErrorCode::NotConnected.into()) };
        if session.authority.client_id() != token.client_id.as_ref() {
            return Err(Refusal::of(ErrorCode::ClientIdMismatch));
        }
        let expires_ms = token.expires_at_s * 1_000;
        session.authority = Authority::Token(Box::new(token));
        session.expiring_told = false;
        self.tab_renew(slot);
        self.push(slot, native::encode_refreshed(id, expires_ms));
        self.end_uncovered(slot, &Refusal::of(ErrorCode::NotAuthorised));
        self.arm_connection(slot);
        Ok(())
    }

    /// Ends the subscriptions and memberships that the connection's tokens no longer cover.
    pub(crate) fn end_uncovered(&mut self, slot: u32, why: &Refusal) {
        let Some(connection) = self.connections.get(slot) else { return };
        for index in connection.subs.iter().map(|sub| sub.topic).collect::<Vec<_>>() {
            let Some(channel) = self.channel_of(index) else { continue };
            if self.native_allowed(slot, Operation::Subscribe, &channel).is_err() {
                self.native_end(slot, index, why);
            } else if self.native_allowed(slot, Operation::Presence, &channel).is_err() {
                self.watch_end(slot, index);
            }
        }
        let topics: Vec<Topic> = match self.native_session(slot) {
            Some(session) => session.members.iter().filter_map(|key| self.member_topic(*key)).collect(),
            None => return,
        };
        for topic in topics {
            let covered = topic.channel().is_some_and(|channel| self.native_allowed(slot, Operation::Presence, channel).is_ok());
            if !covered {
                self.member_leave(slot, &topic, None);
            }
        }
    }

    /// Ends a subscription from the server's side, with the reason.
    pub(crate) fn native_end(&mut self, slot: u32, index: u32, why: &Refusal) {
        let Some(topic) = self.topics.get(index).map(|entry| entry.topic.clone()) else { return };
        let Some(channel) = topic.channel().cloned() else { return };
        self.abandon(slot, index, why);
        self.member_leave(slot, &Topic::presence(topic.app, channel.clone()), None);
        self.push(slot, native::encode_unsubscribed(&channel, why));
    }

    /// Channel tokens that have expired are dropped, and with them what they alone allowed.
    pub(crate) fn channel_tokens_due(&mut self, slot: u32) {
        let now_s = self.now.wall_s();
        let Some(session) = self.native_session_mut(slot) else { return };
        let count = session.channel_tokens.len();
        session.channel_tokens.retain(|token| token.expires_at_s > now_s);
        if session.channel_tokens.len() < count {
            self.end_uncovered(slot, &Refusal::of(ErrorCode::TokenExpired));
        }
    }
}
