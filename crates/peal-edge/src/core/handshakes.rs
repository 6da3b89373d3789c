//! How many WebSockets a core upgrades in a second (DESIGN 9).
//!
//! When a node dies or a network comes back, everybody comes at once, and a core that takes them all would serve neither them nor those it
//! has. So upgrades are spaced: whoever comes too early waits for a turn of its own, and whoever would wait longer than [`WAIT_MAX`] is
//! upgraded at once and told to come back, because a browser cannot read the reason of an upgrade that was refused. Those who wait are thereby
//! bounded by the rate. Time is passed in; [`super::http`] does the waiting.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

/// Longer than that, clients begin to give up and to come again, which makes it worse.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Upgrades that may come together before the spacing begins, as time: a page that opens in several tabs is no storm.
const BURST: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Handshakes {
    /// Between two turns; zero is no limit.
    interval: Duration,
    /// When the next turn is, by the clock of the caller.
    next: Cell<Duration>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    In(Duration),
    /// More are waiting than a second has turns.
    TooLate,
}

impl Handshakes {
    pub(crate) fn new(per_second: Option<NonZeroU32>) -> Self {
        let interval = per_second.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.get());
        Self { interval, next: Cell::new(Duration::ZERO) }
    }

    /// Takes the next turn. `now` is since any fixed moment.
    pub(crate) fn take(&self, now: Duration) -> Turn {
        if self.interval.is_zero() {
            return Turn::Now;
        }
        // Turns that nobody took are lost, up to the burst.
        let turn = self.next.get().max(now.saturating_sub(BURST));
        let wait = turn.saturating_sub(now);
        if wait > WAIT_MAX {
            return Turn::TooLate;
        }
        self.next.set(turn + self.interval);
        if wait.is_zero() { Turn::Now } else { Turn::In(wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn without_a_limit_everybody_comes_in() {
        let handshakes = Handshakes::new(None);
        assert!((0..100_000).all(|_| handshakes.take(ms(5)) == Turn::Now));
    }

    #[test]
    fn a_burst_comes_in_then_turns_are_spaced_and_what_would_wait_too_long_is_sent_back() {
        let handshakes = Handshakes::new(NonZeroU32::new(100));
        let now = ms(10_000);
        let turns: Vec<Turn> = (0..200).map(|_| handshakes.take(now)).collect();
        // A turn each 10 ms: those of the last 100 ms and the present one, then those of the coming second.
        assert!(turns[..11].iter().all(|turn| *turn == Turn::Now), "{turns:?}");
        assert_eq!((&turns[11], &turns[12]), (&Turn::In(ms(10)), &Turn::In(ms(20))));
        assert_eq!(turns[110], Turn::In(ms(1_000)));
        assert!(turns[111..].iter().all(|turn| *turn == Turn::TooLate), "{turns:?}");

        assert_eq!(handshakes.take(now + ms(500)), Turn::In(ms(510)), "whoever was sent back has taken no turn");
        assert_eq!(handshakes.take(now + ms(60_000)), Turn::Now);
    }
}
