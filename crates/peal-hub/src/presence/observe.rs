//! Those who want to know who is in a channel but are no subscribers of it: connections that watch a user, and the core itself, which watches
//! the other cores. They hear of every change once the view has been loaded, and until then are told nothing.

use std::collections::BTreeSet;

use peal_core::Topic;

use super::view::Effect;
use crate::hub::Hub;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Observer {
    /// The connection in this slot watches a user.
    Watchlist(u32),
    /// This core counts subscriptions together with others.
    Core,
}

#[derive(Debug, Default)]
pub(crate) struct Observers {
    /// Slots.
    watchlists: BTreeSet<u32>,
    core: bool,
}

impl Observers {
    pub(super) fn is_empty(&self) -> bool {
        self.watchlists.is_empty() && !self.core
    }

    /// Slots of connections that watch this user.
    fn watching(&self) -> Vec<u32> {
        self.watchlists.iter().copied().collect()
    }

    fn set(&mut self, observer: Observer, present: bool) {
        match observer {
            Observer::Core => self.core = present,
            Observer::Watchlist(slot) if present => drop(self.watchlists.insert(slot)),
            Observer::Watchlist(slot) => drop(self.watchlists.remove(&slot)),
        }
    }
}

impl Hub {
    /// Answers whether the view is there already; if not, the observer is called once it is.
    pub(crate) fn observe(&mut self, topic: &Topic, observer: Observer) -> bool {
        let watch = self.topic(topic);
        let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) else { return false };
        audience.observers.set(observer, true);
        if audience.is_synced() {
            return true;
        }
        self.settle_view(watch);
        false
    }

    pub(crate) fn observe_end(&mut self, topic: &Topic, observer: Observer) {
        let Some(watch) = self.topics.find(topic) else { return };
        let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) else { return };
        audience.observers.set(observer, false);
        self.watched_less(watch);
    }

    /// The view has been loaded, for the first time or anew.
    pub(super) fn observed(&mut self, watch: u32) {
        let Some(audience) = self.topics.get(watch).and_then(|topic| topic.presence()) else { return };
        if let Some(user) = audience.channel.online_user().map(str::to_owned) {
            for slot in audience.observers.watching() {
                self.watchlist_known(slot, &user);
            }
        }
    }

    pub(super) fn tell_observers(&mut self, watch: u32, effect: &Effect) {
        let Some(audience) = self.topics.get(watch).and_then(|topic| topic.presence()) else { return };
        if audience.observers.core {
            if effect.came.is_some() {
                self.core_came(effect.connection);
            } else if effect.went.is_some() {
                self.core_went(effect.connection);
            }
            return;
        }
        if audience.observers.is_empty() || effect.came.is_none() && effect.went.is_none() {
            return;
        }
        let Some(user) = audience.channel.online_user().map(str::to_owned) else { return };
        self.watchlist_changed(audience.observers.watching(), &user, effect.came.is_some());
    }
}
