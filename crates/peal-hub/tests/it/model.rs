//! A broker in a few lines: it keeps everything it is not told to trim, and delivers in order unless told to lose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use peal_core::exchange::*;
use peal_core::publication::EraStart;
use peal_core::*;
use peal_hub::{Action, BrokerEvent};

#[derive(Debug, Default)]
struct Kept {
    entries: Vec<Arc<Publication>>,
    /// Positions that were issued and survived, trimmed ones included.
    survived: Vec<Position>,
    /// First publications of eras of which nobody knows what came before.
    breaks: Vec<Position>,
    /// The first publication of the next era carries this.
    pending_era: Option<Option<Position>>,
    /// So far the era went, as somebody has written down, and what came after the last that survived is lost.
    went_to: Option<Position>,
}

#[derive(Debug)]
pub(crate) struct Model {
    next_era: u64,
    topics: BTreeMap<Topic, Kept>,
    members: BTreeMap<Topic, Vec<Arc<Member>>>,
    attached: BTreeSet<Topic>,
    ids: BTreeMap<(Topic, MessageId), Published>,
    /// Deliveries to swallow.
    pub(crate) lose: usize,
    /// Every question fails.
    pub(crate) away: bool,
    /// What a failed primary took along is remembered: who is at the surviving tail is told.
    pub(crate) witnessed_loss: bool,
    pub(crate) now_ms: u64,
    pub(crate) history_reads: usize,
    pub(crate) attaches: usize,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            next_era: 100,
            topics: BTreeMap::new(),
            members: BTreeMap::new(),
            attached: BTreeSet::new(),
            ids: BTreeMap::new(),
            lose: 0,
            away: false,
            witnessed_loss: false,
            now_ms: 0,
            history_reads: 0,
            attaches: 0,
        }
    }

    pub(crate) fn head(&self, topic: &Topic) -> Position {
        let last = self.topics.get(topic).and_then(|kept| kept.survived.last().copied().max(kept.went_to));
        last.unwrap_or(Position::new(self.next_era, 0))
    }

    pub(crate) fn is_attached(&self, topic: &Topic) -> bool {
        self.attached.contains(topic)
    }

    pub(crate) fn members(&self, topic: &Topic) -> Vec<Arc<Member>> {
        self.members.get(topic).cloned().unwrap_or_default()
    }

    pub(crate) fn topics_with_members(&self) -> Vec<Topic> {
        self.members.iter().filter(|(_, members)| !members.is_empty()).map(|(topic, _)| topic.clone()).collect()
    }

    /// Keeps only the newest.
    pub(crate) fn trim(&mut self, topic: &Topic, keep: usize) {
        let kept = self.topics.entry(topic.clone()).or_default();
        let gone = kept.entries.len().saturating_sub(keep);
        kept.entries.drain(..gone);
    }

    /// A new primary that has only what is at or before `seq` of the present era; the next publish begins a new one.
    pub(crate) fn fail_over(&mut self, topic: &Topic, seq: u64) {
        let kept = self.topics.entry(topic.clone()).or_default();
        let Some(era) = kept.survived.last().map(|last| last.era) else { return };
        kept.survived.retain(|position| position.era < era || position.seq <= seq);
        kept.entries.retain(|entry| entry.position.is_some_and(|at| at.era < era || at.seq <= seq));
        kept.pending_era = Some(kept.survived.last().copied());
    }

    /// So many that came after the last are lost with a primary, and everybody who asks is told.
    pub(crate) fn lose_known_tail(&mut self, topic: &Topic, count: u64) {
        let kept = self.topics.entry(topic.clone()).or_default();
        kept.went_to = kept.survived.last().map(|last| Position::new(last.era, last.seq + count));
    }

    /// The next publish begins an era of which nobody knows what came before.
    pub(crate) fn forget_tail(&mut self, topic: &Topic) {
        self.topics.entry(topic.clone()).or_default().pending_era = Some(None);
    }

    /// Everything is gone.
    pub(crate) fn flush(&mut self) {
        self.topics.clear();
        self.members.clear();
        self.next_era += 1_000;
    }

    pub(crate) fn publish(&mut self, publish: Publish) -> (Published, Option<Delivery>) {
        let Publish { topic, draft, .. } = publish;
        let key = (topic.clone(), draft.id.clone());
        if draft.idempotent
            && let Some(first) = self.ids.get(&key)
        {
            return (Published { duplicate: true, ..first.clone() }, None);
        }
        let (id, idempotent) = (draft.id.clone(), draft.idempotent);
        let delivery = self.append(&topic, draft);
        let published = Published { id, position: delivery.publication.position, duplicate: false };
        if idempotent {
            self.ids.insert(key, published.clone());
        }
        let delivered = self.attached.contains(&topic).then_some(delivery);
        if delivered.is_some() && self.lose > 0 {
            self.lose -= 1;
            return (published, None);
        }
        (published, delivered)
    }

    fn append(&mut self, topic: &Topic, draft: Draft) -> Delivery {
        let mut era_start = None;
        let mut position = None;
        if !draft.ephemeral {
            let kept = self.topics.entry(topic.clone()).or_default();
            let next = match (kept.survived.last(), kept.pending_era.take()) {
                (Some(last), None) => last.next(),
                (_, tail) => {
                    era_start = Some(EraStart { tail: tail.flatten() });
                    self.next_era += 1;
                    Position::new(self.next_era - 1, 1)
                }
            };
            if era_start.is_some_and(|start| start.tail.is_none()) && !kept.survived.is_empty() {
                kept.breaks.push(next);
            }
            kept.survived.push(next);
            position = Some(next);
        }
        let publication = Arc::new(Publication::from_draft(draft, position, era_start, self.now_ms));
        if position.is_some() {
            self.topics.entry(topic.clone()).or_default().entries.push(Arc::clone(&publication));
        }
        Delivery { topic: topic.clone(), publication }
    }

    /// Carries out an action; the events come back in order.
    pub(crate) fn act(&mut self, action: Action) -> Vec<BrokerEvent> {
        let away = || BrokerError::Away("the test says so".into());
        match action {
            Action::Attach(topic) => {
                self.attaches += 1;
                if self.away {
                    return vec![BrokerEvent::Attached { topic, result: Err(away()) }];
                }
                self.attached.insert(topic.clone());
                let head = self.head(&topic);
                vec![BrokerEvent::Attached { topic, result: Ok(head) }]
            }
            Action::Detach(topic) => {
                self.attached.remove(&topic);
                vec![]
            }
            Action::Publish { request, .. } if self.away => vec![BrokerEvent::Published { request, result: Err(away()) }],
            Action::Publish { request, publish } => {
                let (published, delivery) = self.publish(*publish);
                let mut events: Vec<_> = delivery.map(|delivery| BrokerEvent::Deliveries(vec![delivery])).into_iter().collect();
                events.push(BrokerEvent::Published { request, result: Ok(published) });
                events
            }
            Action::History { request, query } => {
                self.history_reads += 1;
                let result = if self.away { Err(away()) } else { Ok(self.history(&query)) };
                vec![BrokerEvent::History { request, result }]
            }
            Action::PresenceUpdate { request, .. } if self.away => vec![BrokerEvent::PresenceUpdated { request, result: Err(away()) }],
            Action::PresenceUpdate { request, update } => self.presence(request, update),
            Action::PresenceMembers { request, .. } if self.away => vec![BrokerEvent::PresenceMembers { request, result: Err(away()) }],
            Action::PresenceMembers { request, topic } => {
                let result = Ok(PresenceMembers { head: self.head(&topic), members: self.members(&topic) });
                vec![BrokerEvent::PresenceMembers { request, result }]
            }
            Action::RefreshDirectory(_) => vec![],
        }
    }

    fn presence(&mut self, request: peal_hub::RequestId, update: PresenceUpdate) -> Vec<BrokerEvent> {
        let PresenceUpdate { topic, op, member, users_max } = update;
        let answer = |result| BrokerEvent::PresenceUpdated { request, result };
        let members = self.members.entry(topic.clone()).or_default();
        let place = members.iter().position(|present| present.connection == member.connection && present.user == member.user);
        let same_user = members.iter().filter(|present| present.user == member.user).count();
        let change = match (op, place) {
            (PresenceOp::Leave, None) => return vec![answer(Ok(None))],
            (PresenceOp::Leave, Some(place)) => {
                members.remove(place);
                PresenceChange { op, member, first: false, last: same_user == 1 }
            }
            (_, Some(place)) => {
                members[place] = Arc::new(member.clone());
                PresenceChange { op: PresenceOp::Update, member, first: false, last: false }
            }
            (_, None) => {
                let users: BTreeSet<_> = members.iter().map(|present| &present.user).collect();
                if let Some(users_max) = users_max.filter(|max| same_user == 0 && users.len() as u32 >= *max) {
                    return vec![answer(Err(BrokerError::PresenceFull { users_max }))];
                }
                members.push(Arc::new(member.clone()));
                PresenceChange { op: PresenceOp::Enter, member, first: same_user == 0, last: false }
            }
        };
        let draft = Draft {
            id: "presence".parse().expect("an id"),
            idempotent: false,
            origin: None,
            client_id: None,
            ephemeral: false,
            client_event: false,
            kind: PublicationKind::Presence(change),
        };
        let (published, delivery) =
            self.publish(Publish { topic, draft, retention: Retention::PRESENCE, durability: peal_core::Durability::Fast });
        let mut events: Vec<_> = delivery.map(|delivery| BrokerEvent::Deliveries(vec![delivery])).into_iter().collect();
        events.push(answer(Ok(published.position)));
        events
    }

    fn history(&self, query: &HistoryQuery) -> HistoryPage {
        let none = Kept::default();
        let kept = self.topics.get(&query.topic).unwrap_or(&none);
        let continuity = query.after.map_or(Continuity::Complete, |after| self.continuity(&query.topic, kept, after));
        let lost_to = match continuity {
            Continuity::EraLost { kept_after } => Some(kept_after),
            _ => None,
        };
        let fits = |entry: &&Arc<Publication>| {
            let at = entry.position.expect("kept");
            lost_to.is_none_or(|to| at > to)
                && query.after.is_none_or(|after| at > after)
                && query.before.is_none_or(|before| at < before)
                && query.since_ms.is_none_or(|since| entry.ts >= since)
        };
        let mut publications: Vec<_> = kept.entries.iter().filter(fits).cloned().collect();
        if query.direction == Direction::Backwards {
            publications.reverse();
        }
        let more = publications.len() > query.limit as usize;
        publications.truncate(query.limit as usize);
        HistoryPage { publications, more, head: self.head(&query.topic), continuity }
    }

    fn continuity(&self, topic: &Topic, kept: &Kept, after: Position) -> Continuity {
        let head = self.head(topic);
        let first = kept.entries.iter().filter_map(|entry| entry.position).find(|at| *at > after);
        let before = |at: Position| Position::new(at.era, at.seq - 1);
        let begins = after.seq == 0 && kept.survived.first().is_none_or(|first| after.era <= first.era && after.era >= 100);
        if after > head {
            return Continuity::Unknown;
        }
        let in_lost_tail = kept.went_to.is_some_and(|went_to| after < went_to) && kept.survived.last().is_none_or(|last| after >= *last);
        if in_lost_tail || self.witnessed_loss && after == head {
            return Continuity::EraLost { kept_after: head };
        }
        let next = kept.survived.iter().find(|at| **at > after);
        if let Some(next) = next.filter(|next| kept.breaks.contains(next)) {
            return Continuity::EraLost { kept_after: before(*next) };
        }
        if !kept.survived.contains(&after) && !begins {
            let same_era = kept.survived.iter().any(|at| at.era == after.era && *at > after);
            return if same_era || head.seq == 0 && head.era == after.era {
                Continuity::Trimmed { kept_after: first.map_or(head, before) }
            } else {
                Continuity::EraLost { kept_after: first.map_or(head, before) }
            };
        }
        match (next, first) {
            (None, _) => Continuity::Complete,
            (Some(next), Some(first)) if *next == first => Continuity::Complete,
            (Some(_), Some(first)) => Continuity::Trimmed { kept_after: before(first) },
            (Some(_), None) => Continuity::Trimmed { kept_after: head },
        }
    }
}
