//! A model of the broker: it keeps the contract of `peal_broker::Broker`, forgets nothing, and therefore can say of every
//! position what came after it and what became of that. The truth that the clients are judged by is read from here.

mod handover;
mod log;
mod members;
mod owners;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use peal_core::exchange::{BrokerError, HistoryPage, HistoryQuery, PresenceMembers, PresenceUpdate, Publish, Published};
use peal_core::{Draft, Lane, MessageId, Position, Publication, PublicationKind, Retention, Topic};

pub(crate) use log::{Entry, Fate, Log};
pub(crate) use members::Members;

/// How long a message id is remembered.
const IDS_REMEMBERED_MS: u64 = 120_000;

#[derive(Debug)]
pub(crate) struct ModelBroker {
    pub(crate) topics: BTreeMap<Topic, Log>,
    next_era: u64,
    /// Kept per topic, whatever the rule says: small, so that trimming is common.
    kept_max: usize,
    base_wall_ms: u64,
    /// It fails over as a whole, as Redis does (see `handover`), not topic by topic.
    whole: bool,
    owners: owners::Owners,
}

/// A publish that was carried out.
pub(crate) struct Accepted {
    pub(crate) published: Published,
    /// For the attached hubs; `None` for a repeat.
    pub(crate) delivery: Option<Arc<Publication>>,
}

impl ModelBroker {
    pub(crate) fn new(first_era: u64, kept_max: usize, base_wall_ms: u64, whole: bool) -> Self {
        Self { topics: BTreeMap::new(), next_era: first_era, kept_max, base_wall_ms, whole, owners: owners::Owners::default() }
    }

    pub(crate) fn log(&self, topic: &Topic) -> Option<&Log> {
        self.topics.get(topic)
    }

    fn log_mut(&mut self, topic: &Topic) -> &mut Log {
        self.topics.entry(topic.clone()).or_default()
    }

    pub(crate) fn attach(&mut self, hub: usize, topic: &Topic) -> Position {
        let (next_era, whole) = (self.next_era, self.whole);
        let log = self.log_mut(topic);
        log.attached.insert(hub);
        if whole { log.known_head(next_era, matches!(topic.lane, Lane::Presence(_))) } else { log.head(next_era) }
    }

    pub(crate) fn detach(&mut self, hub: usize, topic: &Topic) {
        self.log_mut(topic).attached.remove(&hub);
    }

    /// A hub is gone with all its attachments.
    pub(crate) fn detach_all(&mut self, hub: usize) {
        for log in self.topics.values_mut() {
            log.attached.remove(&hub);
        }
    }

    pub(crate) fn attached(&self, topic: &Topic) -> BTreeSet<usize> {
        self.topics.get(topic).map(|log| log.attached.clone()).unwrap_or_default()
    }

    pub(crate) fn publish(&mut self, now_ms: u64, publish: Publish) -> Accepted {
        let Publish { topic, draft, .. } = publish;
        let id = draft.id.clone();
        if draft.idempotent
            && let Some((position, at)) = self.log_mut(&topic).ids.get(&id).copied()
            && now_ms < at + IDS_REMEMBERED_MS
        {
            return Accepted { published: Published { id, position, duplicate: true }, delivery: None };
        }
        let idempotent = draft.idempotent;
        let publication = self.accept(now_ms, &topic, draft);
        let position = publication.position;
        if idempotent {
            self.log_mut(&topic).ids.insert(id.clone(), (position, now_ms));
        }
        Accepted { published: Published { id, position, duplicate: false }, delivery: Some(handover::as_delivered(&publication)) }
    }

    fn accept(&mut self, now_ms: u64, topic: &Topic, draft: Draft) -> Arc<Publication> {
        // Commands are kept for longer than any run.
        let kept_max = if topic.lane == Lane::Control { usize::MAX } else { self.kept_max };
        let ts = self.base_wall_ms + now_ms;
        let (mut next_era, whole) = (self.next_era, self.whole);
        let log = self.log_mut(topic);
        let publication = if draft.ephemeral {
            log.pass(now_ms, Publication::from_draft(draft, None, None, ts))
        } else {
            let (position, era_start) = log.next_position(&mut next_era, whole);
            log.append(now_ms, Publication::from_draft(draft, Some(position), era_start, ts), kept_max)
        };
        self.next_era = next_era;
        publication
    }

    pub(crate) fn history(&self, query: &HistoryQuery) -> HistoryPage {
        static EMPTY: std::sync::LazyLock<Log> = std::sync::LazyLock::new(Log::default);
        let log = self.log(&query.topic).unwrap_or(&EMPTY);
        if self.whole {
            log.read_exactly(query, self.next_era, matches!(query.topic.lane, Lane::Presence(_)))
        } else {
            log.read(query, self.next_era)
        }
    }

    pub(crate) fn presence_update(&mut self, now_ms: u64, update: PresenceUpdate) -> Result<Option<Arc<Publication>>, BrokerError> {
        let PresenceUpdate { topic, op, member, users_max } = update;
        let Some(change) = self.log_mut(&topic).members.apply(op, member, users_max)? else { return Ok(None) };
        let id: MessageId = format!("p{now_ms}").parse().expect("letters and digits");
        let draft = Draft {
            id,
            idempotent: false,
            origin: Some(change.member.connection),
            client_id: Some(change.member.user.clone()),
            ephemeral: false,
            client_event: false,
            kind: PublicationKind::Presence(change),
        };
        let publication = self.accept(now_ms, &topic, draft);
        Ok(Some(handover::as_delivered(&publication)))
    }

    pub(crate) fn presence_members(&self, topic: &Topic) -> PresenceMembers {
        let log = self.log(topic);
        PresenceMembers {
            head: match log {
                Some(log) if self.whole => log.known_head(self.next_era, true),
                Some(log) => log.head(self.next_era),
                None => Position::new(self.next_era, 0),
            },
            members: log.map(|log| log.members.list()).unwrap_or_default(),
        }
    }

    /// The broker fails over: the newest `lost` publications of the topic are gone, and the next publish begins an era.
    pub(crate) fn fail_over(&mut self, now_ms: u64, topic: &Topic, lost: usize) {
        self.log_mut(topic).fail_over(now_ms, lost);
    }

    /// Only the newest `keep` stay.
    pub(crate) fn trim(&mut self, now_ms: u64, topic: &Topic, keep: usize) {
        self.log_mut(topic).trim(now_ms, keep);
    }
}

/// What the model ignores: it keeps what its own bound says.
pub(crate) const RETENTION: Retention = Retention::FLOOR;
