//! What request handlers ask of the broker themselves, past the mux.
//!
//! A broker that answers without waiting, as the one in this process does, is asked on the handler's own thread: the way through the mux
//! would cost two more tasks their turn for each publish, or two more threads. What it delivers still comes through the mux's inbox and
//! nowhere else, so there is one order. Handlers do not wait for room in the mux's queue on this way; instead it is closed while the mux is
//! behind with what was delivered, and they wait in the queue like everybody else.

use std::sync::Arc;

use peal_broker::Broker;
use peal_core::exchange::{BrokerError, Publish, Published};

use super::inbox::MuxInbox;
use super::{charge, is_accepted, size};
use crate::clock::Clock;
use crate::usage::{Payer, local};

pub(super) trait Direct: Send + Sync {
    /// Why the broker cannot deliver everything at this moment, if so.
    fn away(&self) -> Vec<String>;

    /// Publishes and counts on the thread's own account, or gives the batch back for the mux.
    fn publish(&self, batch: Vec<Publish>, payer: Option<&Payer>) -> Result<Vec<Result<Published, BrokerError>>, Vec<Publish>>;
}

pub(super) struct DirectTo<B> {
    pub(super) broker: Arc<B>,
    pub(super) inbox: Arc<MuxInbox>,
    pub(super) clock: Clock,
}

impl<B: Broker> Direct for DirectTo<B> {
    fn away(&self) -> Vec<String> {
        self.broker.away()
    }

    fn publish(&self, batch: Vec<Publish>, payer: Option<&Payer>) -> Result<Vec<Result<Published, BrokerError>>, Vec<Publish>> {
        if self.inbox.is_crowded() {
            return Err(batch);
        }
        let Some((charge, sizes)) = payer.zip(batch.first()).map(|(payer, first)| (charge(first, payer), batch.iter().map(size).collect()))
        else {
            return self.broker.publish_now(batch);
        };
        let sizes: Vec<_> = sizes;
        let results = self.broker.publish_now(batch)?;
        let accepted = sizes.iter().zip(&results).filter(|(_, result)| is_accepted(result));
        let messages = accepted.filter_map(|(size, _)| size.as_ref().map(|(channel, bytes)| (channel.namespace(), *bytes)));
        local::with_counters(|counters| counters.messages_in(self.clock.now(), &charge, messages));
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mux::inbox::CROWDED;
    use peal_broker::MemoryBroker;
    use peal_core::exchange::BATCH_MAX;
    use peal_core::{AppId, Draft, Durability, Now, PublicationKind, Retention, Topic};

    fn publish() -> Publish {
        let draft = Draft {
            id: "x".parse().unwrap(),
            idempotent: false,
            origin: None,
            client_id: None,
            ephemeral: false,
            client_event: false,
            kind: PublicationKind::Control(bytes::Bytes::new()),
        };
        Publish { topic: Topic::control(AppId::new(1).unwrap()), draft, retention: Retention::FLOOR, durability: Durability::Fast }
    }

    #[tokio::test]
    async fn the_way_is_closed_while_the_mux_is_behind() {
        let inbox = Arc::new(MuxInbox::default());
        let clock = Arc::new(|| Now { mono_ms: 1, wall_ms: 1 });
        let broker = Arc::new(MemoryBroker::new(Arc::clone(&inbox) as Arc<dyn peal_broker::Inbox>, clock, 0));
        broker.attach(vec![publish().topic]).await.expect("attached");
        let direct = DirectTo { broker, inbox: Arc::clone(&inbox), clock: Clock::start() };
        let mut accepted = 0;
        while let Ok(results) = direct.publish(vec![publish(); BATCH_MAX], None) {
            assert!(results.iter().all(Result::is_ok));
            accepted += results.len();
            assert!(accepted < CROWDED + BATCH_MAX, "it must close");
        }
        assert_eq!(inbox.take().0.len(), accepted, "nothing is dropped");
        assert!(direct.publish(vec![publish()], None).is_ok(), "the mux has caught up");
    }
}
