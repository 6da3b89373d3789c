//! Presence: who is in a channel, as this core tells it (DESIGN 5.4).
//!
//! The broker holds the members. While somebody here watches a channel, the core keeps a [`View`] of them: the members at a position of the
//! channel's presence lane, and every change after it in order. So a view is never a mixture, and whoever is told the view at a
//! position and then every change after it misses nobody and counts nobody twice. A view whose stream lost something is loaded again, and the
//! difference is told as if it had been changes.

mod changes;
mod member;
mod observe;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use peal_core::exchange::PresenceMembers;
use peal_core::{ChannelName, ConnectionId, Member, Position, Publication, PublicationKind, Topic};

use crate::action::Action;
use crate::connection::NONE;
use crate::delivery::{Pending, Progress};
use crate::hub::Hub;
use crate::topic::TopicRef;

pub(crate) use changes::LISTED_MAX;
pub(crate) use member::{Entering, LocalMember};
pub(crate) use observe::{Observer, Observers};
pub(crate) use view::View;

/// Changes kept while a view is loading; more, and it is loaded again.
const WAITING_CHANGES_MAX: usize = 10_000;

#[derive(Debug)]
enum Sync {
    /// To be loaded as soon as the topic is attached.
    Wanted,
    /// Loading failed; the topic's timer tries again.
    Paused,
    /// Changes that arrive meanwhile, in order.
    Loading {
        changes: Vec<Arc<Publication>>,
        again: bool,
    },
    Synced,
}

/// One connection that is told about a channel's members.
#[derive(Debug)]
pub(crate) struct Watcher {
    slot: u32,
    native: bool,
    /// It has been told the view.
    live: bool,
    /// The user that it is itself, on the Pusher protocol.
    user: Option<Arc<str>>,
}

#[derive(Debug)]
pub(crate) struct PresenceAudience {
    channel: ChannelName,
    pub(crate) view: View,
    sync: Sync,
    pub(crate) watchers: Vec<Watcher>,
    /// Who wants to know but is no subscriber.
    observers: Observers,
    /// Members of this core: while there are any, the topic stays attached, so that one that the broker lost can enter again.
    pub(crate) own: usize,
    /// Look once whether the broker still has them.
    verify: bool,
    /// How many watchers have not been told the view.
    waiting: usize,
    /// How many native watchers have.
    native_live: usize,
    /// Members that changed since native watchers were told, as they were then.
    changes: BTreeMap<ConnectionId, Option<Arc<Member>>>,
    pub(crate) changes_timer: Option<u64>,
}

impl PresenceAudience {
    pub(crate) fn new(channel: ChannelName) -> Self {
        Self {
            channel,
            view: View::new(),
            sync: Sync::Wanted,
            watchers: Vec::new(),
            observers: Observers::default(),
            own: 0,
            verify: false,
            waiting: 0,
            native_live: 0,
            changes: BTreeMap::new(),
            changes_timer: None,
        }
    }

    pub(crate) fn is_synced(&self) -> bool {
        matches!(self.sync, Sync::Synced)
    }

    /// Whether anybody here wants the view.
    fn is_watched(&self) -> bool {
        !self.watchers.is_empty() || !self.observers.is_empty()
    }

    /// Whether the lane needs not stay attached.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_watched() && self.own == 0
    }

    /// Whether the view shows everything up to this position.
    fn shows(&self, position: Position) -> bool {
        self.is_synced() && self.view.at() >= position
    }
}

impl Hub {
    /// Makes a subscription watch its channel's members as well; it is told nothing before [`Self::watch_live`].
    pub(crate) fn watch_begin(&mut self, slot: u32, index: u32, topic: &Topic, user: Option<Arc<str>>) {
        let watch = self.topic(topic);
        let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) else { return };
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let native = !connection.pusher;
        let Some(sub) = connection.sub_mut(index) else { return };
        sub.watch = watch;
        sub.watch_at = audience.watchers.len() as u32;
        audience.watchers.push(Watcher { slot, native, live: false, user });
        audience.waiting += 1;
        // Nobody is answered here: a joiner's own member has not entered yet.
        if !audience.is_synced() {
            self.settle_view(watch);
        }
    }

    /// The watcher was told the view and is told every change from now on.
    pub(crate) fn watch_live(&mut self, slot: u32, index: u32) {
        let Some(sub) = self.connections.get(slot).and_then(|connection| connection.sub(index)) else { return };
        let (watch, at) = (sub.watch, sub.watch_at as usize);
        let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) else { return };
        let Some(watcher) = audience.watchers.get_mut(at).filter(|watcher| !watcher.live) else { return };
        watcher.live = true;
        audience.waiting -= 1;
        audience.native_live += usize::from(watcher.native);
    }

    pub(crate) fn watch_end(&mut self, slot: u32, index: u32) {
        let Some(sub) = self.connections.get_mut(slot).and_then(|connection| connection.sub_mut(index)) else { return };
        let (watch, at) = (sub.watch, sub.watch_at);
        if watch == NONE {
            return;
        }
        sub.watch = NONE;
        let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) else { return };
        if at as usize >= audience.watchers.len() {
            return;
        }
        let ended = audience.watchers.swap_remove(at as usize);
        if ended.live {
            audience.native_live -= usize::from(ended.native);
        } else {
            audience.waiting -= 1;
        }
        if audience.native_live == 0 {
            audience.changes.clear();
        }
        if let Some(moved) = audience.watchers.get(at as usize)
            && let Some(connection) = self.connections.get_mut(moved.slot)
            && let Some(sub) = connection.subs.iter_mut().find(|sub| sub.watch == watch)
        {
            sub.watch_at = at;
        }
        self.watched_less(watch);
    }

    /// Somebody stopped watching.
    fn watched_less(&mut self, watch: u32) {
        if !matches!(self.topics.get(watch).and_then(|topic| topic.presence()).map(|audience| &audience.sync), Some(Sync::Loading { .. })) {
            self.drop_unwatched_view(watch);
        }
        self.release_topic(watch);
    }

    /// Whether a join may be answered: it waits for no members, or the view shows the joiner.
    pub(crate) fn join_presence_ready(&self, slot: u32, index: u32) -> bool {
        let Some(sub) = self.connections.get(slot).and_then(|connection| connection.sub(index)) else { return false };
        if sub.watch == NONE {
            return true;
        }
        let Some(audience) = self.topics.get(sub.watch).and_then(|topic| topic.presence()) else { return false };
        let Some(Progress::Joining(join)) = self.progress.get(&(slot, index)) else { return false };
        match join.member {
            None => audience.is_synced(),
            Some(member) => self.members.get(member as usize).and_then(LocalMember::entered).is_some_and(|at| audience.shows(at)),
        }
    }

    /// Loads a view that can be loaded, and tells those who wait for it.
    pub(crate) fn settle_view(&mut self, watch: u32) {
        let Some(topic) = self.topics.get(watch) else { return };
        let Some(audience) = topic.presence() else { return };
        match audience.sync {
            Sync::Wanted if topic.stream.last().is_some() && (audience.verify || audience.is_watched()) => {
                return self.load_view(watch);
            }
            Sync::Synced if audience.waiting > 0 => {}
            _ => return,
        }
        let waiting = audience.watchers.iter().filter(|watcher| !watcher.live);
        for slot in waiting.map(|watcher| watcher.slot).collect::<Vec<_>>() {
            let subs = self.connections.get(slot).map(|connection| &connection.subs);
            if let Some(index) = subs.and_then(|subs| subs.iter().find(|sub| sub.watch == watch)).map(|sub| sub.topic) {
                self.advance(slot, index);
                self.answer_watch(slot, index);
            }
        }
    }

    pub(crate) fn load_view(&mut self, watch: u32) {
        let reference = self.topics.reference(watch);
        let Some(entry) = self.topics.get_mut(watch) else { return };
        let topic = entry.topic.clone();
        let Some(audience) = entry.presence_mut() else { return };
        if let Sync::Loading { again, .. } = &mut audience.sync {
            *again = true;
            return;
        }
        audience.verify = false;
        audience.sync = Sync::Loading { changes: Vec::new(), again: false };
        let request = self.request(Pending::View(reference));
        self.act(Action::PresenceMembers { request, topic });
    }

    pub(crate) fn view_loaded(&mut self, reference: TopicRef, members: Option<PresenceMembers>) {
        let Some(watch) = self.topics.resolve(reference) else { return };
        let Some(entry) = self.topics.get_mut(watch) else { return };
        let Some(audience) = entry.presence_mut() else { return };
        let Sync::Loading { changes, again } = std::mem::replace(&mut audience.sync, Sync::Wanted) else { return };
        let Some(members) = members else {
            audience.sync = Sync::Paused;
            return self.pause_topic(watch);
        };
        if again {
            return self.load_view(watch);
        }
        audience.sync = Sync::Synced;
        let mut effects = audience.view.replace(members.members, members.head);
        effects.extend(changes.iter().filter_map(|publication| audience.view.change(publication)));
        entry.pause_ms = 0;
        self.tell(watch, effects);
        self.observed(watch);
        self.enter_again(watch);
        self.drop_unwatched_view(watch);
        self.settle_view(watch);
        self.answer_watches(watch);
    }

    /// Who was told before may have asked again while the view was loaded anew.
    fn answer_watches(&mut self, watch: u32) {
        let asks = |(slot, index): &(u32, u32)| {
            self.connections.get(*slot).and_then(|connection| connection.sub(*index)).is_some_and(|sub| sub.watch == watch)
        };
        let mut asking: Vec<(u32, u32)> = self.watch_replies.keys().copied().filter(asks).collect();
        asking.sort_unstable();
        for (slot, index) in asking {
            self.answer_watch(slot, index);
        }
    }

    /// Something of the presence lane is lost: whoever is watched is looked up again, and so are the core's own members.
    pub(crate) fn presence_lost(&mut self, watch: u32) {
        let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) else { return };
        audience.verify = true;
        match audience.sync {
            Sync::Wanted => self.settle_view(watch),
            Sync::Paused => {}
            Sync::Loading { .. } | Sync::Synced => self.load_view(watch),
        }
    }

    /// A view that nobody watches is not kept.
    fn drop_unwatched_view(&mut self, watch: u32) {
        let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) else { return };
        if !audience.is_watched() {
            audience.view = View::new();
            audience.sync = Sync::Wanted;
        }
    }

    /// Keeps a presence lane attached for a member of this core, or no longer.
    fn own_member(&mut self, topic: &Topic, present: bool) {
        if present {
            let watch = self.topic(topic);
            if let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) {
                audience.own += 1;
            }
        } else if let Some(watch) = self.topics.find(topic) {
            if let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) {
                audience.own = audience.own.saturating_sub(1);
            }
            self.release_topic(watch);
        }
    }

    pub(crate) fn retry_view(&mut self, watch: u32) {
        let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) else { return };
        if matches!(audience.sync, Sync::Paused) {
            audience.sync = Sync::Wanted;
            self.settle_view(watch);
        }
    }

    /// A change arrived, in order.
    pub(crate) fn presence_changed(&mut self, watch: u32, publication: &Arc<Publication>) {
        let Some(audience) = self.topics.get_mut(watch).and_then(|topic| topic.presence_mut()) else { return };
        if !matches!(publication.kind, PublicationKind::Presence(_)) {
            return;
        }
        match &mut audience.sync {
            Sync::Loading { changes, again } if changes.len() < WAITING_CHANGES_MAX && !*again => changes.push(Arc::clone(publication)),
            Sync::Loading { changes, again } => {
                changes.clear();
                *again = true;
            }
            Sync::Synced => {
                let effect = audience.view.change(publication);
                self.tell(watch, effect);
            }
            Sync::Wanted | Sync::Paused => {}
        }
    }
}
