//! The topics that this node listens to, and how far it has heard each.
//!
//! Invariant: `last` never goes back. What is published in an era that is over already (by a server that does not know that it was
//! replaced) is kept from the receivers and remembered as evidence of a loss.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use peal_core::{Position, Publication, Topic};

use super::era::{generation_of, note_end};

#[derive(Debug)]
pub(super) struct Attached {
    pub(super) topic: Topic,
    /// The highest position heard of, by delivery or as a head.
    last: Option<Position>,
    /// Where the eras before `last` ended for this node, oldest first.
    ended: Vec<Position>,
    /// The connection on which it is subscribed.
    subscribed: u64,
    /// When something was heard last, and how much in all.
    heard_at: Instant,
    heard: u64,
}

/// What to do with a publication.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Deliver it. `generation` is set if it is of a later generation than what came before.
    Deliver { topic: Topic, publication: Publication, generation: Option<u64> },
    /// It is of an era that is over: write it down as seen.
    Late(Topic),
    /// Nobody here listens.
    Nobody,
}

/// By the name of the stream. Names come from clients, so the map keeps std's keyed hasher. The lock is never held across an await.
#[derive(Debug, Default)]
pub(super) struct Attachments(Mutex<HashMap<Arc<str>, Attached>>);

impl Attachments {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Attached>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, stream: &str, topic: &Topic) {
        let mut attached = self.lock();
        if !attached.contains_key(stream) {
            let heard_at = Instant::now();
            attached
                .insert(stream.into(), Attached { topic: topic.clone(), last: None, ended: Vec::new(), subscribed: 0, heard_at, heard: 0 });
        }
    }

    pub(super) fn remove(&self, stream: &str) {
        self.lock().remove(stream);
    }

    pub(super) fn contains(&self, stream: &str) -> bool {
        self.lock().contains_key(stream)
    }

    /// With what `place` says of their topics, the busiest first.
    pub(super) fn names(&self, place: impl Fn(&Topic) -> u16) -> Vec<(u16, Arc<str>)> {
        let mut names: Vec<_> =
            self.lock().iter().map(|(stream, attached)| (Reverse(attached.heard), place(&attached.topic), Arc::clone(stream))).collect();
        names.sort_unstable_by_key(|(heard, ..)| *heard);
        names.into_iter().map(|(_, place, stream)| (place, stream)).collect()
    }

    /// The topic, if less of it was heard than up to here.
    pub(super) fn behind(&self, stream: &str, position: Position) -> Option<Topic> {
        let attached = self.lock();
        attached.get(stream).filter(|topic| topic.last.is_some_and(|last| last < position)).map(|attached| attached.topic.clone())
    }

    /// Topics of which something was heard within this time, or to which somebody attached; the latest first.
    pub(super) fn hot(&self, within: Duration, most: usize) -> Vec<(Arc<str>, Topic)> {
        let attached = self.lock();
        let hot = attached.iter().filter(|(_, topic)| topic.heard_at.elapsed() < within);
        let mut hot: Vec<_> = hot.map(|(stream, topic)| (Reverse(topic.heard_at), Arc::clone(stream), topic.topic.clone())).collect();
        drop(attached);
        if hot.len() > most {
            hot.select_nth_unstable_by_key(most, |(heard_at, ..)| *heard_at);
            hot.truncate(most);
        }
        hot.into_iter().map(|(_, stream, topic)| (stream, topic)).collect()
    }

    /// Those of these that are attached and not yet subscribed on the connection.
    pub(super) fn to_subscribe(&self, streams: Vec<Arc<str>>, serial: u64) -> Vec<Arc<str>> {
        let attached = self.lock();
        streams.into_iter().filter(|stream| attached.get(stream).is_some_and(|topic| topic.subscribed != serial)).collect()
    }

    pub(super) fn subscribed(&self, streams: &[Arc<str>], serial: u64) {
        let mut attached = self.lock();
        for stream in streams {
            if let Some(topic) = attached.get_mut(stream) {
                topic.subscribed = serial;
            }
        }
    }

    pub(super) fn topic(&self, stream: &str) -> Option<Topic> {
        self.lock().get(stream).map(|attached| attached.topic.clone())
    }

    /// How far a topic has been heard.
    pub(super) fn last(&self, stream: &str) -> Option<Position> {
        self.lock().get(stream)?.last
    }

    /// Where eras ended for this node.
    pub(super) fn ended(&self, stream: &str) -> Vec<Position> {
        self.lock().get(stream).map_or_else(Vec::new, |attached| attached.ended.clone())
    }

    /// The topic's head was read.
    pub(super) fn head(&self, stream: &str, head: Position) {
        if let Some(attached) = self.lock().get_mut(stream) {
            attached.move_to(head);
        }
    }

    pub(super) fn hear(&self, stream: &str, mut publication: Publication) -> Heard {
        let mut topics = self.lock();
        let Some(attached) = topics.get_mut(stream) else { return Heard::Nobody };
        let topic = attached.topic.clone();
        attached.heard += 1;
        attached.heard_at = Instant::now();
        let (Some(position), Some(last)) = (publication.position, attached.last) else {
            if let Some(position) = publication.position {
                attached.move_to(position);
            }
            return Heard::Deliver { topic, publication, generation: None };
        };
        if position.era < last.era {
            note_end(&mut attached.ended, position);
            return Heard::Late(topic);
        }
        attached.move_to(position);
        let generation = Some(generation_of(position)).filter(|generation| *generation > generation_of(last));
        if generation.is_some() {
            // What survived before it is no proof that nothing was lost: the receiver must read, and the reading asks the ledger.
            publication.era_start = None;
        }
        Heard::Deliver { topic, publication, generation }
    }

    /// What this node has heard of eras of earlier generations, as far as `mine` picks the streams.
    pub(super) fn heard_before(&self, generation: u64, mine: impl Fn(&Topic) -> bool) -> Vec<(Topic, Position)> {
        let attached = self.lock();
        let heard = attached.values().filter(|attached| mine(&attached.topic)).flat_map(|attached| {
            let ends = attached.ended.iter().chain(&attached.last).filter(|end| end.seq > 0 && generation_of(**end) < generation);
            ends.map(|end| (attached.topic.clone(), *end))
        });
        heard.collect()
    }
}

impl Attached {
    fn move_to(&mut self, position: Position) {
        match self.last {
            Some(last) if position <= last => return,
            Some(last) if position.era > last.era => note_end(&mut self.ended, last),
            _ => {}
        }
        self.last = Some(position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peal_core::publication::EraStart;
    use peal_core::{AppId, PublicationKind};

    fn publication(era: u64, seq: u64) -> Publication {
        Publication {
            position: Some(Position::new(era, seq)),
            era_start: (seq == 1).then_some(EraStart { tail: None }),
            id: "x".parse().unwrap(),
            ts: 1,
            origin: None,
            client_id: None,
            client_event: false,
            kind: PublicationKind::Control(bytes::Bytes::new()),
        }
    }

    #[test]
    fn eras_that_are_over_are_not_delivered_but_remembered() {
        let attachments = Attachments::default();
        let topic = Topic::control(AppId::new(1).unwrap());
        assert_eq!(attachments.hear("s", publication(7, 1)), Heard::Nobody);
        attachments.add("s", &topic);
        attachments.head("s", Position::new(7, 3));
        assert!(matches!(attachments.hear("s", publication(7, 4)), Heard::Deliver { generation: None, .. }));
        assert!(matches!(attachments.hear("s", publication(8, 1)), Heard::Deliver { .. }));
        assert_eq!(attachments.ended("s"), [Position::new(7, 4)]);
        assert_eq!(attachments.hear("s", publication(7, 6)), Heard::Late(topic));
        assert_eq!(attachments.ended("s"), [Position::new(7, 6)]);
        assert_eq!(attachments.last("s"), Some(Position::new(8, 1)));
    }

    #[test]
    fn the_busiest_come_first_and_quiet_ones_are_not_hot() {
        let attachments = Attachments::default();
        for stream in ["a", "b", "c"] {
            attachments.add(stream, &Topic::control(AppId::new(1).unwrap()));
            attachments.head(stream, Position::new(7, 0));
        }
        for (stream, seq) in [("c", 1), ("b", 1), ("c", 2)] {
            attachments.hear(stream, publication(7, seq));
        }
        assert_eq!(attachments.names(|_| 0).iter().map(|(_, name)| &**name).collect::<Vec<_>>(), ["c", "b", "a"]);
        let hot = |within, most| attachments.hot(within, most).into_iter().map(|(stream, _)| stream.to_string()).collect::<Vec<_>>();
        assert_eq!(hot(Duration::from_secs(60), 1), ["c"]);
        assert_eq!(hot(Duration::from_secs(60), 9).len(), 3);
        assert!(hot(Duration::ZERO, 9).is_empty());
        assert!(attachments.behind("b", Position::new(7, 2)).is_some() && attachments.behind("b", Position::new(7, 1)).is_none());
    }

    #[test]
    fn the_first_of_a_later_generation_does_not_vouch_for_what_came_before() {
        let attachments = Attachments::default();
        attachments.add("s", &Topic::control(AppId::new(1).unwrap()));
        attachments.head("s", Position::new(5 << 21, 3));
        let Heard::Deliver { publication, generation, .. } = attachments.hear("s", publication((6 << 21) + 4, 1)) else {
            panic!("it is delivered")
        };
        assert_eq!((publication.era_start, generation), (None, Some(6)));
        let before = attachments.heard_before(6, |_| true);
        assert_eq!(before.iter().map(|(_, end)| *end).collect::<Vec<_>>(), [Position::new(5 << 21, 3)]);
    }
}
