//! What every publish over HTTP passes, whatever its protocol: the app's gate before and after its body is read, the broker, and the wait while the
//! app's fan-outs are behind.

use std::sync::Arc;
use std::time::Duration;

use peal_core::exchange::{BrokerError, Publish, Published};
use peal_core::gate::Gate;
use peal_core::usage::Protocol;
use peal_core::{App, ChannelName, ErrorCode, Message, MessageId, Now, Refusal};
use uuid::Uuid;

use super::auth::Caller;
use crate::node::SharedNode;
use crate::usage::{Payer, local};

/// How long an answer may wait; with it the most that one who publishes in a loop can be slowed down for each publish.
const PACE_MAX: Duration = Duration::from_millis(100);

/// Somebody who may publish at this moment, as far as the app's limits say.
pub(crate) struct Publisher<'c> {
    node: &'c SharedNode,
    caller: &'c Caller,
    /// `None` if the app is gone by now.
    gate: Option<Arc<Gate>>,
}

impl<'c> Publisher<'c> {
    /// # Errors
    /// What [`Self::admit`] would refuse whatever the body holds, so that nobody parses it.
    pub(crate) fn of(node: &'c SharedNode, caller: &'c Caller) -> Result<Self, Refusal> {
        let gate = node.directory.current().gate(caller.app.id).map(Arc::clone);
        let publisher = Self { node, caller, gate };
        publisher.ask(|gate, now| gate.peek(now.mono_ms, caller.app.limits.messages_per_second))?;
        Ok(publisher)
    }

    /// Whether the month's quota lets messages through, then takes them from what the app may send in a second, all or none.
    pub(crate) fn admit(&self, count: usize) -> Result<(), Refusal> {
        self.ask(|gate, now| gate.admit(now.mono_ms, self.caller.app.limits.messages_per_second, count as u32))
    }

    fn ask(&self, question: impl FnOnce(&Gate, Now) -> Result<(), Refusal>) -> Result<(), Refusal> {
        let (Some(gate), now) = (&self.gate, self.node.now()) else { return Ok(()) };
        let answer = gate.quota_admit(now).and_then(|()| question(gate, now));
        answer.inspect_err(|refusal| local::count_rejected(now, self.caller, refusal))
    }

    /// Publishes at once. The answer waits while the app's fan-outs are behind, for [`PACE_MAX`] at most: whoever publishes in a loop goes as fast as
    /// cores hand out, before anybody has to be refused.
    pub(crate) async fn publish(&self, drafts: Vec<Publish>, protocol: Protocol) -> Vec<Result<Published, BrokerError>> {
        let results = self.node.mux.publish(drafts, Payer::of(self.caller, protocol)).await;
        if let Some(gate) = self.gate.as_ref().filter(|gate| gate.is_paced()) {
            self.node.stats.publishes_paced.inc();
            // Boxed, since a request is small that need not wait here. Late is no error: then it is answered while they are behind.
            let _ = Box::pin(tokio::time::timeout(PACE_MAX, gate.caught_up())).await;
        }
        results
    }
}

/// # Errors
/// `message_too_large` by the channel's rule.
pub(crate) fn rule_size(app: &App, channel: &ChannelName, message: &Message) -> Result<(), Refusal> {
    let size = message.data.len() as u64;
    match app.rules.resolve(channel).message_bytes {
        Some(limit) if size > u64::from(limit) => {
            Err(Refusal::new(ErrorCode::MessageTooLarge, format!("The data has {size} bytes; the rule of {channel} allows {limit}."))
                .with_limit(limit.into(), size))
        }
        Some(_) | None => Ok(()),
    }
}

pub(crate) fn new_message_id(now: Now) -> MessageId {
    new_uuid(now).into()
}

/// A UUIDv7: sorts by time, unique without coordination. Its random part comes from this thread's generator, not from a system call.
pub(crate) fn new_uuid(now: Now) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(now.wall_ms, &rand::random()).into_uuid()
}

pub(crate) fn broker_refusal(error: &BrokerError) -> Refusal {
    match error {
        BrokerError::Away(why) => {
            tracing::warn!(why, "the broker is away");
            Refusal::new(ErrorCode::Unavailable, "Messages cannot be accepted right now; nothing was lost. Try again after retry_after.")
                .retry_after(1_000)
        }
        BrokerError::Unconfirmed(stored) => Refusal::of(ErrorCode::StoredNotConfirmed).stored_as(stored.id.clone()),
        BrokerError::PresenceFull { users_max } => {
            Refusal::of(ErrorCode::PresenceMembers).with_limit((*users_max).into(), u64::from(*users_max) + 1)
        }
    }
}
