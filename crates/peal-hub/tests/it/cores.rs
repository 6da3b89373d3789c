//! Several hubs on one broker, each with its clients; time passes for all of them alike.

use std::collections::{BTreeMap, BTreeSet};

use peal_core::exchange::PresenceUpdate;
use peal_core::{App, AppId, PresenceOp, Topic};
use peal_hub::{Action, BrokerEvent, Handle, HubConfig, RequestId};

use crate::model::Model;
use crate::rig::*;

/// Time passes in steps, so that the hubs' answers to each other are in order.
const STEP_MS: u64 = 10;

pub(crate) struct Cores {
    pub(crate) rigs: Vec<Rig>,
    pub(crate) model: Model,
    attached: BTreeMap<Topic, BTreeSet<usize>>,
    /// Cores hear of each other only by [`Self::introduce`].
    pub(crate) strangers: bool,
    unheard: Vec<BrokerEvent>,
    /// Publishes that hubs asked for.
    pub(crate) published: usize,
}

fn node_of(core: usize) -> u16 {
    1 + core as u16 % 2
}

impl Cores {
    /// Hubs of two nodes in turn.
    pub(crate) fn new(count: usize, app: &App) -> Self {
        let rig = |n: usize| {
            let config = HubConfig { node: node_of(n), core: n as u8, ..HubConfig::default() };
            let mut rig = Rig::with(config, app.clone());
            rig.hold = true;
            rig
        };
        Self {
            rigs: (0..count).map(rig).collect(),
            model: Model::new(),
            attached: BTreeMap::new(),
            strangers: false,
            unheard: vec![],
            published: 0,
        }
    }

    /// Carries out what the hubs want done until they want nothing more.
    pub(crate) fn settle(&mut self) {
        loop {
            let asked: Vec<(usize, Vec<Action>)> =
                self.rigs.iter_mut().enumerate().map(|(core, rig)| (core, std::mem::take(&mut rig.held))).collect();
            if asked.iter().all(|(_, actions)| actions.is_empty()) {
                return;
            }
            for (core, action) in asked.into_iter().flat_map(|(core, actions)| actions.into_iter().map(move |action| (core, action))) {
                self.act(core, action);
            }
        }
    }

    fn act(&mut self, core: usize, action: Action) {
        match &action {
            Action::Attach(topic) => drop(self.attached.entry(topic.clone()).or_default().insert(core)),
            Action::Detach(topic) => {
                let wanted = self.attached.entry(topic.clone()).or_default();
                wanted.remove(&core);
                if !wanted.is_empty() {
                    return;
                }
            }
            Action::Publish { .. } => self.published += 1,
            _ => {}
        }
        for event in self.model.act(action) {
            self.tell(core, event);
        }
    }

    fn tell(&mut self, core: usize, event: BrokerEvent) {
        match &event {
            BrokerEvent::Deliveries(batch) if self.strangers && batch.iter().any(|delivery| delivery.topic.app.get() == AppId::MAX) => {
                self.unheard.push(event);
            }
            BrokerEvent::Deliveries(_) => self.rigs.iter_mut().for_each(|rig| rig.broker(event.clone())),
            _ => self.rigs[core].broker(event),
        }
    }

    /// What cores were not to hear of each other arrives.
    pub(crate) fn introduce(&mut self) {
        self.strangers = false;
        for event in std::mem::take(&mut self.unheard) {
            self.tell(0, event);
        }
        self.settle();
    }

    pub(crate) fn after(&mut self, ms: u64) {
        self.settle();
        for _ in 0..ms.div_ceil(STEP_MS) {
            for rig in &mut self.rigs {
                rig.after(STEP_MS);
            }
            self.settle();
        }
    }

    pub(crate) fn pusher(&mut self, core: usize) -> Handle {
        let handle = self.rigs[core].open(pusher_open(KEY));
        // It is greeted once the broker has attached its core.
        self.settle();
        assert_eq!(self.rigs[core].next_event(handle), "pusher:connection_established");
        handle
    }

    /// Subscribes and takes the answer.
    pub(crate) fn subscribe(&mut self, core: usize, handle: Handle, name: &str) {
        self.rigs[core].pusher_subscribe(handle, name);
        self.settle();
        let event = self.rigs[core].next_event(handle);
        assert_eq!(event, "pusher_internal:subscription_succeeded");
    }

    pub(crate) fn cut(&mut self, core: usize, handle: Handle) {
        self.rigs[core].cut(handle);
        self.settle();
    }

    /// A node is dead: its hub does nothing any more, and a survivor puts its members away.
    pub(crate) fn kill(&mut self, core: usize) {
        drop(self.rigs.remove(core));
        let node = node_of(core);
        for topic in self.model.topics_with_members() {
            for member in self.model.members(&topic) {
                if member.connection.place().node == node {
                    let update = PresenceUpdate { topic: topic.clone(), op: PresenceOp::Leave, member: (*member).clone(), users_max: None };
                    for event in self.model.act(Action::PresenceUpdate { request: RequestId(0), update }) {
                        if matches!(event, BrokerEvent::Deliveries(_)) {
                            self.tell(0, event);
                        }
                    }
                }
            }
        }
        self.settle();
    }

    pub(crate) fn assert_empty(&mut self) {
        for core in 0..self.rigs.len() {
            self.rigs[core].cut_all();
        }
        self.after(10_000);
        for rig in &self.rigs {
            assert_eq!(rig.hub.counts(), peal_hub::HubCounts::default());
        }
    }
}
