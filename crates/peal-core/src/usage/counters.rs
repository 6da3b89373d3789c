//! One thread's counters: plain integers per app and minute, added to on the hot path and taken every few seconds.
//!
//! A connection looks its app up once, when it connects, and holds an [`Account`]: small indices, with which counting a delivered
//! message is a handful of additions. What happens in a minute is counted in that minute, also when the next has begun before
//! anybody collects.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::connections::{Change, Open, Track};
use super::labels::{Labels, NO_LABEL, OTHER_INDEX, SHARED};
use super::metric::{Dimension, Metric, Protocol, Transport};
use super::{MINUTE_MS, units};
use crate::id::{AppId, KeyId};
use crate::now::Now;

const METRICS: usize = Metric::ALL.len();
/// Places of the metrics that are broken down, see [`Share`].
const IN: usize = 0;
const OUT: usize = 1;
const OPENED: usize = 2;

/// On whose account something is counted. Good from [`Counters::connect`] until [`Counters::release`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    app: u32,
    key: u16,
    transport: Transport,
    protocol: Protocol,
}

/// What a publish will be charged to once it is accepted, when its connection may be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub app: AppId,
    pub key: KeyId,
    pub transport: Transport,
    pub protocol: Protocol,
}

/// What one app used in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinuteCounts {
    pub app: AppId,
    /// Minutes since 1970.
    pub minute: u64,
    values: [u64; METRICS],
    pub shares: Vec<Share>,
}

impl MinuteCounts {
    /// Every metric that counted something.
    pub fn values(&self) -> impl Iterator<Item = (Metric, u64)> + '_ {
        Metric::ALL.into_iter().map(|metric| (metric, self.values[metric.index()])).filter(|(_, value)| *value > 0)
    }
}

/// The part of one value of a dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub dimension: Dimension,
    pub label: Arc<str>,
    values: [u64; SHARED],
}

impl Share {
    /// The metrics that are broken down: messages in and out, connections opened.
    pub fn values(&self) -> impl Iterator<Item = (Metric, u64)> + '_ {
        Metric::BROKEN_DOWN.into_iter().zip(self.values).filter(|(_, value)| *value > 0)
    }
}

/// Everything since the last collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    pub minutes: Vec<MinuteCounts>,
    pub tracks: Vec<Track>,
    /// Connections are complete up to here, in Unix milliseconds.
    pub at_ms: u64,
}

#[derive(Debug)]
struct AppCounters {
    app: AppId,
    /// Accounts that have not been released.
    held: u32,
    minute: u64,
    values: [u64; METRICS],
    namespaces: Labels,
    keys: Labels,
    transports: [[u64; SHARED]; Transport::ALL.len()],
    protocols: [[u64; SHARED]; Protocol::ALL.len()],
    connections: Open,
}

#[derive(Debug, Default)]
pub struct Counters {
    /// Slots are reused once nothing is held and nothing is left to collect.
    apps: Vec<Option<AppCounters>>,
    free: Vec<u32>,
    index: BTreeMap<AppId, u32>,
    /// Minutes that have ended.
    finished: Vec<MinuteCounts>,
}

impl Counters {
    /// A connection was accepted: it counts as open until [`Self::disconnect`], and its account is good until [`Self::release`].
    pub fn connect(&mut self, now: Now, charge: &Charge) -> Account {
        let account = self.account(now, charge);
        let minute = minute_of(now);
        let Some(entry) = self.entry(account, minute) else { return account };
        entry.held += 1;
        entry.values[Metric::ConnectionsOpened.index()] += 1;
        entry.share(account, None, OPENED, 1);
        let open = entry.connections.open + 1;
        self.set_open(now, account.app, open);
        account
    }

    /// The connection goes on with another key of the same app.
    pub fn renew(&mut self, now: Now, account: Account, charge: &Charge) -> Account {
        match self.apps.get_mut(account.app as usize) {
            Some(Some(entry)) => Account { key: entry.keys.find(charge.key.as_str(), minute_of(now)), ..account },
            _ => account,
        }
    }

    pub fn disconnect(&mut self, now: Now, account: Account) {
        let Some(Some(entry)) = self.apps.get(account.app as usize) else { return };
        let open = entry.connections.open.saturating_sub(1);
        self.set_open(now, account.app, open);
    }

    /// Nothing will be counted on this account any more.
    pub fn release(&mut self, account: Account) {
        if let Some(Some(entry)) = self.apps.get_mut(account.app as usize) {
            entry.held = entry.held.saturating_sub(1);
        }
    }

    /// The index of a channel's namespace, for [`Self::message_out`]. Once per publication, not per delivery.
    pub fn namespace(&mut self, now: Now, app: AppId, namespace: Option<&str>) -> u16 {
        let entry = self.index.get(&app).and_then(|slot| self.apps.get_mut(*slot as usize)).and_then(Option::as_mut);
        entry.map_or(OTHER_INDEX, |entry| entry.namespaces.find(namespace.unwrap_or(NO_LABEL), minute_of(now)))
    }

    /// A message of so many bytes of name and data has left completely.
    pub fn message_out(&mut self, now: Now, account: Account, namespace: u16, bytes: usize) {
        let Some(entry) = self.entry(account, minute_of(now)) else { return };
        let count = units(bytes);
        entry.values[Metric::MessagesOut.index()] += count;
        entry.values[Metric::BytesOut.index()] += bytes as u64;
        entry.share(account, Some(namespace), OUT, count);
    }

    /// A connection was told of presence changes in a second in which it had not been told of any.
    pub fn presence_out(&mut self, now: Now, account: Account, namespace: u16) {
        let Some(entry) = self.entry(account, minute_of(now)) else { return };
        entry.values[Metric::MessagesOut.index()] += 1;
        entry.share(account, Some(namespace), OUT, 1);
    }

    /// A publish of so many bytes of name and data was accepted.
    pub fn message_in(&mut self, now: Now, charge: &Charge, namespace: Option<&str>, bytes: usize) {
        self.messages_in(now, charge, [(namespace, bytes)]);
    }

    /// As [`Self::message_in`] for several on one account: namespace and bytes of each.
    pub fn messages_in<'n>(&mut self, now: Now, charge: &Charge, messages: impl IntoIterator<Item = (Option<&'n str>, usize)>) {
        let account = self.account(now, charge);
        let Some(entry) = self.entry(account, minute_of(now)) else { return };
        for (namespace, bytes) in messages {
            let namespace = entry.namespaces.find(namespace.unwrap_or(NO_LABEL), entry.minute);
            let count = units(bytes);
            entry.values[Metric::MessagesIn.index()] += count;
            entry.values[Metric::BytesIn.index()] += bytes as u64;
            entry.share(account, Some(namespace), IN, count);
        }
    }

    /// A presence change was accepted.
    pub fn presence_in(&mut self, now: Now, charge: &Charge, namespace: Option<&str>) {
        let account = self.account(now, charge);
        let namespace = self.namespace(now, charge.app, namespace);
        let Some(entry) = self.entry(account, minute_of(now)) else { return };
        entry.values[Metric::MessagesIn.index()] += 1;
        entry.values[Metric::PresenceOps.index()] += 1;
        entry.share(account, Some(namespace), IN, 1);
    }

    /// Counts what is not broken down.
    pub fn add(&mut self, now: Now, account: Account, metric: Metric, value: u64) {
        if let Some(entry) = self.entry(account, minute_of(now)) {
            entry.values[metric.index()] += value;
        }
    }

    /// As [`Self::add`], for whoever holds no account.
    pub fn add_to(&mut self, now: Now, app: AppId, metric: Metric, value: u64) {
        let slot = self.slot(now, app);
        if let Some(entry) = self.entry_at(slot, minute_of(now)) {
            entry.values[metric.index()] += value;
        }
    }

    /// Takes everything counted so far.
    pub fn collect(&mut self, now: Now) -> Collected {
        let mut tracks = Vec::new();
        for slot in 0..self.apps.len() as u32 {
            self.settle_time(now, slot);
            let Some(entry) = &mut self.apps[slot as usize] else { continue };
            let taken = entry.take();
            entry.namespaces.forget_unused(entry.minute);
            let changes: Vec<Change> = std::mem::take(&mut entry.connections.changes);
            if !changes.is_empty() {
                tracks.push(Track { app: entry.app, changes });
            }
            self.finished.extend(taken);
            if entry.held == 0 {
                self.index.remove(&entry.app);
                self.apps[slot as usize] = None;
                self.free.push(slot);
            }
        }
        Collected { minutes: std::mem::take(&mut self.finished), tracks, at_ms: now.wall_ms }
    }

    /// How many apps are held, for tests that look for leaks.
    #[must_use]
    pub fn apps(&self) -> usize {
        self.index.len()
    }

    fn account(&mut self, now: Now, charge: &Charge) -> Account {
        let app = self.slot(now, charge.app);
        let key = match self.apps.get_mut(app as usize) {
            Some(Some(entry)) => entry.keys.find(charge.key.as_str(), minute_of(now)),
            _ => OTHER_INDEX,
        };
        Account { app, key, transport: charge.transport, protocol: charge.protocol }
    }

    fn slot(&mut self, now: Now, app: AppId) -> u32 {
        if let Some(slot) = self.index.get(&app) {
            return *slot;
        }
        let entry = Some(AppCounters::new(app, now));
        let slot = match self.free.pop() {
            Some(slot) => {
                self.apps[slot as usize] = entry;
                slot
            }
            None => {
                self.apps.push(entry);
                (self.apps.len() - 1) as u32
            }
        };
        self.index.insert(app, slot);
        slot
    }

    fn entry(&mut self, account: Account, minute: u64) -> Option<&mut AppCounters> {
        self.entry_at(account.app, minute)
    }

    /// The counters of the present minute.
    fn entry_at(&mut self, slot: u32, minute: u64) -> Option<&mut AppCounters> {
        let entry = self.apps.get_mut(slot as usize)?.as_mut()?;
        if entry.minute != minute {
            self.finished.extend(entry.take());
            entry.namespaces.forget_unused(minute);
            entry.minute = minute;
        }
        Some(entry)
    }

    fn set_open(&mut self, now: Now, slot: u32, open: u32) {
        self.settle_time(now, slot);
        if let Some(Some(entry)) = self.apps.get_mut(slot as usize) {
            entry.connections.set(now, open);
        }
    }

    /// Counts the time of the open connections up to now.
    fn settle_time(&mut self, now: Now, slot: u32) {
        let Some(Some(entry)) = self.apps.get_mut(slot as usize) else { return };
        let (app, current, finished) = (entry.app, entry.minute, &mut self.finished);
        let place = Metric::ConnectionMs.index();
        let values = &mut entry.values;
        entry.connections.elapsed(now, |minute, ms| {
            if minute == current {
                values[place] += ms;
                return;
            }
            let mut earlier = [0; METRICS];
            earlier[place] = ms;
            finished.push(MinuteCounts { app, minute, values: earlier, shares: Vec::new() });
        });
    }
}

impl AppCounters {
    fn new(app: AppId, now: Now) -> Self {
        Self {
            app,
            held: 0,
            minute: minute_of(now),
            values: [0; METRICS],
            namespaces: Labels::new(),
            keys: Labels::new(),
            transports: [[0; SHARED]; Transport::ALL.len()],
            protocols: [[0; SHARED]; Protocol::ALL.len()],
            connections: Open::new(now),
        }
    }

    fn share(&mut self, account: Account, namespace: Option<u16>, place: usize, value: u64) {
        if let Some(namespace) = namespace {
            self.namespaces.add(namespace, place, value);
        }
        self.keys.add(account.key, place, value);
        self.transports[account.transport as usize][place] += value;
        self.protocols[account.protocol as usize][place] += value;
    }

    fn take(&mut self) -> Option<MinuteCounts> {
        if self.values.iter().all(|value| *value == 0) {
            return None;
        }
        let mut shares = Vec::new();
        for (dimension, labels) in [(Dimension::Namespace, &mut self.namespaces), (Dimension::Key, &mut self.keys)] {
            shares.extend(labels.take().map(|(label, values)| Share { dimension, label, values }));
        }
        let transports = Transport::ALL.iter().map(|transport| transport.name()).zip(&mut self.transports);
        let protocols = Protocol::ALL.iter().map(|protocol| protocol.name()).zip(&mut self.protocols);
        let fixed = transports
            .map(|(name, values)| (Dimension::Transport, name, values))
            .chain(protocols.map(|(name, values)| (Dimension::Protocol, name, values)));
        for (dimension, name, values) in fixed.filter(|(_, _, values)| values.iter().any(|value| *value > 0)) {
            shares.push(Share { dimension, label: name.into(), values: std::mem::take(values) });
        }
        Some(MinuteCounts { app: self.app, minute: self.minute, values: std::mem::take(&mut self.values), shares })
    }
}

fn minute_of(now: Now) -> u64 {
    now.wall_ms / MINUTE_MS
}
