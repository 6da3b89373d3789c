//! Against guessing passwords and mass sign-ups.
//!
//! Two independent limits on a sign-in. Per network (an IPv4 /24 or IPv6 /48): a token bucket. Per account: after five
//! failures each further one doubles a delay from 1 s to 15 min. The account's limit counts names, not rows, so that it tells nobody
//! whether an account exists; and it is a delay, never a lock. Kept in memory: with several API nodes an attacker gets as many
//! buckets, which stays far below what guessing needs.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use peal_core::{ErrorCode, Refusal};

const FREE_FAILURES: u32 = 5;
const DELAY_MAX: Duration = Duration::from_secs(15 * 60);
/// Failures are forgotten after this long without another.
const MEMORY: Duration = Duration::from_secs(60 * 60);
/// Names and networks held before the stale ones are swept out.
const SWEEP_AT: usize = 10_000;
/// Names remembered at most; a flood of others is left to the networks' limit.
const ACCOUNTS_MAX: usize = 200_000;

/// Rounded to whom an attacker must rent: nobody owns a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Network(IpAddr);

impl Network {
    fn of(ip: IpAddr) -> Self {
        Network(match ip.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & !0xff).into()),
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !(u128::MAX >> 48)).into()),
        })
    }
}

pub(crate) struct Limits {
    sign_ins: DefaultKeyedRateLimiter<Network>,
    sign_ups: DefaultKeyedRateLimiter<Network>,
    accounts: AccountDelays,
}

impl Limits {
    /// A development server is tried by its owner and by test suites, all from one address.
    pub(crate) fn new(dev: bool) -> Self {
        let (sign_ins, sign_ups) = if dev {
            (Quota::per_second(at_least_one(100)), Quota::per_second(at_least_one(100)))
        } else {
            (Quota::per_minute(at_least_one(20)), Quota::per_hour(at_least_one(5)))
        };
        Limits { sign_ins: RateLimiter::keyed(sign_ins), sign_ups: RateLimiter::keyed(sign_ups), accounts: AccountDelays::default() }
    }

    /// # Errors
    /// `rate_limited`, with when to come back.
    pub(crate) fn sign_up(&self, ip: IpAddr) -> Result<(), Refusal> {
        network_check(&self.sign_ups, ip, "Too many accounts were made from this network.")
    }

    /// Before the password is looked at.
    ///
    /// # Errors
    /// `rate_limited`, with when to come back.
    pub(crate) fn password_attempt(&self, ip: IpAddr, account: &str) -> Result<(), Refusal> {
        network_check(&self.sign_ins, ip, "Too many sign-in attempts from this network.")?;
        self.accounts.check(account, Instant::now())
    }

    pub(crate) fn password_wrong(&self, account: &str) {
        self.accounts.failed(account, Instant::now());
    }

    pub(crate) fn password_right(&self, account: &str) {
        self.accounts.succeeded(account);
    }
}

fn at_least_one(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

fn network_check(limiter: &DefaultKeyedRateLimiter<Network>, ip: IpAddr, sentence: &str) -> Result<(), Refusal> {
    if limiter.len() > SWEEP_AT {
        limiter.retain_recent();
        limiter.shrink_to_fit();
    }
    limiter.check_key(&Network::of(ip)).map_err(|not_until| limited(sentence, not_until.wait_time_from(DefaultClock::default().now())))
}

fn limited(sentence: &str, wait: Duration) -> Refusal {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    Refusal::new(ErrorCode::RateLimited, sentence).retry_after(wait_ms)
}

struct Failures {
    count: u32,
    last: Instant,
    /// No attempt before this.
    until: Instant,
}

/// The lock is held for a look-up or an insert, never across an await.
#[derive(Default)]
struct AccountDelays(Mutex<HashMap<String, Failures>>);

impl AccountDelays {
    fn check(&self, account: &str, now: Instant) -> Result<(), Refusal> {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match accounts.get(&account.to_lowercase()) {
            Some(failures) if now < failures.until => {
                Err(limited("Too many wrong passwords for this account; wait before the next attempt.", failures.until - now))
            }
            _ => Ok(()),
        }
    }

    fn failed(&self, account: &str, now: Instant) {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= SWEEP_AT {
            accounts.retain(|_, failures| now < failures.last + MEMORY);
            if accounts.len() >= ACCOUNTS_MAX {
                return;
            }
        }
        let failures = accounts.entry(account.to_lowercase()).or_insert(Failures { count: 0, last: now, until: now });
        if now >= failures.last + MEMORY {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        failures.until = now + delay_after(failures.count);
    }

    fn succeeded(&self, account: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&account.to_lowercase());
    }
}

/// Nothing for the first four failures, 1 s after the fifth, then doubling.
fn delay_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES) {
        None => Duration::ZERO,
        Some(extra) => Duration::from_secs(1u64 << extra.min(20)).min(DELAY_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_from_a_second_to_a_quarter_of_an_hour_and_stays() {
        let seconds: Vec<u64> = [0, 1, 4, 5, 6, 7, 14, 15, 16, 1_000_000].map(|n| delay_after(n).as_secs()).to_vec();
        assert_eq!(seconds, [0, 0, 0, 1, 2, 4, 512, 900, 900, 900]);
    }

    #[test]
    fn an_account_waits_after_five_failures_whatever_its_case_and_others_do_not() {
        let (delays, start) = (AccountDelays::default(), Instant::now());
        for _ in 0..5 {
            assert!(delays.check("ada@example.com", start).is_ok());
            delays.failed("Ada@example.com", start);
        }
        let refused = delays.check("ADA@example.com", start).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_ms), (ErrorCode::RateLimited, Some(1_000)));
        assert!(delays.check("bob@example.com", start).is_ok());
        assert!(delays.check("ada@example.com", start + Duration::from_secs(1)).is_ok());
        delays.succeeded("ada@EXAMPLE.com");
        assert!(delays.check("ada@example.com", start).is_ok());
    }

    #[test]
    fn failures_are_forgotten_after_an_hour() {
        let (delays, start) = (AccountDelays::default(), Instant::now());
        for _ in 0..20 {
            delays.failed("ada@example.com", start);
        }
        delays.failed("ada@example.com", start + MEMORY);
        assert!(delays.check("ada@example.com", start + MEMORY).is_ok());
    }

    #[test]
    fn neighbours_share_a_network_and_strangers_do_not() {
        let network = |ip: &str| Network::of(ip.parse().unwrap());
        assert_eq!(network("192.0.2.1"), network("192.0.2.254"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.9"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:ffff::9"));
        assert_ne!(network("2001:db8:1::1"), network("2001:db8:2::1"));
    }

    #[test]
    fn a_network_gets_twenty_attempts_a_minute_in_production() {
        let limits = Limits::new(false);
        let ip: IpAddr = "192.0.2.1".parse().unwrap();
        let allowed = (0..30).filter(|n| limits.password_attempt(ip, &format!("user{n}@example.com")).is_ok()).count();
        assert_eq!(allowed, 20);
        assert!(limits.password_attempt("198.51.100.1".parse().unwrap(), "x@example.com").is_ok());
        assert_eq!((0..10).filter(|_| limits.sign_up(ip).is_ok()).count(), 5);
    }
}
