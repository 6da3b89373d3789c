//! The single-node broker as a state machine: calls and `now` go in, answers and deliveries come out. No lock, no clock, no I/O.
//!
//! **Eras** come from one counter for all topics. A topic's era begins with its first publication, and ends only when the
//! topic is forgotten; `ended_era_max` is the highest era that any topic has lost that way. Both together decide every resume:
//! an era above `ended_era_max` is alive, so a position in it is either this topic's own or was never issued here, and `F-0`
//! with `F > ended_era_max` proves that this topic has lost nothing since it was answered. For example, with eras 1 to 9
//! issued, 4 the highest that ended, and a topic that has never had a message: `7-0` is complete, `3-0` and `3-12` may have
//! lost something, `7-12` was never issued on it.
//!
//! **Memory** is bounded in three ways, see [`MemoryLimits`]. Expiry rides on calls, a bounded amount each: without calls
//! nothing grows either, and a read trims the topic that it reads.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use peal_core::exchange::{
    BrokerError, Continuity, Delivery, Direction, HistoryPage, HistoryQuery, PresenceMembers, PresenceUpdate, Publish, Published,
};
use peal_core::publication::EraStart;
use peal_core::{AppId, Draft, MessageId, Now, Position, Publication, PublicationKind, Retention, Topic};

use super::MemoryLimits;
use super::history::History;
use super::members::Members;
use super::pool::Pool;
use super::seen::SeenIds;

/// A quiet topic's head is remembered this long: as long as a client may come back with a position (REDIS section 4).
const QUIET_MS: u64 = 24 * 3_600_000;
/// Topics looked at per call for each kind of expiry.
const SWEEP_MAX: usize = 64;

/// Channel names come from clients, so the maps keep std's keyed hasher.
#[derive(Debug)]
pub(super) struct Log {
    limits: MemoryLimits,
    next_era: u64,
    ended_era_max: u64,
    histories: HashMap<Topic, History>,
    members: HashMap<Topic, Members>,
    attached: HashSet<Topic>,
    seen: SeenIds,
    pool: Pool,
    /// When to look at a history again; one entry per topic that holds anything.
    expiry: BinaryHeap<Reverse<(u64, Topic)>>,
    /// Unattached topics that hold nothing, longest quiet first; one entry per topic, some have been woken since.
    quiet: VecDeque<Topic>,
    deliveries: Vec<Delivery>,
}

impl Log {
    pub(super) fn new(first_era: u64, limits: MemoryLimits) -> Self {
        Self {
            limits,
            next_era: first_era,
            ended_era_max: first_era - 1,
            histories: HashMap::new(),
            members: HashMap::new(),
            attached: HashSet::new(),
            seen: SeenIds::new(limits.message_ids_max),
            pool: Pool::new(limits),
            expiry: BinaryHeap::new(),
            quiet: VecDeque::new(),
            deliveries: Vec::new(),
        }
    }

    pub(super) fn next_era(&self) -> u64 {
        self.next_era
    }

    /// What is to be delivered, in order, since the last call.
    pub(super) fn take_deliveries(&mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.deliveries)
    }

    pub(super) fn attach(&mut self, topic: Topic) -> Position {
        let head = self.head(&topic);
        self.attached.insert(topic);
        head
    }

    pub(super) fn detach(&mut self, now: Now, topic: &Topic) {
        if self.attached.remove(topic) {
            self.note_quiet(now, topic);
        }
    }

    pub(super) fn publish(&mut self, now: Now, publish: Publish) -> Result<Published, BrokerError> {
        let Publish { topic, draft, retention, durability: _ } = publish;
        let id = draft.id.clone();
        if draft.idempotent {
            if let Some(position) = self.seen.get(&topic, &id) {
                return Ok(Published { id, position, duplicate: true });
            }
            if self.seen.is_full() {
                return Err(BrokerError::Away("too many message ids are remembered".into()));
            }
        }
        let idempotent = draft.idempotent;
        let position = if draft.ephemeral { self.pass(now, &topic, draft) } else { Some(self.append(now, &topic, draft, retention)) };
        if idempotent {
            self.seen.insert(now, topic, id.clone(), position);
        }
        Ok(Published { id, position, duplicate: false })
    }

    pub(super) fn history(&mut self, now: Now, query: &HistoryQuery) -> HistoryPage {
        self.trim(now, &query.topic);
        let continuity = match query.after {
            Some(after) if query.direction == Direction::Forwards => self.continuity(&query.topic, after),
            _ => Continuity::Complete,
        };
        // A reader that has lost its place gets all that is kept.
        let after = query.after.filter(|_| matches!(continuity, Continuity::Complete | Continuity::Trimmed { .. }));
        let (publications, more) = self.histories.get(&query.topic).map_or_else(Default::default, |history| history.read(query, after));
        HistoryPage { publications, more, head: self.head(&query.topic), continuity }
    }

    pub(super) fn presence_update(&mut self, now: Now, update: PresenceUpdate) -> Result<Option<Position>, BrokerError> {
        let PresenceUpdate { topic, op, member, users_max } = update;
        let members = self.members.entry(topic.clone()).or_default();
        let changed = members.apply(op, member, users_max);
        if members.is_empty() {
            self.members.remove(&topic);
        }
        let Some(change) = changed? else { return Ok(None) };
        let draft = Draft {
            id: self.change_id(&topic),
            idempotent: false,
            origin: Some(change.member.connection),
            client_id: Some(Arc::clone(&change.member.user)),
            ephemeral: false,
            client_event: false,
            kind: PublicationKind::Presence(change),
        };
        Ok(Some(self.append(now, &topic, draft, Retention::PRESENCE)))
    }

    pub(super) fn presence_members(&self, topic: &Topic) -> PresenceMembers {
        PresenceMembers { head: self.head(topic), members: self.members.get(topic).map_or_else(Vec::new, Members::list) }
    }

    /// Forgets a bounded amount of what is due.
    pub(super) fn sweep(&mut self, now: Now) {
        self.seen.expire(now);
        for _ in 0..SWEEP_MAX {
            if self.expiry.peek().is_none_or(|Reverse((at, _))| *at > now.mono_ms) {
                break;
            }
            if let Some(Reverse((_, topic))) = self.expiry.pop() {
                self.expire_topic(now, topic);
            }
        }
        for _ in 0..SWEEP_MAX {
            if !self.forget_quietest(now) {
                break;
            }
        }
    }

    /// `F-0` for a topic without history, F being the next era.
    fn head(&self, topic: &Topic) -> Position {
        self.histories.get(topic).map_or(Position::new(self.next_era, 0), History::head)
    }

    fn continuity(&self, topic: &Topic, after: Position) -> Continuity {
        if let Some(history) = self.histories.get(topic) {
            return history.continuity(after, self.ended_era_max);
        }
        let head = self.head(topic);
        if after.era <= self.ended_era_max {
            Continuity::EraLost { kept_after: head }
        } else if after.seq == 0 && after <= head {
            Continuity::Complete
        } else {
            Continuity::Unknown
        }
    }

    /// Delivers without keeping.
    fn pass(&mut self, now: Now, topic: &Topic, draft: Draft) -> Option<Position> {
        let ts = self.histories.get_mut(topic).map_or(now.wall_ms, |history| history.stamp(now));
        self.deliver(topic, &Arc::new(Publication::from_draft(draft, None, None, ts)));
        None
    }

    /// Gives the next position, keeps and delivers.
    fn append(&mut self, now: Now, topic: &Topic, draft: Draft, retention: Retention) -> Position {
        let next_era = &mut self.next_era;
        let history = match self.histories.entry(topic.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let era = *next_era;
                *next_era += 1;
                entry.insert(History::new(era, retention))
            }
        };
        history.retention = retention;
        let position = history.head().next();
        let era_start = (position.seq == 1).then_some(EraStart { tail: None });
        let ts = history.stamp(now);
        let publication = Arc::new(Publication::from_draft(draft, Some(position), era_start, ts));
        let bytes = history.push(now, Arc::clone(&publication));
        if !history.scheduled
            && let Some(at) = history.expires_at_ms()
        {
            history.scheduled = true;
            self.expiry.push(Reverse((at, topic.clone())));
        }
        let (before, freed) = (history.len(), history.trim(now));
        let gone = before - history.len();
        self.pool.add(topic, position, bytes);
        self.pool.remove(topic.app, gone, freed);
        self.evict(topic.app);
        self.deliver(topic, &publication);
        position
    }

    fn deliver(&mut self, topic: &Topic, publication: &Arc<Publication>) {
        if self.attached.contains(topic) {
            self.deliveries.push(Delivery { topic: topic.clone(), publication: Arc::clone(publication) });
        }
    }

    /// A presence change has no publisher to name it: its position is its name.
    fn change_id(&self, topic: &Topic) -> MessageId {
        self.head(topic).next().to_string().parse().expect("digits and a dash are allowed in message ids")
    }

    fn trim(&mut self, now: Now, topic: &Topic) {
        if let Some(history) = self.histories.get_mut(topic) {
            let before = history.len();
            let freed = history.trim(now);
            self.pool.remove(topic.app, before - history.len(), freed);
        }
    }

    /// Keeps memory within its bounds after a publication of `app`.
    fn evict(&mut self, app: AppId) {
        while let Some((topic, position)) = self.pool.next_victim(app) {
            if let Some(history) = self.histories.get_mut(&topic).filter(|history| history.holds(position)) {
                let freed = history.pop();
                self.pool.remove(topic.app, 1, freed);
            }
        }
        let histories = &self.histories;
        self.pool.tidy(app, |topic, position| histories.get(topic).is_some_and(|history| history.holds(position)));
    }

    fn expire_topic(&mut self, now: Now, topic: Topic) {
        self.trim(now, &topic);
        let Some(history) = self.histories.get_mut(&topic) else { return };
        if let Some(at) = history.expires_at_ms() {
            self.expiry.push(Reverse((at, topic)));
        } else {
            history.scheduled = false;
            self.note_quiet(now, &topic);
        }
    }

    /// Queues a topic that holds nothing, to be forgotten one day. An attached one stays: its subscribers know its era.
    fn note_quiet(&mut self, now: Now, topic: &Topic) {
        if let Some(history) = self.histories.get_mut(topic)
            && history.is_empty()
            && !history.scheduled
            && !self.attached.contains(topic)
        {
            history.quiet_since_ms = now.mono_ms;
            if !history.queued_quiet {
                history.queued_quiet = true;
                self.quiet.push_back(topic.clone());
            }
        }
    }

    /// Looks at the front of the quiet queue. False if nothing there is due.
    fn forget_quietest(&mut self, now: Now) -> bool {
        let overfull = self.quiet.len() > self.limits.quiet_topics_max;
        let Some(history) = self.quiet.front().and_then(|topic| self.histories.get_mut(topic)) else { return false };
        let due = now.mono_ms.saturating_sub(history.quiet_since_ms) >= QUIET_MS;
        let awake = !history.is_empty() || history.scheduled;
        let Some(topic) = self.quiet.pop_front_if(|topic| overfull || due || awake || self.attached.contains(topic)) else { return false };
        history.queued_quiet = false;
        if !awake && !self.attached.contains(&topic) {
            self.ended_era_max = self.ended_era_max.max(history.head().era);
            self.histories.remove(&topic);
        }
        true
    }
}
