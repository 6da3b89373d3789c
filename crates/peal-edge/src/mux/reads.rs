//! Reads under way, and who waits for each: a question that is on its way is not asked again.
//!
//! Invariant: whoever asks sees everything that it could know of when it asked. So a read is shared only until something happens to
//! its topic: a delivery, or the answer to a publish.

use peal_core::Topic;
use peal_core::exchange::{BrokerError, HistoryPage, HistoryQuery, PresenceMembers};
use peal_hub::{BrokerEvent, RequestId};
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    History(HistoryQuery),
    Members(Topic),
}

impl Read {
    fn topic(&self) -> &Topic {
        match self {
            Self::History(query) => &query.topic,
            Self::Members(topic) => topic,
        }
    }
}

pub(super) enum Answer {
    History(Result<HistoryPage, BrokerError>),
    Members(Result<PresenceMembers, BrokerError>),
}

pub(super) enum Waiter {
    Hub { core: usize, request: RequestId },
    RestHistory(oneshot::Sender<Result<HistoryPage, BrokerError>>),
    RestMembers(oneshot::Sender<Result<PresenceMembers, BrokerError>>),
}

#[derive(Default)]
pub(super) struct Reads {
    waiting: FxHashMap<u64, Vec<Waiter>>,
    /// Those that may still be shared, by topic.
    shared: FxHashMap<Topic, Vec<(u64, Read)>>,
    count: u64,
}

impl Reads {
    /// The question, if it must be asked, and its number.
    pub(super) fn ask(&mut self, read: Read, waiter: Waiter) -> Option<(u64, Read)> {
        let shared = self.shared.entry(read.topic().clone()).or_default();
        if let Some((number, _)) = shared.iter().find(|(_, asked)| *asked == read) {
            self.waiting.entry(*number).or_default().push(waiter);
            return None;
        }
        self.count += 1;
        shared.push((self.count, read.clone()));
        self.waiting.insert(self.count, vec![waiter]);
        Some((self.count, read))
    }

    /// Something happened to this topic: what is under way may not know of it.
    pub(super) fn changed(&mut self, topic: &Topic) {
        if !self.shared.is_empty() {
            self.shared.remove(topic);
        }
    }

    pub(super) fn answer(&mut self, number: u64, answer: Answer, mut tell: impl FnMut(usize, BrokerEvent)) {
        self.shared.retain(|_, reads| {
            reads.retain(|(asked, _)| *asked != number);
            !reads.is_empty()
        });
        for waiter in self.waiting.remove(&number).unwrap_or_default() {
            // Request handlers may have gone.
            match (waiter, &answer) {
                (Waiter::Hub { core, request }, Answer::History(page)) => {
                    tell(core, BrokerEvent::History { request, result: page.clone() })
                }
                (Waiter::Hub { core, request }, Answer::Members(members)) => {
                    tell(core, BrokerEvent::PresenceMembers { request, result: members.clone() });
                }
                (Waiter::RestHistory(sender), Answer::History(page)) => drop(sender.send(page.clone())),
                (Waiter::RestMembers(sender), Answer::Members(members)) => drop(sender.send(members.clone())),
                (Waiter::RestHistory(_), Answer::Members(_)) | (Waiter::RestMembers(_), Answer::History(_)) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peal_core::{AppId, Position};

    fn members(topic: &Topic) -> Read {
        Read::Members(topic.clone())
    }

    fn hub(request: u64) -> Waiter {
        Waiter::Hub { core: 0, request: RequestId(request) }
    }

    #[test]
    fn the_same_question_is_asked_once_until_something_happens() {
        let topic = Topic::control(AppId::new(1).unwrap());
        let mut reads = Reads::default();
        let (first, _) = reads.ask(members(&topic), hub(1)).expect("asked");
        assert!(reads.ask(members(&topic), hub(2)).is_none());
        reads.changed(&topic);
        let (second, _) = reads.ask(members(&topic), hub(3)).expect("asked once more");
        let answer = || Answer::Members(Ok(PresenceMembers { head: Position::new(1, 1), members: Vec::new() }));
        let mut told = Vec::new();
        for number in [first, second] {
            reads.answer(number, answer(), |_, event| match event {
                BrokerEvent::PresenceMembers { request, .. } => told.push(request.0),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(told, [1, 2, 3]);
        assert!(reads.ask(members(&topic), hub(4)).is_some(), "an answered question is asked anew");
    }
}
