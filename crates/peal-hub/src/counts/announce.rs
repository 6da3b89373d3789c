//! What cores tell each other of their subscriptions, over the control topics of the apps: ordered, but not kept.
//!
//! A core that begins to hold a channel says so and asks; every other core that holds it answers with its own number. From then on each tells of
//! its changes. The messages of one core in one app are numbered. Who finds that one is missing asks again about everything; so does whose link to the
//! broker was interrupted. Whoever asks again names the cores that it believes to have subscriptions: they answer even if they have none left, and who cannot
//! answer keeps its last number.

use std::collections::{BTreeMap, BTreeSet};

use peal_core::exchange::Publish;
use peal_core::{AppId, ChannelName, ConnectionId, Draft, Durability, PublicationKind, Retention, Topic};

use super::seat::Company;
use crate::action::Action;
use crate::control::{Command, Counts};
use crate::delivery::Pending;
use crate::hub::Hub;

/// News are collected for this long.
const COLLECT_MS: u64 = 50;
/// Channels in one message.
const CHANNELS_MAX: usize = 200;
/// Messages of one app and of all at a time; what remains waits for the next time. Apps take turns.
const APP_MESSAGES_MAX: usize = 2;
const MESSAGES_MAX: usize = 256;
/// After the broker did not take a message.
const LOST_MS: u64 = 1_000;

/// What this core and the others said of one app.
#[derive(Debug, Default)]
pub(super) struct AppCounts {
    /// Channels of which this core has something to say, and whether it asks.
    news: BTreeMap<ChannelName, bool>,
    /// Messages of this core.
    sent: u64,
    /// The last message of each other core.
    heard: BTreeMap<ConnectionId, u64>,
    /// Cores that spoke before they were known to be there.
    early: BTreeSet<ConnectionId>,
}

impl Hub {
    /// This core has news of a channel for the others.
    pub(super) fn count_announce(&mut self, app: AppId, channel: ChannelName, asks: bool) {
        self.seat_take();
        if self.keeps_silent() {
            return;
        }
        *self.counts.apps.entry(app).or_default().news.entry(channel).or_default() |= asks;
        if self.counts.announce_ms.is_none() {
            self.counts.announce_ms = Some(self.now.mono_ms + COLLECT_MS);
            self.counts_arm();
        }
    }

    /// Everything anew: something may have been lost, in either direction.
    fn count_announce_all(&mut self, wanted: impl Fn(AppId) -> bool) {
        let held = self.counts.channels.keys().filter_map(|index| self.topics.get(*index)).map(|entry| &entry.topic);
        for topic in held.filter(|topic| wanted(topic.app)).cloned().collect::<Vec<_>>() {
            if let Some(channel) = topic.channel().cloned() {
                self.count_announce(topic.app, channel, true);
            }
        }
    }

    /// The broker did not take what this core said of these channels: it is said again.
    pub(crate) fn counts_lost(&mut self, app: AppId, news: BTreeMap<ChannelName, bool>) {
        for (channel, asks) in news {
            self.count_announce(app, channel, asks);
        }
        self.counts.announce_ms = Some(self.now.mono_ms + LOST_MS);
        self.counts_arm();
    }

    /// The control topic of an app was attached, perhaps after an interruption.
    pub(crate) fn counts_attached(&mut self, app: AppId) {
        if self.counts.apps.get(&app).is_some_and(|counts| counts.sent > 0) {
            self.count_announce_all(|attached| attached == app);
        }
    }

    /// Publishes the news, as much of it as may go at once.
    pub(super) fn counts_publish(&mut self) {
        let mut room = MESSAGES_MAX;
        let first = self.counts.next_app;
        let (later, sooner): (Vec<AppId>, Vec<AppId>) = self.counts.apps.keys().partition(|app| Some(**app) >= first);
        for app in later.into_iter().chain(sooner) {
            if room == 0 {
                self.counts.next_app = Some(app);
                break;
            }
            match self.company() {
                Company::Unknown => break,
                Company::Alone => self.counts_drop_news(app),
                Company::Others if self.hears_control(app) => {
                    let said = (0..APP_MESSAGES_MAX.min(room)).take_while(|_| self.counts_publish_some(app)).count();
                    room -= said;
                }
                Company::Others => {}
            }
        }
        let connected = &self.apps;
        self.counts.apps.retain(|app, counts| !counts.news.is_empty() || connected.contains_key(app));
        if self.counts.apps.values().any(|counts| !counts.news.is_empty()) {
            self.counts.announce_ms = Some(self.now.mono_ms + COLLECT_MS);
        }
    }

    /// What was news before this core knew that it is alone.
    fn counts_drop_news(&mut self, app: AppId) {
        let silent = self.keeps_silent();
        if let Some(counts) = self.counts.apps.get_mut(&app).filter(|_| silent) {
            counts.news.clear();
        }
    }

    /// Answers can only be heard on an attached topic. Who has left the app says its last word anyway.
    fn hears_control(&self, app: AppId) -> bool {
        let control = self.topics.find(&Topic::control(app)).and_then(|index| self.topics.get(index));
        control.is_none_or(|control| control.stream.last().is_some())
    }

    /// One message; whether there was anything to say.
    fn counts_publish_some(&mut self, app: AppId) -> bool {
        let Some(from) = self.counts.seat.as_ref().map(|seat| seat.id) else { return false };
        let Some(counts) = self.counts.apps.get_mut(&app) else { return false };
        let mut news = BTreeMap::new();
        while news.len() < CHANNELS_MAX
            && let Some((channel, asks)) = counts.news.pop_first()
        {
            news.insert(channel, asks);
        }
        if news.is_empty() {
            return false;
        }
        counts.sent += 1;
        let number = counts.sent;
        let mut said = Counts { from, number, asks: Vec::new(), tells: Vec::new(), believed: BTreeMap::new() };
        for (channel, asks) in &news {
            let (count, others) = self.count_here(app, channel);
            if *asks {
                said.asks.push((channel.to_string(), count));
                for (core, _) in others {
                    said.believed.entry(*core).or_default().push(channel.to_string());
                }
            } else {
                said.tells.push((channel.to_string(), count));
            }
        }
        let (Ok(bytes), Ok(id)) = (Command::Counts(said).encode(), self.message_id()) else { return false };
        let request = self.request(Pending::Counts(app, news));
        let draft = Draft {
            id,
            idempotent: false,
            origin: None,
            client_id: None,
            ephemeral: true,
            client_event: false,
            kind: PublicationKind::Control(bytes),
        };
        let publish = Publish { topic: Topic::control(app), draft, retention: Retention::CONTROL, durability: Durability::Fast };
        self.act(Action::Publish { request, publish: Box::new(publish) });
        true
    }

    /// Answered subscriptions of this core, and what it believes of others.
    fn count_here(&self, app: AppId, channel: &ChannelName) -> (u32, &[(ConnectionId, u32)]) {
        let Some(index) = self.topics.find(&Topic::messages(app, channel.clone())) else { return (0, &[]) };
        let own = self.topics.get(index).and_then(|topic| topic.messages()).map_or(0, |audience| audience.answered() as u32);
        (own, self.counts.channels.get(&index).map_or(&[], |counted| &counted.others))
    }

    /// Another core speaks.
    pub(crate) fn counts_heard(&mut self, app: AppId, said: Counts) {
        let Counts { from, number, asks, tells, mut believed } = said;
        let Some(own) = self.counts.seat.as_ref().map(|seat| seat.id).filter(|own| *own != from) else { return };
        let seated = self.is_seated(from);
        let Some(counts) = self.counts.apps.get_mut(&app) else { return };
        if !seated {
            counts.early.insert(from);
            return;
        }
        let last = counts.heard.insert(from, number);
        // A core that has forgotten the app begins anew.
        let missed = last.is_some_and(|last| number != 1 && number != last + 1);
        for (channel, count) in &asks {
            self.count_elsewhere(app, from, channel, *count, true);
        }
        for (channel, count) in &tells {
            self.count_elsewhere(app, from, channel, *count, false);
        }
        for channel in believed.remove(&own).unwrap_or_default() {
            if let Ok(channel) = ChannelName::parse(&channel) {
                self.count_announce(app, channel, false);
            }
        }
        if missed {
            self.count_announce_all(|missed| missed == app);
        }
    }

    fn count_elsewhere(&mut self, app: AppId, from: ConnectionId, channel: &str, count: u32, asks: bool) {
        let Ok(channel) = ChannelName::parse(channel) else { return };
        let Some(index) = self.topics.find(&Topic::messages(app, channel.clone())) else { return };
        let Some(counted) = self.counts.channels.get_mut(&index) else { return };
        if counted.set(from, count) {
            self.count_due(index, super::COLLECT_MS);
        }
        if asks {
            self.count_announce(app, channel, false);
        }
    }

    /// A core has begun to count. What it said before it was known is asked for; and whoever thought to be alone, or is back itself after the
    /// others had buried it, tells everything.
    pub(crate) fn core_came(&mut self, core: ConnectionId) {
        let all = self.counts.seat.as_mut().is_some_and(|seat| seat.id == core || std::mem::take(&mut seat.silent));
        let mut early = BTreeSet::new();
        for (app, counts) in &mut self.counts.apps {
            if counts.early.remove(&core) {
                early.insert(*app);
            }
        }
        self.count_announce_all(|app| all || early.contains(&app));
    }

    /// A core counts nothing any more, or is dead.
    pub(crate) fn core_went(&mut self, core: ConnectionId) {
        let mut heard = BTreeSet::new();
        for (app, counts) in &mut self.counts.apps {
            counts.early.remove(&core);
            if counts.heard.remove(&core).is_some() {
                heard.insert(*app);
            }
        }
        if heard.is_empty() {
            return;
        }
        for index in self.counts.channels.keys().copied().collect::<Vec<_>>() {
            let of_app = self.topics.get(index).is_some_and(|entry| heard.contains(&entry.topic.app));
            if of_app && self.counts.channels.get_mut(&index).is_some_and(|counted| counted.set(core, 0)) {
                self.count_due(index, super::COLLECT_MS);
            }
        }
    }
}
