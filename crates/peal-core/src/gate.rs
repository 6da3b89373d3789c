//! An app's limits that all cores of a node share: open connections, accepted messages per second, how far its fan-outs may be behind, and
//! whether the month's quota has stopped it. Plain atomics, no lock: the one place where cores touch the same memory on the way of a message.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::error::{ErrorCode, Refusal};
pub use crate::fan_out::DELIVERY_COST;
use crate::fan_out::FanOutDebt;
use crate::now::Now;
use crate::quota::{Quota, Standing, WhenUsedUp};

/// Counts for one app on one node. It outlives changes of the app's settings, so limits are arguments.
#[derive(Debug, Default)]
pub struct Gate {
    connections: AtomicU32,
    /// Mono microseconds at which the allowance of messages will be whole again (GCRA with a burst of one second's worth).
    whole_us: AtomicU64,
    fan_out: FanOutDebt,
    quota: QuotaGate,
}

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
        let counted = self.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| (open < limit).then_some(open + 1));
        counted.map(drop).map_err(|open| {
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
        let now_us = now_ms * 1_000;
        let cost_us = SECOND_US * u64::from(count) / u64::from(per_second.max(1));
        let taken = self.whole_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |whole_us| {
            let next_us = whole_us.max(now_us) + cost_us;
            (next_us <= now_us + SECOND_US).then_some(next_us)
        });
        taken.map(drop).map_err(|whole_us| rate_limited(per_second, count, cost_us, whole_us.max(now_us) - now_us))
    }

    /// As [`Self::admit`] of one message, without taking it: what need not be read of a request that will be refused anyway.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub fn peek(&self, now_ms: u64, per_second: Option<u32>) -> Result<(), Refusal> {
        self.fan_out.admit()?;
        let Some(per_second) = per_second else { return Ok(()) };
        let (now_us, cost_us) = (now_ms * 1_000, SECOND_US / u64::from(per_second.max(1)));
        let waiting_us = self.whole_us.load(Ordering::Relaxed).saturating_sub(now_us);
        if waiting_us + cost_us <= SECOND_US { Ok(()) } else { Err(rate_limited(per_second, 1, cost_us, waiting_us)) }
    }

    /// A core has one more fan-out to hand out to the app's subscribers: its cost in bytes of [`DELIVERY_COST`] and payload for each delivery.
    pub fn owe(&self, cost: u64) {
        self.fan_out.owe(cost);
    }

    /// Of what was owed, this much, so many fan-outs, has been handed out or is not wanted any more.
    pub fn pay(&self, cost: u64, fan_outs: u64) {
        self.fan_out.pay(cost, fan_outs);
    }

    /// What all cores owe.
    #[must_use]
    pub fn fan_out_debt(&self) -> u64 {
        self.fan_out.get()
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

fn rate_limited(per_second: u32, count: u32, cost_us: u64, waiting_us: u64) -> Refusal {
    let used = waiting_us * u64::from(per_second) / SECOND_US;
    Refusal::new(ErrorCode::RateLimited, format!("The app's limit is {per_second} messages per second. Slow down, or raise the limit."))
        .with_limit(per_second.into(), used + u64::from(count))
        .retry_after((waiting_us + cost_us).saturating_sub(SECOND_US).div_ceil(1_000).max(1))
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
