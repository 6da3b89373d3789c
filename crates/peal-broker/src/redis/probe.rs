//! Whether a partition delivers: a probe goes the whole way of a publish, through the queue, the script and the subscriber connection, and
//! must come back.
//!
//! "Health is green and nothing is delivered" is the worst that can happen, so a partition counts as delivering only while its probes
//! return. A connection is new: nothing is known of it until the first one has. Pure: `now` is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Probes that may be missing before the connections count as dead.
const MISSED_MAX: usize = 2;

#[derive(Debug, Default)]
pub(super) struct Probe {
    /// The number of the last one that was sent. Numbers go on over connections.
    sent: u64,
    /// Those that have not come back, oldest first; at most [`MISSED_MAX`] and one.
    under_way: VecDeque<(u64, Instant)>,
    /// The last one that came back.
    returned: u64,
    /// One has come back over the present connections.
    proven: bool,
    /// The last one that was accepted or refused.
    answered: u64,
    /// Why that one was not accepted.
    refused: Option<String>,
}

impl Probe {
    /// The connections are new.
    pub(super) fn begin(&mut self) {
        self.under_way.clear();
        self.proven = false;
        // What the connections before had to say is of no interest any more.
        self.answered = self.sent;
        self.refused = None;
    }

    /// Takes the number of the next one.
    pub(super) fn send(&mut self, now: Instant) -> u64 {
        self.sent += 1;
        self.under_way.push_back((self.sent, now));
        if self.under_way.len() > MISSED_MAX + 1 {
            self.under_way.pop_front();
        }
        self.sent
    }

    /// Redis accepted one, or said why not.
    pub(super) fn answered(&mut self, number: u64, refused: Option<String>) {
        if number > self.answered {
            self.answered = number;
            self.refused = refused;
        }
    }

    /// One came back; after how long, if it is one of these connections.
    pub(super) fn returned(&mut self, number: u64, now: Instant) -> Option<Duration> {
        let at = self.under_way.iter().position(|(sent, _)| *sent == number)?;
        let (_, sent_at) = self.under_way.drain(..=at).next_back()?;
        self.returned = number;
        self.proven = true;
        Some(now - sent_at)
    }

    /// So many that Redis accepted are missing, when the next one is due, that the connections must be dead.
    pub(super) fn is_lost(&self) -> bool {
        self.refused.is_none() && self.under_way.len() >= MISSED_MAX
    }

    /// Why the partition does not deliver, as far as is known.
    pub(super) fn unready(&self) -> Option<String> {
        match &self.refused {
            Some(why) => Some(why.clone()),
            None if !self.proven => Some("no probe has come back yet".into()),
            None => None,
        }
    }

    pub(super) fn last_sent(&self) -> u64 {
        self.sent
    }

    /// Whether everything that was published before this number was sent has arrived, if it ever will.
    pub(super) fn has_returned_after(&self, number: u64) -> bool {
        self.returned > number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_ready_while_its_probes_return() {
        let (mut probe, now) = (Probe::default(), Instant::now());
        assert!(probe.unready().expect("nothing is known").contains("no probe"));
        let first = probe.send(now);
        assert_eq!(probe.returned(first, now + Duration::from_millis(3)), Some(Duration::from_millis(3)));
        assert_eq!(probe.unready(), None);
        probe.send(now);
        assert!(!probe.is_lost(), "one may be late");
        let third = probe.send(now);
        assert!(probe.is_lost());
        assert!(probe.returned(third, now).is_some());
        assert!(!probe.is_lost() && probe.unready().is_none(), "a later one vouches for those before it");
        assert!(probe.has_returned_after(first) && !probe.has_returned_after(third));
    }

    #[test]
    fn a_refusal_is_the_reason_and_no_sign_of_a_dead_connection() {
        let (mut probe, now) = (Probe::default(), Instant::now());
        let first = probe.send(now);
        probe.returned(first, now);
        for _ in 0..5 {
            let number = probe.send(now);
            probe.answered(number, Some("OOM".into()));
        }
        assert_eq!(probe.unready().as_deref(), Some("OOM"));
        assert!(!probe.is_lost());
        let last = probe.send(now);
        probe.answered(last, None);
        probe.answered(first, Some("told late".into()));
        probe.returned(last, now);
        assert_eq!(probe.unready(), None);
    }

    #[test]
    fn new_connections_are_proven_by_their_own_probes() {
        let (mut probe, now) = (Probe::default(), Instant::now());
        let old = probe.send(now);
        probe.begin();
        assert_eq!(probe.returned(old, now), None);
        probe.answered(old, Some("the connection is gone".into()));
        assert!(probe.unready().expect("nothing is known").contains("no probe"));
        let new = probe.send(now);
        probe.returned(new, now);
        assert_eq!(probe.unready(), None);
    }
}
