//! The probe: a publication that every node sends through the broker to itself. While it comes back, the node delivers. Every node hears those of the
//! others too, and reads in them what their clients ask for ([`Shares`]).

use std::sync::Arc;
use std::time::Duration;

use peal_core::exchange::{Delivery, Publish};
use peal_core::{AppId, Draft, Durability, Now, PublicationKind, Retention, Topic};

use crate::clock::Clock;
use crate::shares::Shares;

pub(super) const EVERY: Duration = Duration::from_millis(peal_core::share::PERIOD_MS);

/// The control topic of the one app id that is never given out.
pub(crate) fn probe_topic() -> Topic {
    Topic::control(AppId::new(AppId::MAX).expect("the largest app id is valid"))
}

pub(super) struct Probe {
    topic: Topic,
    number: u64,
    pub(super) is_attached: bool,
    /// Tells this node's probes from those of others.
    tag: Arc<str>,
    shares: Shares,
}

impl Probe {
    pub(super) fn new(shares: Shares) -> Self {
        Self { topic: probe_topic(), number: 0, is_attached: false, tag: format!("{:016x}", rand::random::<u64>()).into(), shares }
    }

    /// The next one, with this node's report.
    pub(super) fn next(&mut self, now: Now) -> Publish {
        self.number += 1;
        let draft = Draft {
            id: format!("probe-{}", self.number).parse().expect("a probe's id is a valid message id"),
            idempotent: false,
            origin: None,
            client_id: Some(Arc::clone(&self.tag)),
            ephemeral: false,
            client_event: false,
            kind: PublicationKind::Control(self.shares.tick(now)),
        };
        let (retention, durability) = (Retention { count: 1, ttl_ms: 60_000 }, Durability::Fast);
        Publish { topic: self.topic.clone(), draft, retention, durability }
    }

    /// Whether this was another node's probe, which says nothing about this node's health. Its report is taken.
    pub(super) fn hear(&mut self, clock: Clock, delivery: &Delivery) -> bool {
        let sender = delivery.publication.client_id.as_ref();
        if delivery.topic != self.topic || sender == Some(&self.tag) {
            return false;
        }
        if let (Some(node), PublicationKind::Control(report)) = (sender, &delivery.publication.kind) {
            self.shares.hear(clock.now(), node, report);
        }
        true
    }
}
