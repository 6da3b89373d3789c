//! Client events: a client's own message to the others of a private or presence channel, ordered but not kept (protocol notes 5).

use peal_core::channel::Access;
use peal_core::exchange::{BrokerError, Publish, Published};
use peal_core::{ChannelName, Draft, Durability, ErrorCode, PublicationKind, Refusal, Topic};
use peal_wire::pusher;
use serde_json::value::RawValue;

use crate::action::Action;
use crate::delivery::{Pending, unavailable};
use crate::event::Handle;
use crate::hub::Hub;
use crate::session::Session;
use crate::topic::Stage;

impl Hub {
    pub(super) fn client_event(&mut self, slot: u32, channel: &str, event: &str, data: &RawValue) -> Result<(), Refusal> {
        let channel = ChannelName::parse(channel)?;
        let Some(app) = self.app_of(slot) else { return Ok(()) };
        let topic = Topic::messages(app.id, channel.clone());
        let stage = self.topics.find(&topic).and_then(|index| self.stage(slot, index));
        let rule = app.rules.resolve(&channel);
        if channel.kind().access == Access::Public || !rule.client_events || stage.is_none_or(|stage| stage == Stage::Joining) {
            return Err(Refusal::of(ErrorCode::ClientEventNotAllowed));
        }
        let (limit, size) = (app.limits.pusher_data_bytes as usize, data_bytes(data));
        if size > limit {
            return Err(Refusal::of(ErrorCode::MessageTooLarge).with_limit(limit as u64, size as u64));
        }
        self.take_client_event(slot, app.limits.client_events_per_second)?;
        self.app_take_message(&app)?;
        let message = pusher::client_event_message(event, data);
        let ingress = self.ingress(slot, &channel, message.size());
        let client_id = self.member_user(slot, &Topic::presence(app.id, channel.clone()));
        let draft = Draft {
            id: self.message_id()?,
            idempotent: false,
            origin: self.connections.get(slot).map(|connection| connection.id),
            client_id,
            ephemeral: true,
            client_event: true,
            kind: PublicationKind::Messages(vec![message]),
        };
        let Some(handle) = self.connections.handle(slot) else { return Ok(()) };
        let request = self.request(Pending::ClientEvent(handle, ingress));
        let (retention, durability) = (crate::apps::retention(rule, &channel), Durability::Fast);
        let publish = Box::new(Publish { topic, draft, retention, durability });
        self.act(Action::Publish { request, publish });
        Ok(())
    }

    fn take_client_event(&mut self, slot: u32, per_second: u32) -> Result<(), Refusal> {
        let now_ms = self.now.mono_ms;
        let Some(Session::Pusher(session)) = self.connections.get_mut(slot).map(|connection| &mut connection.session) else {
            return Ok(());
        };
        session.client_events.take(now_ms, per_second).map_err(|retry_ms| {
            Refusal::of(ErrorCode::ClientEventRate).with_limit(u64::from(per_second), u64::from(per_second) + 1).retry_after(retry_ms)
        })
    }

    /// A client event has no answer, but one that was lost is told.
    pub(crate) fn client_event_published(&mut self, handle: Handle, result: &Result<Published, BrokerError>) {
        if let (Err(_), Some(slot)) = (result, self.connections.slot(handle)) {
            self.push_error(slot, &unavailable());
        }
    }
}

/// Bytes of the payload as the same text would have in a server's request: a JSON string counts without its quotes.
fn data_bytes(data: &RawValue) -> usize {
    let text = data.get();
    if text.starts_with('"') { text.len() - 2 } else { text.len() }
}
