//! How far an app's fan-outs are behind on this node, and what its publishers are told: nothing while cores keep up; then an answer that comes
//! later, which holds back whoever publishes in a loop; then a refusal. Nobody else's subscribers wait for it.

use std::sync::atomic::{AtomicU64, Ordering};

use event_listener::Event;

use crate::error::{ErrorCode, Refusal};

/// What a delivery costs beside its bytes, in bytes: about what the kernel could copy in the time of one write.
pub const DELIVERY_COST: u64 = 4 * 1024;
/// About half a second of one core.
const DEBT_MAX: u64 = 256 * 1024 * DELIVERY_COST;
/// A few milliseconds of one core: enough that writes gather several frames.
const DEBT_PACED: u64 = 2 * 1024 * DELIVERY_COST;
/// What a core hands out in a millisecond.
const DEBT_PER_MS: u64 = 512 * DELIVERY_COST;
/// When to try again, at the earliest and at the latest.
const RETRY_MS: (u64, u64) = (100, 5_000);

/// What all cores of the node owe an app's subscribers, in bytes of [`DELIVERY_COST`] and payload for each delivery.
#[derive(Debug, Default)]
pub(crate) struct FanOutDebt {
    debt: AtomicU64,
    /// Told when the debt falls to [`DEBT_PACED`].
    low: Event,
}

impl FanOutDebt {
    pub(crate) fn owe(&self, cost: u64) {
        self.debt.fetch_add(cost, Ordering::Relaxed);
    }

    pub(crate) fn pay(&self, cost: u64) {
        let before = self.debt.fetch_sub(cost, Ordering::Relaxed);
        if before > DEBT_PACED && before - cost <= DEBT_PACED {
            self.low.notify(usize::MAX);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.debt.load(Ordering::Relaxed)
    }

    pub(crate) fn is_paced(&self) -> bool {
        self.get() > DEBT_PACED
    }

    /// Resolves when the debt is low, or has been since this was asked.
    pub(crate) async fn low(&self) {
        let low = self.low.listen();
        // Asked once more: it may have fallen before the listener was there.
        if self.is_paced() {
            low.await;
        }
    }

    /// # Errors
    /// `fan_out_behind`.
    pub(crate) fn admit(&self) -> Result<(), Refusal> {
        let debt = self.get();
        if debt < DEBT_MAX {
            return Ok(());
        }
        let (limit, waiting) = (DEBT_MAX / DELIVERY_COST, debt / DELIVERY_COST);
        let what =
            format!("About {waiting} deliveries of the app wait for their turn on this node, and {limit} may. Publish less at a time.");
        Err(Refusal::new(ErrorCode::FanOutBehind, what)
            .with_limit(limit, waiting)
            .retry_after((debt / DEBT_PER_MS).clamp(RETRY_MS.0, RETRY_MS.1)))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn who_is_behind_with_fan_outs_publishes_again_when_they_are_handed_out() {
        let debt = FanOutDebt::default();
        debt.owe(DEBT_MAX - 1);
        assert!(debt.admit().is_ok());
        debt.owe(1);
        let refusal = debt.admit().expect_err("behind");
        assert_eq!((refusal.code, refusal.retry_after_ms), (ErrorCode::FanOutBehind, Some(512)));
        assert_eq!(refusal.limit.map(|reached| (reached.limit, reached.current)), Some((262_144, 262_144)));
        debt.pay(1);
        assert!(debt.admit().is_ok());
    }

    #[test]
    fn all_who_are_held_back_go_on_once_the_debt_is_low() {
        let debt = FanOutDebt::default();
        assert!(!debt.is_paced());
        debt.owe(DEBT_PACED + 2);
        assert!(debt.is_paced());
        let (mut one, mut other) = (pin!(debt.low()), pin!(debt.low()));
        let mut nobody = Context::from_waker(Waker::noop());
        assert_eq!((one.as_mut().poll(&mut nobody), other.as_mut().poll(&mut nobody)), (Poll::Pending, Poll::Pending));
        debt.pay(1);
        assert!(one.as_mut().poll(&mut nobody).is_pending(), "not low yet");
        debt.pay(1);
        assert_eq!((one.poll(&mut nobody), other.poll(&mut nobody)), (Poll::Ready(()), Poll::Ready(())));
        assert_eq!(pin!(debt.low()).poll(&mut nobody), Poll::Ready(()), "who comes later does not wait");
    }
}
