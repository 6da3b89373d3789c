//! The month's quota of an organisation: how many messages its plan includes, how many are used, and what follows from that.
//!
//! A month is a calendar month in UTC. What counts is every billable metric of all apps of the org ([`crate::usage::Metric`]). A plan that stops does so
//! softly: a spike must not take a customer down in the hour in which it happens, so there is a grace of a day and a tenth, and an end
//! to it. Only publishing stops. Connections, subscriptions and what was accepted before go on.
//!
//! The edges learn where an org stands with the answers to their usage, and never ask on the way of a message.

use crate::error::{ErrorCode, Refusal};

/// From here on people are warned.
pub const NEAR_PERCENT: u64 = 80;
/// Within the grace, this much is let through in any case …
pub const GRACE_PERCENT: u64 = 110;
/// … and never as much as this.
pub const STOP_PERCENT: u64 = 150;
/// From the moment at which everything was used.
pub const GRACE_S: u64 = 24 * 3_600;

/// What happens once everything that a plan includes is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUsedUp {
    /// Publishing stops after the grace.
    Stop,
    /// It goes on.
    #[default]
    GoOn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Within,
    /// [`NEAR_PERCENT`] are used.
    Near,
    /// Everything is used, and publishing will stop.
    Grace,
    /// Everything is used, and publishing goes on.
    Over,
    /// Publishes are refused until the month is over.
    Stopped,
}

/// Where an org stands at a moment. Times are Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub included: u64,
    pub used: u64,
    pub when_used_up: WhenUsedUp,
    /// When everything was used; `None` before.
    pub used_up_at_s: Option<u64>,
    pub resets_at_s: u64,
}

impl Quota {
    #[must_use]
    pub fn standing(&self, now_s: u64) -> Standing {
        let reached = |percent: u64| u128::from(self.used) * 100 >= u128::from(self.included) * u128::from(percent);
        match self.when_used_up {
            _ if now_s >= self.resets_at_s || !reached(NEAR_PERCENT) => Standing::Within,
            _ if !reached(100) => Standing::Near,
            WhenUsedUp::GoOn => Standing::Over,
            WhenUsedUp::Stop if reached(STOP_PERCENT) => Standing::Stopped,
            WhenUsedUp::Stop if reached(GRACE_PERCENT) && now_s >= self.grace_ends_s(now_s) => Standing::Stopped,
            WhenUsedUp::Stop => Standing::Grace,
        }
    }

    /// Until when more than [`GRACE_PERCENT`] are let through.
    #[must_use]
    pub fn grace_ends_s(&self, now_s: u64) -> u64 {
        self.used_up_at_s.unwrap_or(now_s) + GRACE_S
    }

    /// What a publish is told.
    #[must_use]
    pub fn refusal(&self, now_ms: u64) -> Refusal {
        let Self { included, used, .. } = self;
        let left_ms = (self.resets_at_s * 1_000).saturating_sub(now_ms).max(1);
        let left = match left_ms.div_ceil(3_600_000) {
            hours if hours > 48 => format!("{} days", left_ms.div_ceil(24 * 3_600_000)),
            1 => "1 hour".to_owned(),
            hours => format!("{hours} hours"),
        };
        Refusal::new(
            ErrorCode::QuotaExceeded,
            format!("The plan includes {included} messages a month and {used} are used. Take a larger plan, or wait for the next month in {left}."),
        )
        .with_limit(*included, used + 1)
        .retry_after(left_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESET: u64 = 31 * 24 * 3_600;

    fn quota(used: u64, when_used_up: WhenUsedUp) -> Quota {
        Quota { included: 1_000, used, when_used_up, used_up_at_s: (used >= 1_000).then_some(5_000), resets_at_s: RESET }
    }

    #[test]
    fn a_plan_stops_a_day_and_a_tenth_late_and_never_later_than_at_half_as_much_again() {
        let at = |used, now_s| quota(used, WhenUsedUp::Stop).standing(now_s);
        assert_eq!((at(799, 10), at(800, 10), at(999, 10)), (Standing::Within, Standing::Near, Standing::Near));
        assert_eq!((at(1_000, 5_000), at(1_099, 5_000 + GRACE_S)), (Standing::Grace, Standing::Grace), "a tenth, however late");
        assert_eq!((at(1_499, 5_000 + GRACE_S - 1), at(1_100, 5_000 + GRACE_S)), (Standing::Grace, Standing::Stopped), "a day");
        assert_eq!((at(1_500, 5_000), at(1_500, RESET)), (Standing::Stopped, Standing::Within), "until the month is over");
        assert_eq!(quota(9_000_000, WhenUsedUp::GoOn).standing(RESET - 1), Standing::Over);
        let largest = Quota { included: u64::MAX, used: u64::MAX, ..quota(0, WhenUsedUp::GoOn) };
        assert_eq!(largest.standing(1), Standing::Over);
    }

    #[test]
    fn the_refusal_names_limit_value_and_when_it_ends() {
        let refusal = quota(1_500, WhenUsedUp::Stop).refusal((RESET - 3 * 24 * 3_600) * 1_000);
        assert_eq!((refusal.code, refusal.retry_after_ms), (ErrorCode::QuotaExceeded, Some(3 * 24 * 3_600_000)));
        assert_eq!(refusal.limit.map(|reached| (reached.limit, reached.current)), Some((1_000, 1_501)));
        assert!(refusal.detail.contains("in 3 days"), "{}", refusal.detail);
        assert!(quota(1_500, WhenUsedUp::Stop).refusal(RESET * 1_000 - 1).detail.contains("in 1 hour."));
    }
}
