//! What this node was told of the topics it publishes to: the era to write on in, how far it was acknowledged (evidence, should the server lose
//! it), and what is new since the last digest.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use peal_core::{Position, Topic};

use super::era::{generation_of, note_end};

/// Topics that are remembered.
const TOPICS_MAX: usize = 100_000;
/// What was acknowledged so lately is evidence that is kept before anything else.
const EVIDENCE: Duration = Duration::from_secs(60);
/// A stream's expiry is renewed at most this often.
const RENEW_EVERY: Duration = Duration::from_secs(60);
/// Topics in one partition's digest; what is beyond it is left to the sweep.
const FRESH_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct KnownTopics {
    /// By stream.
    topics: HashMap<String, Known>,
    /// Those written since the last digest.
    fresh: Vec<String>,
}

#[derive(Debug)]
struct Known {
    topic: Topic,
    acknowledged: Position,
    /// How far eras before it had gone. The next publish may be acknowledged before it is written down what the last server lost.
    ended: Vec<Position>,
    at: Instant,
    renewed: Instant,
    is_fresh: bool,
}

/// A line of a digest.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) stream: String,
    pub(super) position: Position,
    /// Since it was acknowledged.
    pub(super) age: Duration,
}

impl KnownTopics {
    /// The era of a stream, 0 if it is not known, and whether the stream's expiry is to be renewed.
    pub(super) fn era(&mut self, stream: &str) -> (u64, bool) {
        let Some(known) = self.topics.get_mut(stream) else { return (0, true) };
        let renew = known.renewed.elapsed() > RENEW_EVERY;
        if renew {
            known.renewed = Instant::now();
        }
        (known.acknowledged.era, renew)
    }

    /// Whether a stream that was known has begun another era of the same generation: it was gone.
    pub(super) fn acknowledged(&mut self, stream: &str, topic: &Topic, position: Position) -> bool {
        let now = Instant::now();
        let mut is_new_era = false;
        if let Some(known) = self.topics.get_mut(stream) {
            is_new_era = position.era > known.acknowledged.era && generation_of(position) == generation_of(known.acknowledged);
            if position.era != known.acknowledged.era {
                note_end(&mut known.ended, position.min(known.acknowledged));
            }
            known.acknowledged = known.acknowledged.max(position);
            known.at = now;
            if known.is_fresh {
                return is_new_era;
            }
            known.is_fresh = self.fresh.len() < FRESH_MAX;
        } else {
            self.make_room(now);
            let is_fresh = self.fresh.len() < FRESH_MAX;
            let known = Known { topic: topic.clone(), acknowledged: position, ended: Vec::new(), at: now, renewed: now, is_fresh };
            self.topics.insert(stream.into(), known);
        }
        if self.fresh.len() < FRESH_MAX {
            self.fresh.push(stream.into());
        }
        is_new_era
    }

    fn make_room(&mut self, now: Instant) {
        if self.topics.len() >= TOPICS_MAX {
            self.topics.retain(|_, known| now - known.at < EVIDENCE);
        }
        if self.topics.len() >= TOPICS_MAX {
            self.topics.clear();
        }
    }

    /// What was written since this was asked last.
    pub(super) fn take_fresh(&mut self) -> Vec<Fresh> {
        let streams = std::mem::take(&mut self.fresh).into_iter();
        let lines = streams.filter_map(|stream| {
            let known = self.topics.get_mut(&stream)?;
            known.is_fresh = false;
            Some(Fresh { stream, position: known.acknowledged, age: known.at.elapsed() })
        });
        lines.collect()
    }

    /// What was acknowledged in generations before this one.
    pub(super) fn acknowledged_before(&self, generation: u64) -> Vec<(Topic, Position)> {
        let ends = self.topics.values().flat_map(|known| {
            let ends = known.ended.iter().chain([&known.acknowledged]).filter(|end| generation_of(**end) < generation);
            ends.map(|end| (known.topic.clone(), *end))
        });
        ends.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peal_core::AppId;

    fn topic() -> Topic {
        Topic::control(AppId::new(1).unwrap())
    }

    #[test]
    fn a_digest_names_each_topic_once_with_its_last_position_and_nothing_when_idle() {
        let mut known = KnownTopics::default();
        for (stream, seq) in [("a", 1), ("b", 1), ("a", 2)] {
            known.acknowledged(stream, &topic(), Position::new(7, seq));
        }
        let lines: Vec<_> = known.take_fresh().into_iter().map(|line| (line.stream, line.position)).collect();
        assert_eq!(lines, [("a".to_owned(), Position::new(7, 2)), ("b".to_owned(), Position::new(7, 1))]);
        assert!(known.take_fresh().is_empty());
        known.acknowledged("a", &topic(), Position::new(7, 3));
        assert_eq!(known.take_fresh().len(), 1);
    }

    #[test]
    fn what_an_earlier_server_acknowledged_is_evidence_also_after_the_next_has_acknowledged_something() {
        let mut known = KnownTopics::default();
        let at = |generation: u64, seq| Position::new(generation << 21, seq);
        for position in [at(5, 29), at(6, 1), at(5, 30), at(6, 2)] {
            known.acknowledged("a", &topic(), position);
        }
        let before = |generation| known.acknowledged_before(generation).into_iter().map(|(_, end)| end).collect::<Vec<_>>();
        assert_eq!(before(6), [at(5, 30)], "the answer of the earlier server came late");
        assert_eq!(before(7), [at(5, 30), at(6, 2)]);
    }

    #[test]
    fn a_stream_that_was_gone_has_another_era_of_the_same_generation() {
        let mut known = KnownTopics::default();
        let era = |generation: u64, counter: u64| (generation << 21) + counter;
        assert!(!known.acknowledged("a", &topic(), Position::new(era(5, 1), 1)));
        assert!(known.acknowledged("a", &topic(), Position::new(era(5, 2), 1)));
        assert!(!known.acknowledged("a", &topic(), Position::new(era(6, 1), 1)), "that is another server's");
        assert_eq!(known.era("a").0, era(6, 1));
    }
}
