//! What happens to whole nodes: one dies with its members, comes back or dies again within the grace, stands still, or has its clock set.
//!
//! A dead node's members stay until its lease runs out. Then whoever lives puts them away, a few at a time, and goes on where it was interrupted.

use peal_core::exchange::PresenceUpdate;
use peal_core::{Member, PresenceOp, Topic};

use super::{Event, PLACES, Phase, World};

/// How long the members of a node outlive it.
const LEASE_MS: u64 = 15_000;
/// Members put away at once, so that the others are still there when something else happens.
const PACE: usize = 2;

/// Members of an incarnation of a node that is no more.
#[derive(Debug, Default)]
pub(super) struct Grave(Vec<(Topic, Member)>);

impl World {
    fn hubs_of(node: u16) -> impl Iterator<Item = usize> {
        (0..PLACES.len()).filter(move |hub| PLACES[*hub].0 == node)
    }

    /// All cores of the node at once. Clients find out late, as with a cut power line.
    pub(super) fn node_dies(&mut self, node: u16) {
        let dying: Vec<usize> = Self::hubs_of(node).filter(|hub| self.nodes[*hub].up).collect();
        if dying.is_empty() {
            return;
        }
        let back_ms = self.now_ms + self.rng.between(100, 12_000);
        self.trace.note(self.now_ms, || format!("node {node} dies, and comes back at {back_ms}"));
        let mut members = Vec::new();
        for hub in dying {
            let life = self.nodes[hub].life + 1;
            let fresh = self.node(hub, life);
            let dead = std::mem::replace(&mut self.nodes[hub], fresh);
            self.nodes[hub].skew_ms = dead.skew_ms;
            self.nodes[hub].up = false;
            self.broker.detach_all(hub);
            self.broker.disown(hub);
            members.extend(self.broker.members_of(PLACES[hub].0, PLACES[hub].1));
            for route in dead.routes.into_values() {
                let late = self.rng.between(1, 8_000);
                let at = self.clients[route.client].link.as_ref().map_or(self.now_ms, |link| link.down_ms) + late;
                self.schedule(at, Event::Eof { client: route.client, number: route.number });
            }
            self.schedule(back_ms, Event::Rise { hub, life });
        }
        self.dig(members, LEASE_MS);
    }

    pub(super) fn rise(&mut self, hub: usize) {
        if self.nodes[hub].up {
            return;
        }
        self.trace.note(self.now_ms, || format!("hub {hub} is back"));
        self.nodes[hub].up = true;
        let again = self.phase == Phase::Busy && self.rng.permille(300);
        if again {
            // Before those who died first are put away.
            let (life, soon) = (self.nodes[hub].life, self.rng.between(50, 9_000));
            self.schedule(self.now_ms + soon, Event::DieAgain { hub, life });
        }
    }

    pub(super) fn all_rise(&mut self) {
        for hub in 0..self.nodes.len() {
            self.rise(hub);
        }
    }

    /// These members are nobody's, and are put away once the lease has run out.
    pub(super) fn dig(&mut self, members: Vec<(Topic, Member)>, lease_ms: u64) {
        if !members.is_empty() {
            self.graves.push(Grave(members));
            self.schedule(self.now_ms + lease_ms, Event::Bury(self.graves.len() - 1));
        }
    }

    pub(super) fn bury(&mut self, grave: usize) {
        let undertaker = (0..self.nodes.len()).any(|hub| self.nodes[hub].up && self.now_ms >= self.nodes[hub].frozen_until_ms);
        if !undertaker {
            return self.schedule(self.now_ms + 500, Event::Bury(grave));
        }
        for _ in 0..PACE {
            let Some((topic, member)) = self.graves[grave].0.pop() else { return };
            if self.broker.is_owned(&topic, &member) {
                // It has entered again meanwhile.
                continue;
            }
            self.trace.note(self.now_ms, || format!("{}/{} is put away on {topic:?}", member.user, member.connection));
            let update = PresenceUpdate { topic: topic.clone(), op: PresenceOp::Leave, member, users_max: None };
            if let Ok(Some(publication)) = self.broker.presence_update(self.now_ms, update) {
                self.spread(&topic, &publication);
            }
        }
        // Whoever puts them away may die over it, and another one begins when it is found out.
        let pause = if self.rng.permille(100) { self.rng.between(1_000, 8_000) } else { self.rng.between(5, 200) };
        self.schedule(self.now_ms + pause, Event::Bury(grave));
    }

    /// The process stands still; connections stay open and silent, and all that arrived is handled at once afterwards.
    pub(super) fn freeze(&mut self, hub: usize) {
        let node = PLACES[hub].0;
        let until = (self.now_ms + self.rng.between(100, LEASE_MS - 5_000)).min(self.profile.busy_ms);
        self.trace.note(self.now_ms, || format!("node {node} stands still until {until}"));
        // What was held up keeps its order: it never ends sooner than was said.
        Self::hubs_of(node).for_each(|hub| self.nodes[hub].frozen_until_ms = until.max(self.nodes[hub].frozen_until_ms));
    }

    /// When an event reaches a hub that stands still.
    pub(super) fn held_up(&self, event: &Event) -> Option<u64> {
        let (Event::ToHub { hub, .. }
        | Event::Deliver { hub, .. }
        | Event::Tick { hub, .. }
        | Event::Work { hub, .. }
        | Event::Flush { hub, .. }
        | Event::FromClient { hub, .. }
        | Event::Gone { hub, .. }) = event
        else {
            return None;
        };
        Some(self.nodes[*hub].frozen_until_ms).filter(|until| *until > self.now_ms)
    }

    /// The wall clock of a node is set, by hours and in either direction; the monotonic one goes on.
    pub(super) fn clock_jumps(&mut self, hub: usize) {
        let node = PLACES[hub].0;
        let most = *self.rng.pick(&[2_000, 1_800_000, 6 * 3_600_000]);
        let skew_ms = self.rng.below(2 * most).cast_signed() - most.cast_signed();
        self.trace.note(self.now_ms, || format!("the clock of node {node} is {skew_ms} ms off"));
        Self::hubs_of(node).for_each(|hub| self.nodes[hub].skew_ms = skew_ms);
    }

    /// A replica becomes the primary that lacks the last moments, or everything. Every node loses its connection to the old one, notices at its own
    /// time, and readers wait until it has been written down what is lost.
    pub(super) fn replace_primary(&mut self) {
        let cut_ms = match self.rng.below(10) {
            0 => 0,
            1..=4 => self.now_ms.saturating_sub(self.rng.between(1, 3_000)),
            // It had kept up.
            _ => self.now_ms + 1,
        };
        let settled_ms = self.now_ms + self.rng.between(0, 2_500);
        self.trace
            .note(self.now_ms, || format!("the primary is replaced, all since {cut_ms} is lost, that is written down at {settled_ms}"));
        self.broker.replace_primary(self.now_ms, cut_ms);
        self.settled_ms = settled_ms;
        for hub in 0..self.nodes.len() {
            let noticed = self.now_ms + self.rng.between(1, 2_000);
            self.nodes[hub].away_until_ms = self.nodes[hub].away_until_ms.max(noticed);
            self.nodes[hub].missed_ms = Some(self.now_ms);
            for at in [noticed, settled_ms.max(noticed)] {
                self.interrupt(hub, at);
            }
        }
        // Whom the new primary takes for a member although it left, or died.
        let leftovers = self.broker.ownerless();
        let late = self.rng.between(1, LEASE_MS);
        self.dig(leftovers, late);
    }
}
