//! `subscribe` and `unsubscribe` (protocol 2).

use std::sync::Arc;

use peal_core::{App, ChannelName, ErrorCode, Operation, Refusal, Topic, token};
use peal_wire::native::{self, Rewind, Subscribe};

use crate::connection::NONE;
use crate::delivery::{Join, Progress, Replier, Subscribed, Want};
use crate::hub::Hub;

impl Hub {
    pub(super) fn native_subscribe(&mut self, slot: u32, id: u64, subscribe: &Subscribe<'_>) -> Result<(), Refusal> {
        let channel = &subscribe.channel;
        let app = self.app_of(slot).ok_or(ErrorCode::NotConnected)?;
        if let Some(text) = &subscribe.token {
            self.take_channel_token(slot, &app, channel, text)?;
        }
        self.native_allowed(slot, Operation::Subscribe, channel)?;
        if subscribe.presence {
            self.native_allowed(slot, Operation::Presence, channel)?;
        }
        let topic = Topic::messages(app.id, channel.clone());
        let presence = subscribe.presence.then(|| Topic::presence(app.id, channel.clone()));
        if let Some(index) = self.topics.find(&topic).filter(|index| self.stage(slot, *index).is_some()) {
            self.subscribe_again(slot, id, index, presence.as_ref());
            return Ok(());
        }
        self.check_channel_count(slot, &app)?;
        let want = match (subscribe.position, subscribe.rewind) {
            (Some(position), _) => Want::Resume(position),
            (None, Some(Rewind::Count(count))) => Want::RewindCount(count),
            (None, Some(Rewind::DurationMs(ms))) => Want::RewindSince(self.now.wall_ms.saturating_sub(ms)),
            (None, None) => Want::Live,
        };
        let index = self.topic(&topic);
        self.subscriber_add(slot, index, Join::new(want, Replier::Native(vec![id])));
        if let Some(presence) = &presence {
            self.watch_begin(slot, index, presence, None);
        }
        self.advance(slot, index);
        Ok(())
    }

    /// The channel is held: answered with the present position, and only presence may change.
    fn subscribe_again(&mut self, slot: u32, id: u64, index: u32, presence: Option<&Topic>) {
        let watches = self.connections.get(slot).and_then(|connection| connection.sub(index)).is_some_and(|sub| sub.watch != NONE);
        match presence {
            Some(topic) if !watches => self.watch_begin(slot, index, topic, None),
            None if watches => self.watch_end(slot, index),
            _ => {}
        }
        match self.progress.get_mut(&(slot, index)) {
            Some(Progress::Joining(join)) => {
                if let Replier::Native(requests) = &mut join.replier {
                    requests.push(id);
                }
                self.advance(slot, index);
            }
            _ => {
                self.watch_replies.entry((slot, index)).or_default().push(id);
                self.answer_watch(slot, index);
            }
        }
    }

    /// Answers repeated subscribes of a live subscription, once its view, if it has one, is loaded.
    pub(crate) fn answer_watch(&mut self, slot: u32, index: u32) {
        if !self.watch_replies.contains_key(&(slot, index)) {
            return;
        }
        let Some(sub) = self.connections.get(slot).and_then(|connection| connection.sub(index)) else { return };
        let view = self.topics.get(sub.watch).and_then(|topic| topic.presence());
        let Some(position) = self.topics.get(index).and_then(|topic| topic.stream.last()) else { return };
        if view.is_some_and(|view| !view.is_synced()) {
            return;
        }
        let Some(requests) = self.watch_replies.remove(&(slot, index)) else { return };
        let subscribed = Subscribed { position, recovered: false, replay: 0, reason: None, presence: None };
        self.native_subscribed(slot, index, &requests, subscribed);
    }

    pub(crate) fn native_subscribed(&mut self, slot: u32, index: u32, requests: &[u64], subscribed: Subscribed) {
        let Some(watch) = self.connections.get(slot).and_then(|connection| connection.sub(index)).map(|sub| sub.watch) else { return };
        let listed = self.topics.get(watch).and_then(|topic| topic.presence()).map(|presence| presence.listed());
        let presence = listed.as_ref().map(|(members, count)| (&members[..], *count));
        let answer = native::Subscribed { presence, ..subscribed };
        for id in requests {
            self.push(slot, native::encode_subscribed(*id, &answer));
        }
        self.watch_live(slot, index);
    }

    pub(super) fn native_unsubscribe(&mut self, slot: u32, id: u64, channel: &ChannelName) {
        let Some(app) = self.connections.get(slot).and_then(|connection| connection.app) else { return };
        if let Some(index) = self.topics.find(&Topic::messages(app, channel.clone())) {
            self.abandon(slot, index, &Refusal::new(ErrorCode::NotSubscribed, "Unsubscribed before the subscribe was answered."));
        }
        self.member_leave(slot, &Topic::presence(app, channel.clone()), None);
        if let Some(session) = self.native_session_mut(slot) {
            session.channel_tokens.retain(|token| token.channel.as_ref() != Some(channel));
        }
        self.push(slot, native::encode_ok(id));
    }

    /// Ends a subscription; requests that still wait for its answer get this one.
    pub(crate) fn abandon(&mut self, slot: u32, index: u32, why: &Refusal) {
        let mut requests = self.watch_replies.remove(&(slot, index)).unwrap_or_default();
        if let Some(Progress::Joining(join)) = self.unsubscribe(slot, index)
            && let Replier::Native(joining) = join.replier
        {
            requests.extend(joining);
        }
        for request in requests {
            self.refuse_request(slot, request, why);
        }
    }

    /// A token for this channel alone, for the connection's own client.
    fn take_channel_token(&mut self, slot: u32, app: &Arc<App>, channel: &ChannelName, text: &str) -> Result<(), Refusal> {
        let token = token::verify(app, text, self.now)?;
        if token.channel.as_ref() != Some(channel) {
            return Err(Refusal::new(ErrorCode::TokenInvalid, "The channel token's ch claim must name this channel."));
        }
        let limit = app.limits.channels_per_connection as usize;
        let Some(session) = self.native_session_mut(slot) else { return Err(ErrorCode::NotConnected.into()) };
        if token.client_id.is_some() && token.client_id.as_ref() != session.authority.client_id() {
            return Err(Refusal::of(ErrorCode::ClientIdMismatch));
        }
        session.channel_tokens.retain(|held| held.channel.as_ref() != Some(channel));
        if session.channel_tokens.len() >= limit {
            return Err(Refusal::of(ErrorCode::ChannelsPerConnection).with_limit(limit as u64, limit as u64 + 1));
        }
        session.channel_tokens.push(token);
        self.arm_connection(slot);
        Ok(())
    }
}
