//! The broker of one node against a model that forgets nothing: the model knows what was published, so it knows the truth
//! about every answer. `roomy` runs within all limits, where answers are fully determined; `tight` runs with limits of a few
//! entries and leaps in time, where the broker may lose things but must never say that it has not.

use std::collections::HashMap;
use std::sync::Arc;

use peal_broker::{Broker, MemoryBroker, MemoryLimits};
use peal_core::exchange::{Continuity, Direction, HistoryQuery};
use peal_core::{Position, Retention, Topic};
use proptest::prelude::*;

use crate::support::*;

const TOPICS: usize = 3;
const TTL_MS: u64 = 120_000;

#[derive(Debug, Clone)]
enum Step {
    Publish {
        topic: usize,
        id: Option<u8>,
        ephemeral: bool,
        count: u32,
    },
    Advance {
        ms: u64,
    },
    Attach {
        topic: usize,
    },
    Detach {
        topic: usize,
    },
    /// Resume after one of the positions that this topic has handed out.
    Resume {
        topic: usize,
        pick: prop::sample::Index,
    },
    Page {
        topic: usize,
        after: prop::sample::Index,
        before: prop::sample::Index,
        limit: u32,
        backwards: bool,
    },
    /// Any position at all.
    Forged {
        topic: usize,
        era_offset: i64,
        seq: u64,
    },
}

fn steps(advance_max: u64) -> impl Strategy<Value = Vec<Step>> {
    let topic = 0..TOPICS;
    let step = prop_oneof![
        6 => (topic.clone(), prop::option::of(0..3_u8), prop::bool::weighted(0.1), 1..5_u32)
            .prop_map(|(topic, id, ephemeral, count)| Step::Publish { topic, id, ephemeral, count }),
        2 => (0..advance_max).prop_map(|ms| Step::Advance { ms }),
        1 => topic.clone().prop_map(|topic| Step::Attach { topic }),
        1 => topic.clone().prop_map(|topic| Step::Detach { topic }),
        4 => (topic.clone(), any::<prop::sample::Index>()).prop_map(|(topic, pick)| Step::Resume { topic, pick }),
        2 => (topic.clone(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..4_u32, any::<bool>())
            .prop_map(|(topic, after, before, limit, backwards)| Step::Page { topic, after, before, limit, backwards }),
        1 => (topic, -6..6_i64, 0..6_u64).prop_map(|(topic, era_offset, seq)| Step::Forged { topic, era_offset, seq }),
    ];
    prop::collection::vec(step, 1..60)
}

#[derive(Debug, Default)]
struct TopicModel {
    /// Everything ever kept, with the time of its publish.
    published: Vec<(Position, String, u64)>,
    /// Positions handed out, with how many publications came before.
    handed_out: Vec<(Position, usize)>,
    attached: bool,
    count: usize,
}

impl TopicModel {
    /// How many are kept, within all limits but count and time. Neither brings back what an earlier step has dropped.
    fn note_kept(&self, now: u64, kept_before: usize) -> usize {
        let fresh = self.published.iter().rev().take_while(|(_, _, at)| at + TTL_MS > now).count();
        fresh.min(self.count).min(kept_before)
    }
}

struct World {
    broker: MemoryBroker,
    clock: StoppedClock,
    inbox: Arc<Received>,
    topics: Vec<Topic>,
    models: Vec<TopicModel>,
    /// How many of each topic's latest publications are kept.
    kept: Vec<usize>,
    ids: HashMap<(usize, u8), (Option<Position>, u64)>,
    expected: Vec<String>,
    now: u64,
    published: usize,
    exact: bool,
}

impl World {
    fn new(limits: MemoryLimits, exact: bool) -> Self {
        let (clock, inbox) = (StoppedClock::default(), Arc::new(Received::default()));
        let for_broker: Arc<Received> = Arc::clone(&inbox);
        Self {
            broker: MemoryBroker::with_limits(for_broker, clock.reader(), 0, limits),
            clock,
            inbox,
            topics: (0..TOPICS).map(|_| fresh_topic()).collect(),
            models: (0..TOPICS).map(|_| TopicModel::default()).collect(),
            kept: vec![0; TOPICS],
            ids: HashMap::new(),
            expected: Vec::new(),
            now: 0,
            published: 0,
            exact,
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Publish { topic, id, ephemeral, count } => self.publish(topic, id, ephemeral, count).await,
            Step::Advance { ms } => {
                self.now += ms;
                self.clock.advance(ms);
            }
            Step::Attach { topic } => {
                let head = self.broker.attach(vec![self.topics[topic].clone()]).await.expect("attached")[0];
                let model = &mut self.models[topic];
                model.attached = true;
                if let Some((last, _, _)) = model.published.last()
                    && self.exact
                {
                    assert_eq!(head, *last);
                }
                model.handed_out.push((head, model.published.len()));
            }
            Step::Detach { topic } => {
                self.broker.detach(vec![self.topics[topic].clone()]).await;
                self.models[topic].attached = false;
            }
            Step::Resume { topic, pick } => self.resume(topic, pick).await,
            Step::Page { topic, after, before, limit, backwards } => self.page(topic, after, before, limit, backwards).await,
            Step::Forged { topic, era_offset, seq } => {
                let era = self.broker.next_era().saturating_add_signed(era_offset);
                let page = self.read(everything_after(&self.topics[topic], Some(Position::new(era, seq)))).await;
                if era > self.broker.next_era() {
                    assert_eq!(page.0, Continuity::Unknown);
                }
            }
        }
    }

    async fn publish(&mut self, topic: usize, id: Option<u8>, ephemeral: bool, count: u32) {
        self.published += 1;
        let name = id.map_or_else(|| format!("m{}", self.published), |id| format!("id{id}"));
        let mut request = publish(&self.topics[topic], &name);
        request.draft.idempotent = id.is_some();
        request.draft.ephemeral = ephemeral;
        request.retention = Retention { count, ttl_ms: TTL_MS };
        let answer = self.broker.publish(vec![request]).await.remove(0).expect("accepted");
        let remembered = id.and_then(|id| self.ids.get(&(topic, id))).filter(|(_, at)| at + 120_000 > self.now);
        assert_eq!(answer.duplicate, remembered.is_some());
        if let Some((position, _)) = remembered {
            assert_eq!(answer.position, *position);
            return;
        }
        if let Some(id) = id {
            self.ids.insert((topic, id), (answer.position, self.now));
        }
        let model = &mut self.models[topic];
        if model.attached {
            self.expected.push(name.clone());
        }
        let Some(position) = answer.position else {
            assert!(ephemeral);
            return;
        };
        if let Some((last, _, _)) = model.published.last() {
            assert!(position.follows(*last) || (!self.exact && position.era > last.era && position.seq == 1), "{last} then {position}");
        } else {
            assert_eq!(position.seq, 1);
        }
        self.kept[topic] = model.note_kept(self.now, self.kept[topic]) + 1;
        model.published.push((position, name, self.now));
        model.handed_out.push((position, model.published.len()));
        model.count = count as usize;
        self.kept[topic] = model.note_kept(self.now, self.kept[topic]);
        let elsewhere = self.models.iter().enumerate().filter(|(other, _)| *other != topic);
        for (_, other) in elsewhere {
            assert!(other.published.iter().all(|(issued, _, _)| issued.era != position.era), "an era belongs to one topic");
        }
    }

    async fn read(&self, query: HistoryQuery) -> (Continuity, Vec<(Position, String)>, bool) {
        let page = self.broker.history(query).await.expect("read");
        let entries = page.publications.iter().map(|p| (p.position.expect("kept"), p.id.to_string())).collect();
        (page.continuity, entries, page.more)
    }

    async fn resume(&mut self, topic: usize, pick: prop::sample::Index) {
        let model = &self.models[topic];
        if model.handed_out.is_empty() {
            return;
        }
        let (after, seen) = *pick.get(&model.handed_out);
        let (continuity, entries, more) = self.read(everything_after(&self.topics[topic], Some(after))).await;
        let truth: Vec<_> = model.published.iter().map(|(position, name, _)| (*position, name.clone())).collect();
        assert!(!more);
        assert!(truth.ends_with(&entries), "what is replayed is the end of what was published");
        match continuity {
            Continuity::Complete => assert_eq!(entries, truth[seen..], "complete after {after}"),
            Continuity::Trimmed { kept_after } | Continuity::EraLost { kept_after } => {
                if let Some((first, _)) = entries.first() {
                    assert!(first.follows(kept_after));
                }
                let lost_something = entries.len() < truth.len() - seen;
                assert!(lost_something || matches!(continuity, Continuity::EraLost { .. }), "{continuity:?} after {after}, nothing lost");
            }
            Continuity::Unknown => panic!("{after} was handed out"),
        }
        if self.exact {
            self.kept[topic] = model.note_kept(self.now, self.kept[topic]);
            let complete = truth.len() - seen <= self.kept[topic];
            assert_eq!(continuity == Continuity::Complete, complete, "after {after}");
            if !complete {
                assert_eq!(entries.len(), self.kept[topic]);
            }
        }
    }

    async fn page(&mut self, topic: usize, after: prop::sample::Index, before: prop::sample::Index, limit: u32, backwards: bool) {
        let model = &self.models[topic];
        if !self.exact || model.published.is_empty() {
            return;
        }
        self.kept[topic] = model.note_kept(self.now, self.kept[topic]);
        let (after, before) = (after.get(&model.published).0, before.get(&model.published).0);
        let direction = if backwards { Direction::Backwards } else { Direction::Forwards };
        let query = HistoryQuery { before: Some(before), direction, limit, ..everything_after(&self.topics[topic], Some(after)) };
        let (_, entries, more) = self.read(query).await;
        let kept = &model.published[model.published.len() - self.kept[topic]..];
        let mut expected: Vec<_> = kept.iter().map(|(at, name, _)| (*at, name.clone())).collect();
        expected.retain(|(at, _)| *at > after && *at < before);
        if backwards {
            expected.reverse();
        }
        assert_eq!(more, expected.len() > limit as usize);
        expected.truncate(limit as usize);
        assert_eq!(entries, expected);
    }

    fn deliveries_are_as_expected(&self) {
        let delivered: Vec<_> = self.inbox.take().iter().map(|delivery| delivery.publication.id.to_string()).collect();
        assert_eq!(delivered, self.expected);
    }
}

fn run(mut world: World, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    runtime.block_on(async {
        for step in steps {
            world.step(step).await;
        }
    });
    world.deliveries_are_as_expected();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn roomy(steps in steps(TTL_MS)) {
        run(World::new(MemoryLimits::default(), true), steps);
    }

    #[test]
    fn tight(steps in steps(13 * 3_600_000)) {
        let limits = MemoryLimits { history_bytes_max: 1_700, quiet_topics_max: 1, ..MemoryLimits::default() };
        run(World::new(limits, false), steps);
    }
}
