//! `publish` (protocol 2). The publisher gets the message back only if it asked, and then from the broker like everyone else.

use peal_core::exchange::{BrokerError, Publish, Published};
use peal_core::{Draft, ErrorCode, Operation, PublicationKind, Refusal, Topic};
use peal_wire::native;

use crate::action::Action;
use crate::delivery::{Pending, unavailable};
use crate::event::Handle;
use crate::hub::Hub;

impl Hub {
    pub(super) fn native_publish(&mut self, slot: u32, id: u64, publish: native::Publish) -> Result<(), Refusal> {
        let native::Publish { channel, message, id: message_id, echo, ephemeral } = publish;
        let app = self.native_allowed(slot, Operation::Publish, &channel)?;
        let rule = app.rules.resolve(&channel);
        let limit = rule.message_bytes.map_or(app.limits.message_bytes, |bytes| bytes.min(app.limits.message_bytes)) as usize;
        let size = message.data.len();
        if size > limit {
            return Err(Refusal::of(ErrorCode::MessageTooLarge).with_limit(limit as u64, size as u64));
        }
        self.native_take(slot, app.limits.client_publishes_per_second.unwrap_or(u32::MAX))?;
        self.app_take_message(&app)?;
        let idempotent = message_id.is_some();
        let message_id = match message_id {
            Some(given) => given,
            None => self.message_id()?,
        };
        if let Some(session) = self.native_session_mut(slot) {
            session.published |= !echo && !ephemeral;
        }
        let ingress = self.ingress(slot, &channel, message.size());
        let Some(connection) = self.connections.get(slot) else { return Ok(()) };
        let draft = Draft {
            id: message_id,
            idempotent,
            origin: (!echo).then_some(connection.id),
            client_id: self.native_session(slot).and_then(|session| session.authority.client_id().cloned()),
            ephemeral,
            client_event: false,
            kind: PublicationKind::Messages(vec![message]),
        };
        let Some(handle) = self.connections.handle(slot) else { return Ok(()) };
        let (retention, durability) = (crate::apps::retention(rule, &channel), rule.durability);
        let topic = Topic::messages(app.id, channel);
        let request = self.request(Pending::NativePublish { handle, reply: id, topic: topic.clone(), ingress });
        self.act(Action::Publish { request, publish: Box::new(Publish { topic, draft, retention, durability }) });
        Ok(())
    }

    pub(crate) fn native_published(&mut self, handle: Handle, reply: u64, topic: &Topic, result: Result<Published, BrokerError>) {
        if let Ok(Published { position: Some(position), .. }) | Err(BrokerError::Unconfirmed(Published { position: Some(position), .. })) =
            &result
        {
            self.expect(topic, *position);
        }
        let Some(slot) = self.connections.slot(handle) else { return };
        let frame = match result {
            Ok(published) => native::encode_published(reply, &published.id, published.position),
            Err(BrokerError::Unconfirmed(stored)) => {
                return self.refuse_request(slot, reply, &Refusal::of(ErrorCode::StoredNotConfirmed).stored_as(stored.id));
            }
            Err(BrokerError::Away(_) | BrokerError::PresenceFull { .. }) => return self.refuse_request(slot, reply, &unavailable()),
        };
        self.push(slot, frame);
    }
}
