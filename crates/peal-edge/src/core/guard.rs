//! A panic is our bug and must cost one step, never the core: the tasks that every connection depends on run their steps in here.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs one step; `None` if it panicked, which is logged by the panic hook and named here.
pub(crate) fn step<R>(task: &'static str, run: impl FnOnce() -> R) -> Option<R> {
    // The hub may be left between two states. It checks handles and indexes rather than trusting them, so the worst is a connection
    // that is closed later than it should be; stopping the core would close them all.
    catch_unwind(AssertUnwindSafe(run)).inspect_err(|_| tracing::error!(task, "a step panicked; the core goes on")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_the_step_and_nothing_else() {
        assert_eq!(step("test", || 7), Some(7));
        assert_eq!(step::<()>("test", || panic!("on purpose")), None);
    }
}
