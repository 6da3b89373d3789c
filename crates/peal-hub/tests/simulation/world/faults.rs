//! What goes wrong by itself: the broker fails over and forgets, a hub is cut off, drained or killed.

use peal_core::exchange::{PresenceUpdate, Publish};
use peal_core::{Draft, Lane, PresenceOp, PublicationKind, Topic};
use peal_hub::BrokerEvent;
use peal_hub::control::{Command, Target};

use super::{Event, PLACES, Phase, World};
use crate::app;
use crate::broker::RETENTION;

impl World {
    pub(super) fn fault(&mut self) {
        if self.phase != Phase::Busy || self.profile.calm {
            return;
        }
        let hub = self.rng.index(self.nodes.len());
        match self.rng.below(14) {
            0..=1 => self.fail_over(),
            2..=3 => self.forget(),
            4 => self.cut_off(hub),
            5 => self.false_alarm(hub),
            6 => self.drain(hub),
            7 => self.disconnect_someone(),
            8 => self.clock_jumps(hub),
            9..=11 => self.node_dies(PLACES[hub].0),
            12 => self.freeze(hub),
            _ => self.restart(hub),
        }
        let pause = self.rng.between(1, 2 * self.profile.fault_every_ms);
        self.schedule(self.now_ms + pause, Event::Fault);
    }

    fn some_topic(&mut self) -> Topic {
        let channel = self.rng.pick(&self.channels).clone();
        if self.rng.permille(700) { Topic::messages(app::app_id(), channel) } else { Topic::presence(app::app_id(), channel) }
    }

    /// A replica that lags takes over, or one that does not.
    fn fail_over(&mut self) {
        if self.profile.whole {
            return self.replace_primary();
        }
        let topic = self.some_topic();
        // A change of members that is lost is lost from the table of members too, and the broker enters them again: not the hub's affair.
        let lost = if matches!(topic.lane, Lane::Presence(_)) { 0 } else { *self.rng.pick(&[0, 0, 1, 2, 1_000]) };
        self.trace.note(self.now_ms, || format!("the broker fails over on {topic:?} and loses {lost}"));
        self.broker.fail_over(self.now_ms, &topic, lost);
    }

    fn forget(&mut self) {
        let topic = self.some_topic();
        let keep = self.rng.below(4) as usize;
        self.trace.note(self.now_ms, || format!("the broker keeps only {keep} on {topic:?}"));
        self.broker.trim(self.now_ms, &topic, keep);
    }

    fn cut_off(&mut self, hub: usize) {
        let until = self.now_ms + self.rng.between(200, 6_000);
        self.trace.note(self.now_ms, || format!("hub {hub} is cut off from the broker until {until}"));
        self.nodes[hub].away_until_ms = until;
        self.interrupt(hub, until);
    }

    fn false_alarm(&mut self, hub: usize) {
        self.interrupt(hub, self.now_ms);
    }

    /// The broker tells it that it may have missed something.
    pub(super) fn interrupt(&mut self, hub: usize, at_ms: u64) {
        let life = self.nodes[hub].life;
        self.schedule(at_ms, Event::ToHub { hub, life, event: BrokerEvent::Interrupted { topics: Vec::new() } });
    }

    fn drain(&mut self, hub: usize) {
        let spread = self.rng.between(100, 3_000);
        let now = self.now(hub);
        self.trace.note(self.now_ms, || format!("hub {hub} drains within {spread} ms"));
        self.nodes[hub].hub.drain(now, peal_hub::Drain { first_ms: 0, spread_ms: spread });
        self.settle(hub);
        let life = self.nodes[hub].life;
        self.schedule(self.now_ms + spread + 8_000, Event::Restart { hub, life });
    }

    /// The customer's server disconnects a client by its id. Every hub that is attached to the app's commands must hear of it.
    fn disconnect_someone(&mut self) {
        let client = self.rng.index(self.clients.len());
        let topic = Topic::control(app::app_id());
        let Some((client_id, link)) = self.clients[client].client_id().zip(self.clients[client].link.as_ref()) else { return };
        if !self.broker.attached(&topic).contains(&link.hub) || !self.nodes[link.hub].hears_commands {
            return;
        }
        self.trace.note(self.now_ms, || format!("client {client} is to be disconnected"));
        self.disconnects.push((client, link.number));
        let command = Command::Disconnect { target: Target::Client(client_id.to_owned()) };
        let kind = PublicationKind::Control(command.encode().expect("a command prints as JSON"));
        self.texts += 1;
        let draft = Draft {
            id: format!("c{}", self.texts).parse().expect("letters and digits"),
            idempotent: false,
            origin: None,
            client_id: None,
            ephemeral: false,
            client_event: false,
            kind,
        };
        let accepted = self
            .broker
            .publish(self.now_ms, Publish { topic: topic.clone(), draft, retention: RETENTION, durability: peal_core::Durability::Fast });
        if let Some(publication) = accepted.delivery {
            self.spread(&topic, &publication);
        }
    }

    /// The hub is killed, and another one stands in its place at once.
    pub(super) fn restart(&mut self, hub: usize) {
        self.trace.note(self.now_ms, || format!("hub {hub} is killed and started again"));
        let life = self.nodes[hub].life + 1;
        let fresh = self.node(hub, life);
        let dead = std::mem::replace(&mut self.nodes[hub], fresh);
        (self.nodes[hub].skew_ms, self.nodes[hub].up) = (dead.skew_ms, dead.up);
        self.broker.detach_all(hub);
        self.broker.disown(hub);
        dead.routes.into_values().for_each(|route| self.end_route(route));
        self.bury_members(hub);
    }

    /// The survivors remove the members of a dead node.
    fn bury_members(&mut self, hub: usize) {
        let (node, core) = PLACES[hub];
        for (topic, member) in self.broker.members_of(node, core) {
            let update = PresenceUpdate { topic: topic.clone(), op: PresenceOp::Leave, member, users_max: None };
            if let Ok(Some(publication)) = self.broker.presence_update(self.now_ms, update) {
                self.spread(&topic, &publication);
            }
        }
    }
}
