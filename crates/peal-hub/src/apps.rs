//! The apps that have connections on this core: their settings, and who is connected, found by client id or signed-in user.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use peal_core::gate::Gate;
use peal_core::{App, AppId, ChannelName, Refusal, Retention, RuleSettings, Topic};

use crate::hub::Hub;
use crate::topic::Audience;

/// How long a cache channel keeps its last event (Pusher protocol 5).
const CACHE_MS: u64 = 30 * 60 * 1_000;
/// Messages per second of a plan that give one share of a core's time.
const WEIGHT_RATE: u32 = 500;
const WEIGHT_MAX: u32 = 16;

#[derive(Debug)]
pub(crate) struct AppEntry {
    pub(crate) app: Arc<App>,
    /// The app's limits, shared with the other cores.
    pub(crate) gate: Arc<Gate>,
    /// Slots.
    pub(crate) connections: BTreeSet<u32>,
    /// Native client ids.
    pub(crate) clients: BTreeMap<Arc<str>, BTreeSet<u32>>,
    /// Users signed in on the Pusher protocol.
    pub(crate) users: BTreeMap<Arc<str>, BTreeSet<u32>>,
}

impl AppEntry {
    /// The app's share of a busy core, against others: as much more as its plan allows it to publish, from 1 to [`WEIGHT_MAX`].
    pub(crate) fn weight(&self) -> u32 {
        self.app.limits.messages_per_second.map_or(WEIGHT_MAX, |rate| (rate / WEIGHT_RATE).clamp(1, WEIGHT_MAX))
    }
}

/// How long and how many publications of a channel are kept: the rule's history, and on cache channels the last event for 30 minutes.
#[must_use]
pub fn retention(rule: &RuleSettings, channel: &ChannelName) -> Retention {
    let kept = rule.retention();
    if channel.kind().cache { Retention { ttl_ms: kept.ttl_ms.max(CACHE_MS), ..kept } } else { kept }
}

/// Adds or removes a slot under a name; names without slots are not kept.
pub(crate) fn index(map: &mut BTreeMap<Arc<str>, BTreeSet<u32>>, name: &Arc<str>, slot: u32, present: bool) {
    if present {
        map.entry(Arc::clone(name)).or_default().insert(slot);
    } else if let Some(slots) = map.get_mut(name) {
        slots.remove(&slot);
        if slots.is_empty() {
            map.remove(name);
        }
    }
}

impl Hub {
    /// The app of a connection.
    pub(crate) fn app_of(&self, slot: u32) -> Option<Arc<App>> {
        let id = self.connections.get(slot)?.app?;
        self.apps.get(&id).map(|entry| Arc::clone(&entry.app))
    }

    /// Whether the app may have one more connection; counts it, so whoever gets `Ok` lets it join at once.
    pub(crate) fn app_admit(&self, app: &App) -> Result<(), Refusal> {
        self.directory.gate(app.id).map_or(Ok(()), |gate| gate.open(app.limits.connections))
    }

    /// Whether the month's quota lets a message through, then takes it from what the app may send in a second.
    pub(crate) fn app_take_message(&self, app: &App) -> Result<(), Refusal> {
        let Some(gate) = self.directory.gate(app.id) else { return Ok(()) };
        gate.quota_admit(self.now)?;
        gate.admit(self.now.mono_ms, app.limits.messages_per_second, 1)
    }

    pub(crate) fn app_join(&mut self, slot: u32, app: &Arc<App>) {
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.app = Some(app.id);
        }
        let entry = self.apps.entry(app.id).or_insert_with(|| AppEntry {
            app: Arc::clone(app),
            gate: self.directory.gate(app.id).map(Arc::clone).unwrap_or_default(),
            connections: BTreeSet::new(),
            clients: BTreeMap::new(),
            users: BTreeMap::new(),
        });
        entry.connections.insert(slot);
        let control = self.topic(&Topic::control(app.id));
        if let Some(Audience::Control { wanted }) = self.topics.get_mut(control).map(|entry| &mut entry.audience) {
            *wanted = true;
        }
    }

    pub(crate) fn app_leave(&mut self, slot: u32, id: AppId) {
        let Some(entry) = self.apps.get_mut(&id) else { return };
        if entry.connections.remove(&slot) {
            entry.gate.close();
        }
        if !entry.connections.is_empty() {
            return;
        }
        self.apps.remove(&id);
        if let Some(control) = self.topics.find(&Topic::control(id)) {
            if let Some(Audience::Control { wanted }) = self.topics.get_mut(control).map(|entry| &mut entry.audience) {
                *wanted = false;
            }
            self.release_topic(control);
        }
    }

    /// The index of a topic, attached if it was not.
    pub(crate) fn topic(&mut self, topic: &Topic) -> u32 {
        let (index, made) = self.topics.ensure(topic);
        if made {
            self.act(crate::action::Action::Attach(topic.clone()));
            self.arm_sweep();
        }
        index
    }

    /// Detaches from a topic that nobody listens to. While an answer to attach is outstanding it waits for that, so that answers of two
    /// attachments can never be confused.
    pub(crate) fn release_topic(&mut self, index: u32) {
        let Some(entry) = self.topics.get_mut(index) else { return };
        if !entry.audience.is_empty() || entry.stream.is_attaching() {
            return;
        }
        let Some(mut entry) = self.topics.remove(index) else { return };
        self.timers.arm(crate::timer::Owner::Topic(index), &mut entry.timer, None);
        if let Audience::Presence(presence) = &mut entry.audience {
            self.timers.arm(crate::timer::Owner::Changes(index), &mut presence.changes_timer, None);
        }
        if self.topics.len() == 0 {
            self.timers.arm(crate::timer::Owner::Sweep, &mut self.sweep_timer, None);
        }
        self.act(crate::action::Action::Detach(entry.topic));
    }
}
