//! How long members of lost connections stay: as long as their grace, no less and no more, whatever the clock on the wall says.
//!
//! Judged are native members that nothing was under way for when their connection was lost: then the hub alone decides when they leave.

use peal_core::exchange::PresenceUpdate;
use peal_core::{ConnectionId, PresenceOp, Topic};
use peal_hub::{Action, BrokerEvent, Handle, RequestId};

use super::{PLACES, World};

/// A hub looks at its timers in time, unless it stands still.
const LATE_MAX_MS: u64 = 100;

/// What the shell around a hub sees of its members.
#[derive(Default)]
pub(super) struct Graces {
    /// Updates that the broker has not been heard to carry out.
    changing: Vec<(RequestId, Topic, ConnectionId)>,
    /// When members of lost connections are to leave.
    due_ms: Vec<(Topic, ConnectionId, u64)>,
}

impl World {
    /// Before the hub learns that the transport of a connection is gone.
    pub(super) fn member_is_lost(&mut self, hub: usize, handle: Handle, client: usize) {
        let node = &mut self.nodes[hub];
        let closing = node.hub.queue(handle).is_some_and(|queue| queue.closing().is_some());
        let Some(lost) = node.hub.connection_id(handle).filter(|_| !closing && self.clients[client].client_id().is_some()) else { return };
        let due_ms = self.now_ms + self.profile.hub.native_presence_grace_ms;
        let (place, core) = PLACES[hub];
        for (topic, member) in self.broker.members_of(place, core) {
            let graces = &mut node.graces;
            if member.connection == lost && !graces.changing.iter().any(|(_, changing, id)| *changing == topic && *id == lost) {
                graces.due_ms.push((topic, lost, due_ms));
            }
        }
    }

    /// The hub asks the broker for something.
    pub(super) fn member_changes(&mut self, hub: usize, action: &Action) {
        let Action::PresenceUpdate { request, update: PresenceUpdate { topic, op, member, .. } } = action else { return };
        let now_ms = self.now_ms;
        let node = &mut self.nodes[hub];
        node.graces.changing.retain(|(_, changing, id)| changing != topic || *id != member.connection);
        node.graces.changing.push((*request, topic.clone(), member.connection));
        let found = node.graces.due_ms.iter().position(|(due, id, _)| due == topic && *id == member.connection);
        let Some((_, id, due_ms)) = found.map(|at| node.graces.due_ms.swap_remove(at)) else { return };
        let latest_ms = due_ms.max(node.frozen_until_ms) + LATE_MAX_MS;
        if *op != PresenceOp::Leave || now_ms < due_ms || now_ms > latest_ms {
            self.fail(format!("hub {hub} does not keep a grace: (it ends at {due_ms}, and {op:?} of {id} is sent at {now_ms})"));
        }
    }

    pub(super) fn member_answered(&mut self, hub: usize, event: &BrokerEvent) {
        if let BrokerEvent::PresenceUpdated { request, result: Ok(_) } = event {
            self.nodes[hub].graces.changing.retain(|(asked, ..)| *asked != *request);
        }
    }
}
