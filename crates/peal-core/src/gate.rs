//! An app's limits that all cores of a node share: open connections, accepted messages per second, how far its fan-outs may be behind, and
//! whether the month's quota has stopped it. Plain atomics, no lock: the one place where cores touch the same memory on the way of a message.
//!
//! The limits are those of the whole fleet. What other nodes use of them is told here every two seconds ([`crate::share`]).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::error::{ErrorCode, Refusal};
pub use crate::fan_out::DELIVERY_COST;
use crate::fan_out::FanOutDebt;
use crate::now::Now;
use crate::quota::{Quota, Standing, WhenUsedUp};
use crate::share::{Demand, Elsewhere};

/// Counts for one app on one node. It outlives changes of the app's settings, so limits are arguments.
#[derive(Debug, Default)]
pub struct Gate {
    connections: AtomicU32,
    /// Mono microseconds at which the allowance of messages will be whole again (GCRA with a burst of one second's worth).
    whole_us: AtomicU64,
    /// Messages that somebody wanted to publish since this was asked last.
    asked: AtomicU32,
    /// What this node does not have of the rate, of [`WHOLE`].
    share_elsewhere: AtomicU32,
    connections_elsewhere: AtomicU32,
    fan_out: FanOutDebt,
    quota: QuotaGate,
}

/// Parts of a rate.
const WHOLE: u32 = 1 << 20;

/// What is known of the month's quota. The three are not read as one: a refusal may name the numbers of one report earlier.
#[derive(Debug, Default)]
struct QuotaGate {
    /// The Unix second until which publishes are refused; 0 is not at all.
    stopped_until_s: AtomicU64,
    included: AtomicU64,
    used: AtomicU64,
}

impl Gate {
    /// Counts a connection that opens; whoever gets `Ok` must call [`Self::close`] once.
    ///
    /// # Errors
    /// `connection_limit`.
    pub fn open(&self, limit: Option<u32>) -> Result<(), Refusal> {
        let limit = limit.unwrap_or(u32::MAX);
        let elsewhere = self.connections_elsewhere.load(Ordering::Relaxed);
        let may = |open: u32| open.saturating_add(elsewhere) < limit;
        let counted = self.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| may(open).then(|| open + 1));
        counted.map(drop).map_err(|open| {
            let open = open.saturating_add(elsewhere);
            Refusal::new(
                ErrorCode::ConnectionLimit,
                format!("The app has {open} open connections, and its limit is {limit}. Close some, or raise the limit."),
            )
            .with_limit(limit.into(), u64::from(open) + 1)
            .retry_after(CONNECTION_RETRY_MS)
        })
    }

    pub fn close(&self) {
        // Never below zero: a gate can be younger than a connection, if its app was removed and is back.
        let closed = self.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| open.checked_sub(1));
        debug_assert!(closed.is_ok(), "a connection closes that was never counted");
    }

    /// Open connections of the app on this node.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Takes `count` messages from the allowance, all or none. More than one second's worth at once is refused whatever was sent before.
    ///
    /// # Errors
    /// `rate_limited`, with the milliseconds until this many are allowed; `fan_out_behind`.
    pub fn admit(&self, now_ms: u64, per_second: Option<u32>, count: u32) -> Result<(), Refusal> {
        self.fan_out.admit()?;
        let Some(per_second) = per_second else { return Ok(()) };
        self.asked.fetch_add(count, Ordering::Relaxed);
        let (rate, now_us) = (self.rate(per_second), now_ms * 1_000);
        let cost_us = rate.cost_us(count);
        let taken = self.whole_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |whole_us| {
            let next_us = whole_us.max(now_us) + cost_us;
            (next_us <= now_us + rate.burst_us()).then_some(next_us)
        });
        taken.map(drop).map_err(|whole_us| rate.refusal(count, whole_us.max(now_us) - now_us))
    }

    /// As [`Self::admit`] of one message, without taking it: what need not be read of a request that will be refused anyway.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub fn peek(&self, now_ms: u64, per_second: Option<u32>) -> Result<(), Refusal> {
        self.fan_out.admit()?;
        let Some(per_second) = per_second else { return Ok(()) };
        let (rate, now_us) = (self.rate(per_second), now_ms * 1_000);
        let waiting_us = self.whole_us.load(Ordering::Relaxed).max(now_us) - now_us;
        if waiting_us + rate.cost_us(1) <= rate.burst_us() {
            return Ok(());
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        Err(rate.refusal(1, waiting_us))
    }

    fn rate(&self, per_second: u32) -> Rate {
        let share = WHOLE - self.share_elsewhere.load(Ordering::Relaxed);
        let here = u64::from(per_second.max(1)) * u64::from(share) / u64::from(WHOLE);
        Rate { per_second: u64::from(per_second.max(1)), here: here.max(1) }
    }

    /// What this node's clients have asked since this was called last, for the other nodes.
    pub fn take_demand(&self) -> Demand {
        Demand { asked: self.asked.swap(0, Ordering::Relaxed), open: self.connections(), debt: self.fan_out.refusing() }
    }

    /// What the other nodes use of the limits. `share` is this node's part of the rate; who waits for it waits longer or shorter from here on.
    pub fn set_elsewhere(&self, now_ms: u64, per_second: Option<u32>, elsewhere: &Elsewhere, share: f64) {
        let before = per_second.map(|per_second| self.rate(per_second));
        let own = (share.clamp(0.0, 1.0) * f64::from(WHOLE)) as u32;
        self.share_elsewhere.store(WHOLE - own, Ordering::Relaxed);
        if let (Some(before), Some(after)) = (before, per_second.map(|per_second| self.rate(per_second)))
            && before.here != after.here
        {
            let now_us = now_ms * 1_000;
            let scaled = |whole_us: u64| now_us + whole_us.saturating_sub(now_us) * before.here / after.here;
            // It has an answer to every value, so this does not fail.
            let _ = self.whole_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |whole_us| Some(scaled(whole_us)));
        }
        self.connections_elsewhere.store(elsewhere.open, Ordering::Relaxed);
        self.set_debt_elsewhere(elsewhere.debt);
    }

    /// Another node refuses the app's publishers, since it owes this much; 0 is no other.
    pub fn set_debt_elsewhere(&self, debt: u64) {
        self.fan_out.set_elsewhere(debt);
    }

    /// A core has one more fan-out to hand out to the app's subscribers: its cost in bytes of [`DELIVERY_COST`] and payload for each delivery.
    pub fn owe(&self, cost: u64) {
        self.fan_out.owe(cost);
    }

    /// Of what was owed, this much, so many fan-outs, has been handed out or is not wanted any more.
    pub fn pay(&self, cost: u64, fan_outs: u64) {
        self.fan_out.pay(cost, fan_outs);
    }

    /// Whether cores are so far behind that publishers are answered later.
    #[must_use]
    pub fn is_paced(&self) -> bool {
        self.fan_out.is_paced()
    }

    /// Resolves once cores have caught up. The caller bounds the wait.
    pub async fn caught_up(&self) {
        self.fan_out.low().await;
    }

    /// What a report says about the month's quota; `None` is no quota. Nothing reported is no reason to refuse.
    pub fn quota_report(&self, quota: Option<&Quota>, now: Now) {
        let stopped = quota.filter(|quota| quota.standing(now.wall_s()) == Standing::Stopped);
        if let Some(quota) = stopped {
            self.quota.included.store(quota.included, Ordering::Relaxed);
            self.quota.used.store(quota.used, Ordering::Relaxed);
        }
        self.quota.stopped_until_s.store(stopped.map_or(0, |quota| quota.resets_at_s), Ordering::Relaxed);
    }

    /// Whether the month's quota lets messages through.
    ///
    /// # Errors
    /// `quota_exceeded`, until the month is over or a report says otherwise.
    pub fn quota_admit(&self, now: Now) -> Result<(), Refusal> {
        let resets_at_s = self.quota.stopped_until_s.load(Ordering::Relaxed);
        if resets_at_s <= now.wall_s() {
            return Ok(());
        }
        let (included, used) = (self.quota.included.load(Ordering::Relaxed), self.quota.used.load(Ordering::Relaxed));
        let quota = Quota { included, used, when_used_up: WhenUsedUp::Stop, used_up_at_s: None, resets_at_s };
        Err(quota.refusal(now.wall_ms))
    }
}

/// Messages per second, of the app and of what this node may let through; both at least 1.
#[derive(Clone, Copy)]
struct Rate {
    per_second: u64,
    here: u64,
}

impl Rate {
    fn cost_us(self, count: u32) -> u64 {
        SECOND_US * u64::from(count) / self.here
    }

    /// A second's worth of the app's rate may come at once, however small this node's part is: batches have to pass.
    fn burst_us(self) -> u64 {
        SECOND_US * self.per_second / self.here
    }

    fn refusal(self, count: u32, waiting_us: u64) -> Refusal {
        let Self { per_second, here } = self;
        let used = waiting_us * here / SECOND_US;
        let part =
            if here < per_second { format!(", {here} of them on this node, by its part of what is asked for") } else { String::new() };
        Refusal::new(
            ErrorCode::RateLimited,
            format!("The app's limit is {per_second} messages per second{part}. Slow down, or raise the limit."),
        )
        .with_limit(per_second, used + u64::from(count))
        .retry_after((waiting_us + self.cost_us(count)).saturating_sub(self.burst_us()).div_ceil(1_000).max(1))
    }
}

const SECOND_US: u64 = 1_000_000;
/// When to try again to connect: nobody knows when one of the others leaves.
const CONNECTION_RETRY_MS: u64 = 5_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_and_the_one_too_many_is_told_the_limit() {
        let gate = Gate::default();
        assert!(gate.open(Some(2)).is_ok() && gate.open(Some(2)).is_ok());
        let refusal = gate.open(Some(2)).expect_err("full");
        assert_eq!(
            (refusal.code, refusal.limit.map(|reached| (reached.limit, reached.current))),
            (ErrorCode::ConnectionLimit, Some((2, 3)))
        );
        assert!(!refusal.to_string().contains("plan"), "the limit may be the owner's own: {refusal}");
        gate.close();
        assert!(gate.open(Some(2)).is_ok());
        assert!(gate.open(None).is_ok());
        assert_eq!(gate.connections(), 3);
    }

    #[test]
    fn a_second_worth_passes_at_once_and_then_the_rate_holds() {
        let gate = Gate::default();
        for _ in 0..10 {
            assert!(gate.admit(5_000, Some(10), 1).is_ok());
        }
        let refusal = gate.admit(5_000, Some(10), 1).expect_err("over the rate");
        assert_eq!((refusal.code, refusal.retry_after_ms), (ErrorCode::RateLimited, Some(100)));
        assert_eq!(refusal.limit.map(|reached| (reached.limit, reached.current)), Some((10, 11)));
        let peeked = gate.peek(5_000, Some(10)).expect_err("over the rate");
        assert_eq!((peeked.code, peeked.retry_after_ms, peeked.limit), (refusal.code, refusal.retry_after_ms, refusal.limit));
        assert!(gate.peek(5_100, Some(10)).is_ok() && gate.peek(5_000, None).is_ok());
        assert!(gate.admit(5_100, Some(10), 1).is_ok(), "looking takes nothing");
        assert!(gate.admit(5_100, None, 1_000).is_ok());
        assert!(gate.admit(60_000, Some(10), 11).is_err(), "more than a second's worth in one request");
        assert!(gate.admit(60_000, Some(10), 10).is_ok());
    }

    #[test]
    fn what_other_nodes_use_of_the_limits_is_missing_here() {
        let gate = Gate::default();
        let elsewhere = Elsewhere { nodes: 1, asked: 30, open: 2, debt: 0 };
        gate.set_elsewhere(5_000, Some(10), &elsewhere, 0.5);
        assert!(gate.open(Some(3)).is_ok());
        let refusal = gate.open(Some(3)).expect_err("two are elsewhere");
        assert_eq!(refusal.limit.map(|reached| (reached.limit, reached.current)), Some((3, 4)));
        assert!(gate.admit(5_000, Some(10), 10).is_ok(), "a batch of a second's worth passes");
        let refusal = gate.admit(5_000, Some(10), 1).expect_err("over the part");
        assert!(refusal.detail.contains("5 of them on this node"), "{refusal}");
        assert_eq!(refusal.retry_after_ms, Some(200), "half the rate");
        assert!(gate.admit(5_199, Some(10), 1).is_err() && gate.admit(5_200, Some(10), 1).is_ok());
        assert_eq!(gate.take_demand(), Demand { asked: 13, open: 1, debt: 0 });
        assert_eq!(gate.take_demand().asked, 0);
        gate.set_elsewhere(5_200, Some(10), &Elsewhere::default(), 1.0);
        assert!(gate.admit(5_200, Some(10), 1).is_err());
        assert!(gate.admit(5_300, Some(10), 1).is_ok(), "all of it again, and nothing to pay off");
        assert!(gate.open(Some(3)).is_ok());
    }

    #[test]
    fn the_smallest_part_of_the_smallest_rate_is_one_a_second() {
        let gate = Gate::default();
        gate.set_elsewhere(5_000, Some(1), &Elsewhere { nodes: 9, asked: 1, ..Elsewhere::default() }, 0.0);
        assert!(gate.admit(5_000, Some(1), 1).is_ok() && gate.admit(6_000, Some(0), 1).is_ok());
    }

    #[test]
    fn a_stop_holds_until_the_month_is_over_or_a_report_lifts_it() {
        let at = |wall_s: u64| Now { mono_ms: 0, wall_ms: wall_s * 1_000 };
        let quota = |used| Quota { included: 100, used, when_used_up: WhenUsedUp::Stop, used_up_at_s: Some(10), resets_at_s: 5_000 };
        let gate = Gate::default();
        assert!(gate.quota_admit(at(1_000)).is_ok(), "nothing is known");
        gate.quota_report(Some(&quota(149)), at(1_000));
        assert!(gate.quota_admit(at(1_000)).is_ok(), "the grace");
        gate.quota_report(Some(&quota(150)), at(1_000));
        let refusal = gate.quota_admit(at(1_000)).expect_err("stopped");
        assert_eq!((refusal.code, refusal.retry_after_ms), (ErrorCode::QuotaExceeded, Some(4_000_000)));
        assert_eq!(refusal.limit.map(|reached| (reached.limit, reached.current)), Some((100, 151)));
        assert!(gate.quota_admit(at(5_000)).is_ok(), "the next month");
        gate.quota_report(None, at(1_000));
        assert!(gate.quota_admit(at(1_000)).is_ok(), "a plan without a quota");
    }
}
