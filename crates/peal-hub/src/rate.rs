//! How often something may happen: so many per second, and at most one second's worth at once (GCRA). Eight bytes, no timer.

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rate {
    /// When the allowance will be whole again, in microseconds.
    whole_us: u64,
}

impl Rate {
    /// # Errors
    /// Milliseconds until the next one is allowed.
    pub(crate) fn take(&mut self, now_ms: u64, per_second: u32) -> Result<(), u64> {
        const SECOND_US: u64 = 1_000_000;
        let now_us = now_ms * 1_000;
        let cost_us = SECOND_US / u64::from(per_second.max(1));
        let whole_us = self.whole_us.max(now_us) + cost_us;
        // Integer division may leave the sum of a second's worth a little short.
        let over_us = whole_us.saturating_sub(now_us + SECOND_US);
        if over_us > 0 {
            return Err(over_us.div_ceil(1_000));
        }
        self.whole_us = whole_us;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_per_second_are_ten_at_once_and_then_one_each_tenth() {
        let mut rate = Rate::default();
        for _ in 0..10 {
            assert_eq!(rate.take(5_000, 10), Ok(()));
        }
        assert_eq!(rate.take(5_000, 10), Err(100));
        assert_eq!(rate.take(5_099, 10), Err(1));
        assert_eq!(rate.take(5_100, 10), Ok(()));
        assert_eq!(rate.take(5_100, 10), Err(100));
    }

    #[test]
    fn odd_rates_allow_a_whole_second_and_no_more() {
        for per_second in [1, 3, 7, 30, 999] {
            let mut rate = Rate::default();
            let allowed = (0..2 * per_second).filter(|_| rate.take(1_000, per_second).is_ok()).count();
            assert_eq!(allowed, per_second as usize);
        }
    }
}
