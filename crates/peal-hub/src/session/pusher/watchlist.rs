//! Who is online, and who wants to know (protocol notes 6): an opt-in feature of the app.
//!
//! Each connection that is signed in is a member of its user's `#online-` channel, so a user is online from the first connection to the last in the
//! whole deployment, and a node that dies takes its users offline with its lease. Whoever watches a user observes that channel's view. The
//! first frame tells of everyone watched, as soon as all of them are known; later ones tell of single changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use peal_core::{AppId, ChannelName, Topic};
use peal_wire::pusher;

use crate::connection::Urgency;
use crate::hub::Hub;
use crate::presence::{Entering, Observer};
use crate::session::Session;
use crate::usage::Weight;

/// The users that one connection watches.
#[derive(Debug, Default)]
pub(crate) struct Watchlist {
    /// Whether the user's view has been loaded.
    known: BTreeMap<Arc<str>, bool>,
    /// How many have not.
    waiting: usize,
}

/// Where a user's connections are members. A name that no user can have is nobody's.
fn online_topic(app: AppId, user: &str) -> Option<Topic> {
    ChannelName::online(user).ok().map(|channel| Topic::presence(app, channel))
}

impl Hub {
    /// A connection has signed in as this user: it is online.
    pub(super) fn user_enter(&mut self, slot: u32, app: AppId, user: &Arc<str>) {
        let Some(topic) = online_topic(app, user).filter(|topic| !self.is_member(slot, topic)) else { return };
        let entering = Entering { user: Arc::clone(user), data: None, users_max: None, reply: None };
        // A member that has just been made has room for its first change.
        let _ = self.member_enter(slot, &topic, None, entering);
    }

    /// A connection watches these users from now on, instead of those before.
    pub(super) fn watchlist_begin(&mut self, slot: u32, app: AppId, users: Vec<Arc<str>>) {
        let mut watchlist = Watchlist::default();
        for user in users {
            let known = online_topic(app, &user).is_none_or(|topic| self.observe(&topic, Observer::Watchlist(slot)));
            watchlist.known.insert(user, known);
        }
        watchlist.waiting = watchlist.known.values().filter(|known| !**known).count();
        let Some(Session::Pusher(session)) = self.connections.get_mut(slot).map(|connection| &mut connection.session) else { return };
        let complete = watchlist.waiting == 0;
        let kept = (!watchlist.known.is_empty()).then(|| Box::new(watchlist));
        let before = std::mem::replace(&mut session.watchlist, kept);
        let still = |hub: &Self, user: &str| hub.watchlist(slot).is_some_and(|watchlist| watchlist.known.contains_key(user));
        for user in before.into_iter().flat_map(|before| before.known.into_keys()) {
            if !still(self, &user) {
                self.unwatch(slot, app, &user);
            }
        }
        if complete {
            self.watchlist_tell(slot);
        }
    }

    pub(crate) fn watchlist_end(&mut self, slot: u32, app: AppId, watchlist: Watchlist) {
        for user in watchlist.known.into_keys() {
            self.unwatch(slot, app, &user);
        }
    }

    fn unwatch(&mut self, slot: u32, app: AppId, user: &str) {
        if let Some(topic) = online_topic(app, user) {
            self.observe_end(&topic, Observer::Watchlist(slot));
        }
    }

    /// A user's view has been loaded.
    pub(crate) fn watchlist_known(&mut self, slot: u32, user: &str) {
        let Some(Session::Pusher(session)) = self.connections.get_mut(slot).map(|connection| &mut connection.session) else { return };
        let Some(watchlist) = &mut session.watchlist else { return };
        let Some(known) = watchlist.known.get_mut(user).filter(|known| !**known) else { return };
        *known = true;
        watchlist.waiting -= 1;
        if watchlist.waiting == 0 {
            self.watchlist_tell(slot);
        }
    }

    fn watchlist_tell(&mut self, slot: u32) {
        let Some(app) = self.connections.get(slot).and_then(|connection| connection.app) else { return };
        let Some(watchlist) = self.watchlist(slot) else { return };
        let users = watchlist.known.keys().map(|user| &**user);
        let (online, offline): (Vec<&str>, Vec<&str>) = users.partition(|user| self.is_online(app, user));
        let frame = pusher::encode_watchlist_events(&online, &offline);
        self.push(slot, frame);
    }

    fn is_online(&self, app: AppId, user: &str) -> bool {
        let watch = online_topic(app, user).and_then(|topic| self.topics.find(&topic));
        watch.and_then(|watch| self.topics.get(watch)?.presence()).is_some_and(|audience| audience.view.users_count() > 0)
    }

    /// A user's first connection signed in, or the last one is gone. Who has not been told of everyone yet is told of this then.
    pub(crate) fn watchlist_changed(&mut self, slots: Vec<u32>, user: &str, online: bool) {
        let frame = if online { pusher::encode_watchlist_events(&[user], &[]) } else { pusher::encode_watchlist_events(&[], &[user]) };
        for slot in slots {
            if self.watchlist(slot).is_some_and(|watchlist| watchlist.waiting == 0) {
                self.push_weighed(slot, frame.clone(), Weight::Nothing, Urgency::Bulk);
            }
        }
    }

    /// The app has switched watchlists on or off: who is signed in is online, or is so no longer. Lists come with the next sign-in.
    pub(crate) fn watchlist_switched(&mut self, app: AppId, on: bool) {
        let Some(entry) = self.apps.get(&app) else { return };
        let signed_in: Vec<(Arc<str>, u32)> =
            entry.users.iter().flat_map(|(user, slots)| slots.iter().map(|slot| (Arc::clone(user), *slot))).collect();
        for (user, slot) in signed_in {
            if on {
                self.user_enter(slot, app, &user);
                continue;
            }
            if let Some(topic) = online_topic(app, &user) {
                self.member_leave(slot, &topic, None);
            }
            self.watchlist_begin(slot, app, Vec::new());
        }
    }

    fn watchlist(&self, slot: u32) -> Option<&Watchlist> {
        self.pusher_session(slot)?.watchlist.as_deref()
    }
}
