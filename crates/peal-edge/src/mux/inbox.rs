//! What the broker delivers until the mux routes it.

use std::sync::{Mutex, PoisonError};

use peal_broker::Inbox;
use peal_core::Topic;
use peal_core::exchange::Delivery;
use tokio::sync::Notify;

/// Publications that may wait. A mux that is so far behind drops them all and has the heads checked instead: what it missed it reads.
const DELIVERIES_MAX: usize = 50_000;
/// As many, and handlers no longer publish past the mux's queue ([`super::direct`]).
pub(super) const CROWDED: usize = 1_024;
/// Topics that may wait for a check; more, and everything is checked.
const INTERRUPTED_MAX: usize = 1_000;

/// The lock is held only to push or take.
#[derive(Debug, Default)]
pub struct MuxInbox {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    deliveries: Vec<Delivery>,
    interrupted: Vec<Vec<Topic>>,
}

impl MuxInbox {
    /// Deliveries, then what was interrupted.
    pub(super) fn take(&self) -> (Vec<Delivery>, Vec<Vec<Topic>>) {
        let Waiting { deliveries, interrupted } = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        (deliveries, interrupted)
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).deliveries.len() >= CROWDED
    }

    pub(super) async fn arrived(&self) {
        self.wake.notified().await;
    }
}

impl Inbox for MuxInbox {
    fn deliver(&self, batch: Vec<Delivery>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.deliveries.extend(batch);
        if waiting.deliveries.len() > DELIVERIES_MAX {
            tracing::warn!(dropped = waiting.deliveries.len(), "deliveries come faster than they are taken; they are read again");
            waiting.deliveries = Vec::new();
            waiting.interrupted = vec![Vec::new()];
        }
        drop(waiting);
        self.wake.notify_one();
    }

    fn interrupted(&self, topics: Vec<Topic>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.interrupted.len() < INTERRUPTED_MAX {
            waiting.interrupted.push(topics);
        } else {
            waiting.interrupted = vec![Vec::new()];
        }
        drop(waiting);
        self.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use peal_core::{AppId, Position, Publication, PublicationKind};

    #[test]
    fn what_nobody_takes_does_not_grow_for_ever_and_is_said_to_be_missing() {
        let inbox = MuxInbox::default();
        let topic = Topic::control(AppId::new(1).unwrap());
        let publication = Arc::new(Publication {
            position: Some(Position::new(1, 1)),
            era_start: None,
            id: "x".parse().unwrap(),
            ts: 1,
            origin: None,
            client_id: None,
            client_event: false,
            kind: PublicationKind::Control(bytes::Bytes::new()),
        });
        let delivery = Delivery { topic: topic.clone(), publication };
        for _ in 0..=DELIVERIES_MAX {
            inbox.deliver(vec![delivery.clone()]);
        }
        for _ in 0..=INTERRUPTED_MAX {
            inbox.interrupted(vec![topic.clone()]);
        }
        let (deliveries, interrupted) = inbox.take();
        assert_eq!(deliveries.len(), 0);
        assert!(interrupted.contains(&Vec::new()) && interrupted.len() <= INTERRUPTED_MAX + 1);
    }
}
