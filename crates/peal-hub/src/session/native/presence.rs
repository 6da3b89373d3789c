//! `presence.enter`, `presence.update`, `presence.leave`, `presence.get` (protocol 2).

use std::sync::Arc;

use peal_core::exchange::{BrokerError, PresenceMembers};
use peal_core::{ChannelName, ErrorCode, Operation, Refusal, Topic};
use peal_wire::native;

use super::Authority;
use crate::action::Action;
use crate::delivery::{Pending, unavailable};
use crate::event::Handle;
use crate::hub::Hub;
use crate::presence::{Entering, LISTED_MAX};
use crate::session::pusher::check_member_size;

impl Hub {
    pub(super) fn native_enter(&mut self, slot: u32, id: u64, channel: ChannelName, data: Option<Arc<str>>) -> Result<(), Refusal> {
        let app = self.native_allowed(slot, Operation::Presence, &channel)?;
        let Some(Authority::Token(token)) = self.native_session(slot).map(|session| &session.authority) else {
            return Err(Refusal::of(ErrorCode::NoClientId));
        };
        let user = token.client_id.clone().ok_or(ErrorCode::NoClientId)?;
        let data = data.or_else(|| token.info.clone());
        check_member_size(&app, data.as_deref())?;
        self.native_take(slot, app.limits.client_publishes_per_second.unwrap_or(u32::MAX))?;
        let entering = Entering { user, data, users_max: None, reply: Some(id) };
        self.member_enter(slot, &Topic::presence(app.id, channel), None, entering)
    }

    pub(super) fn native_leave(&mut self, slot: u32, id: u64, channel: ChannelName) {
        if let Some(app) = self.connections.get(slot).and_then(|connection| connection.app) {
            self.member_leave(slot, &Topic::presence(app, channel), Some(id));
        }
    }

    pub(super) fn native_presence_get(&mut self, slot: u32, id: u64, channel: ChannelName) -> Result<(), Refusal> {
        let app = self.native_allowed(slot, Operation::Presence, &channel)?;
        self.native_take_read(slot)?;
        let Some(handle) = self.connections.handle(slot) else { return Ok(()) };
        let request = self.request(Pending::NativeMembers { handle, reply: id });
        self.act(Action::PresenceMembers { request, topic: Topic::presence(app.id, channel) });
        Ok(())
    }

    pub(crate) fn native_members(&mut self, handle: Handle, reply: u64, result: Result<PresenceMembers, BrokerError>) {
        let Some(slot) = self.connections.slot(handle) else { return };
        let frame = match result {
            Ok(PresenceMembers { members, .. }) => {
                let listed = &members[..members.len().min(LISTED_MAX)];
                native::encode_members(reply, listed, members.len())
            }
            Err(_) => return self.refuse_request(slot, reply, &unavailable()),
        };
        self.push(slot, frame);
    }
}
