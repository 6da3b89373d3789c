//! Between the hubs and the broker: late, refused, dropped and doubled, as the profile says, but never against the broker's contract. What
//! was dropped is confessed by an `Interrupted` some time later.

use std::sync::Arc;

use peal_core::exchange::{BrokerError, Delivery};
use peal_core::{Lane, Publication, Topic};
use peal_hub::{Action, BrokerEvent};

use super::{Event, Phase, World};

impl World {
    /// Requests of one hub reach the broker in order.
    pub(super) fn carry_up(&mut self, hub: usize, action: Action) {
        self.member_changes(hub, &action);
        let at = self.nodes[hub].up_ms.max(self.now_ms + self.latency());
        self.nodes[hub].up_ms = at;
        let life = self.nodes[hub].life;
        self.trace.note(self.now_ms, || format!("hub {hub} wants {}", brief(&action)));
        self.schedule(at, Event::ToBroker { hub, life, action });
    }

    fn latency(&mut self) -> u64 {
        let max = if self.phase == Phase::Busy { self.profile.latency_max_ms } else { 5 };
        // Mostly quick, sometimes as slow as it gets.
        let max = if self.rng.permille(800) { max.min(5) } else { max };
        self.rng.between(0, max)
    }

    pub(super) fn broker_gets(&mut self, hub: usize, action: Action) {
        let away = self.now_ms < self.nodes[hub].away_until_ms;
        let fails = away || (self.phase == Phase::Busy && self.rng.permille(self.profile.fail));
        // A request whose answer is lost was carried out all the same.
        let carried_out = !fails || (!away && self.rng.permille(400));
        let mut written_down_ms = 0;
        let refusal = || BrokerError::Away("simulated".into());
        let answer = match action {
            Action::Detach(topic) => {
                self.broker.detach(hub, &topic);
                None
            }
            Action::Attach(topic) => {
                let head = carried_out.then(|| self.broker.attach(hub, &topic));
                Some(BrokerEvent::Attached { topic, result: head.filter(|_| !fails).ok_or_else(refusal) })
            }
            Action::Publish { request, publish } => {
                let topic = publish.topic.clone();
                let accepted = carried_out.then(|| self.broker.publish(self.now_ms, *publish));
                if let Some(publication) = accepted.as_ref().and_then(|accepted| accepted.delivery.clone()) {
                    self.spread(&topic, &publication);
                }
                let result = accepted.map(|accepted| accepted.published).filter(|_| !fails).ok_or_else(refusal);
                Some(BrokerEvent::Published { request, result })
            }
            Action::History { request, query } => {
                let result = if fails { Err(refusal()) } else { Ok(self.broker.history(&query)) };
                let more = result.as_ref().is_ok_and(|page| page.more);
                if more && self.phase == Phase::Busy && self.rng.permille(self.profile.trim_behind_page) {
                    let keep = self.rng.below(4) as usize;
                    self.trace.note(self.now_ms, || format!("all but {keep} is trimmed on {:?} while it is read", query.topic));
                    self.broker.trim(self.now_ms, &query.topic, keep);
                }
                // What was lost with a primary is known once every node has written down what it saw.
                written_down_ms = self.settled_ms;
                Some(BrokerEvent::History { request, result })
            }
            Action::PresenceUpdate { request, update } => {
                let topic = update.topic.clone();
                self.broker.own(hub, &update);
                let result = if carried_out { self.broker.presence_update(self.now_ms, update) } else { Err(refusal()) };
                if let Ok(Some(publication)) = &result {
                    self.spread(&topic, publication);
                }
                let result = result.map(|publication| publication.and_then(|publication| publication.position));
                Some(BrokerEvent::PresenceUpdated { request, result: if fails { Err(refusal()) } else { result } })
            }
            Action::PresenceMembers { request, topic } => {
                let result = if fails { Err(refusal()) } else { Ok(self.broker.presence_members(&topic)) };
                Some(BrokerEvent::PresenceMembers { request, result })
            }
            Action::RefreshDirectory(handle) => {
                let now = self.now(hub);
                self.nodes[hub].hub.directory_refreshed(now, handle);
                self.settle(hub);
                None
            }
        };
        if let Some(event) = answer {
            let (at, life) = (self.now_ms.max(written_down_ms) + self.latency(), self.nodes[hub].life);
            self.schedule(at, Event::ToHub { hub, life, event });
        }
    }

    /// The broker sends a publication to every hub that is attached.
    pub(super) fn spread(&mut self, topic: &Topic, publication: &Arc<Publication>) {
        self.trace.note(self.now_ms, || format!("published {} {:?} on {topic:?}", publication.id, publication.position));
        for hub in self.broker.attached(topic) {
            let busy = self.phase == Phase::Busy;
            let delivery = Delivery { topic: topic.clone(), publication: Arc::clone(publication) };
            if self.now_ms < self.nodes[hub].away_until_ms || (busy && self.rng.permille(self.profile.drop)) {
                self.nodes[hub].missed_ms = Some(self.now_ms);
                self.trace.note(self.now_ms, || format!("hub {hub} does not get {:?} on {topic:?}", publication.position));
                let (at, life) = (self.now_ms + self.rng.between(50, 5_000), self.nodes[hub].life);
                self.schedule(at, Event::ToHub { hub, life, event: BrokerEvent::Interrupted { topics: vec![topic.clone()] } });
                continue;
            }
            let twice = busy && publication.position.is_some() && self.rng.permille(self.profile.duplicate);
            self.send_down(hub, delivery.clone());
            if twice {
                self.send_down(hub, delivery);
            }
        }
    }

    /// In order within a topic, in any order between topics.
    fn send_down(&mut self, hub: usize, delivery: Delivery) {
        let soon = self.now_ms + self.latency();
        let node = &mut self.nodes[hub];
        let at = soon.max(node.down_ms.get(&delivery.topic).copied().unwrap_or(0));
        node.down_ms.insert(delivery.topic.clone(), at);
        let life = node.life;
        self.schedule(at, Event::Deliver { hub, life, delivery });
    }

    pub(super) fn hub_is_told(&mut self, hub: usize, event: BrokerEvent) {
        self.trace.note(self.now_ms, || format!("hub {hub} is told {}", brief(&event)));
        if let BrokerEvent::Attached { topic, result: Ok(_) } = &event {
            self.nodes[hub].hears_commands |= topic.lane == Lane::Control;
        }
        self.member_answered(hub, &event);
        let now = self.now(hub);
        self.nodes[hub].hub.broker(now, event);
        self.settle(hub);
    }

    /// Hands over everything that arrives at this moment as one batch.
    pub(super) fn deliver(&mut self, hub: usize, first: Delivery) {
        let mut batch = vec![first];
        while let Some(std::cmp::Reverse(next)) = self.queue.peek()
            && next.at_ms == self.now_ms
            && matches!(&next.event, Event::Deliver { hub: other, life, .. } if *other == hub && *life == self.nodes[hub].life)
        {
            if let Some(std::cmp::Reverse(super::Due { event: Event::Deliver { delivery, .. }, .. })) = self.queue.pop() {
                batch.push(delivery);
            }
        }
        self.hub_is_told(hub, BrokerEvent::Deliveries(batch));
    }
}

/// The first words of it are enough.
fn brief(thing: &impl std::fmt::Debug) -> String {
    let mut text = format!("{thing:?}");
    if text.len() > 400 {
        let end = (0..=400).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
