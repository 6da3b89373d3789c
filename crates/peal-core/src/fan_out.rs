//! How far an app's fan-outs are behind on this node, and what its publishers are told: nothing while cores keep up; then an answer that comes
//! later, which holds back whoever publishes in a loop; then a refusal. Nobody else's subscribers wait for it.

use std::sync::atomic::{AtomicU64, Ordering};

use event_listener::Event;

use crate::error::{ErrorCode, Refusal};

/// What a delivery costs beside its bytes, in bytes: about what the kernel could copy in the time of one write.
pub const DELIVERY_COST: u64 = 4 * 1024;
/// From here on publishers are refused: about half a second of one core.
const DEBT_MAX: u64 = 256 * 1024 * DELIVERY_COST;
/// From here on they are answered later: a few milliseconds of one core.
const DEBT_PACED: u64 = 1024 * DELIVERY_COST;
/// Neither while fewer fan-outs than this wait: they may be large, but they are few, and so many to the same subscribers are written at once.
const FEW: u64 = 64;
/// What a core hands out in a millisecond.
const DEBT_PER_MS: u64 = 512 * DELIVERY_COST;
/// When to try again, at the earliest and at the latest.
const RETRY_MS: (u64, u64) = (100, 5_000);

/// What all cores of the node owe an app's subscribers.
#[derive(Debug, Default)]
pub(crate) struct FanOutDebt {
    /// In bytes of [`DELIVERY_COST`] and payload for each delivery.
    debt: AtomicU64,
    /// Publications that are not handed out, counted by each core.
    waiting: AtomicU64,
    /// What the worst of the other nodes owes, if it refuses publishers.
    elsewhere: AtomicU64,
    /// Told when publishers need not wait any more.
    low: Event,
}

impl FanOutDebt {
    pub(crate) fn owe(&self, cost: u64) {
        self.debt.fetch_add(cost, Ordering::Relaxed);
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn pay(&self, cost: u64, fan_outs: u64) {
        self.debt.fetch_sub(cost, Ordering::Relaxed);
        self.waiting.fetch_sub(fan_outs, Ordering::Relaxed);
        if !self.is_paced() {
            self.low.notify(usize::MAX);
        }
    }

    pub(crate) fn is_paced(&self) -> bool {
        self.is_behind(DEBT_PACED)
    }

    fn is_behind(&self, debt: u64) -> bool {
        self.debt.load(Ordering::Relaxed) >= debt && self.waiting.load(Ordering::Relaxed) >= FEW
    }

    /// Resolves when publishers need not wait, or did not have to since this was asked.
    pub(crate) async fn low(&self) {
        let low = self.low.listen();
        // Asked once more: it may have fallen before the listener was there.
        if self.is_paced() {
            low.await;
        }
    }

    /// What is owed, if it is so much that publishers are refused; else 0.
    pub(crate) fn refusing(&self) -> u64 {
        if self.is_behind(DEBT_MAX) { self.debt.load(Ordering::Relaxed) } else { 0 }
    }

    pub(crate) fn set_elsewhere(&self, debt: u64) {
        self.elsewhere.store(debt, Ordering::Relaxed);
    }

    /// # Errors
    /// `fan_out_behind`, by this node or another.
    pub(crate) fn admit(&self) -> Result<(), Refusal> {
        let debt = self.refusing().max(self.elsewhere.load(Ordering::Relaxed));
        if debt == 0 {
            return Ok(());
        }
        let (limit, waiting) = (DEBT_MAX / DELIVERY_COST, debt / DELIVERY_COST);
        let what =
            format!("About {waiting} deliveries of the app wait for their turn on one node, and {limit} may. Publish less at a time.");
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

    /// So many fan-outs that cost this much together.
    fn owing(cost: u64, fan_outs: u64) -> FanOutDebt {
        let debt = FanOutDebt::default();
        (1..fan_outs).for_each(|_| debt.owe(0));
        debt.owe(cost);
        debt
    }

    #[test]
    fn who_is_behind_with_fan_outs_publishes_again_when_they_are_handed_out() {
        let debt = owing(DEBT_MAX - 1, FEW);
        assert!(debt.admit().is_ok());
        debt.owe(1);
        let refusal = debt.admit().expect_err("behind");
        assert_eq!((refusal.code, refusal.retry_after_ms), (ErrorCode::FanOutBehind, Some(512)));
        assert_eq!(refusal.limit.map(|reached| (reached.limit, reached.current)), Some((262_144, 262_144)));
        debt.pay(1, 1);
        assert!(debt.admit().is_ok());
        debt.set_elsewhere(DEBT_MAX);
        assert_eq!(debt.admit().expect_err("another node is behind").code, ErrorCode::FanOutBehind);
        debt.set_elsewhere(0);
        assert!(debt.admit().is_ok());
    }

    #[test]
    fn a_few_fan_outs_hold_nobody_back_however_large_they_are() {
        let debt = owing(10 * DEBT_MAX, FEW - 1);
        assert!(debt.admit().is_ok() && !debt.is_paced());
        debt.owe(0);
        assert!(debt.admit().is_err() && debt.is_paced());
    }

    #[test]
    fn all_who_are_held_back_go_on_once_the_debt_is_low() {
        let debt = owing(DEBT_PACED + 1, FEW);
        let (mut one, mut other) = (pin!(debt.low()), pin!(debt.low()));
        let mut nobody = Context::from_waker(Waker::noop());
        assert_eq!((one.as_mut().poll(&mut nobody), other.as_mut().poll(&mut nobody)), (Poll::Pending, Poll::Pending));
        debt.pay(1, 0);
        assert!(one.as_mut().poll(&mut nobody).is_pending(), "not low yet");
        debt.pay(1, 0);
        assert_eq!((one.poll(&mut nobody), other.poll(&mut nobody)), (Poll::Ready(()), Poll::Ready(())));
        assert_eq!(pin!(debt.low()).poll(&mut nobody), Poll::Ready(()), "who comes later does not wait");
    }
}
