//! What requests over HTTP use, besides what is published through the mux, counted by the core's thread that answers them and collected on it.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use peal_core::usage::{Collected, Counters, Metric};
use peal_core::{AppId, Now, Refusal};

use crate::rest::auth::{Caller, Grant};

thread_local! {
    static COUNTERS: RefCell<Counters> = RefCell::new(Counters::default());
}

/// Whose request it turned out to be, once it is authenticated. `None` inside is the dashboard's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requester(Arc<OnceLock<Option<AppId>>>);

impl Requester {
    pub(crate) fn is(&self, caller: &Caller) {
        self.0.set((!is_free(caller)).then_some(caller.app.id)).ok();
    }

    /// Somebody is authenticated.
    pub(crate) fn is_known(&self) -> bool {
        self.0.get().is_some()
    }

    /// The request was answered and not refused.
    pub(crate) fn count(&self, now: Now) {
        if let Some(Some(app)) = self.0.get() {
            COUNTERS.with_borrow_mut(|counters| counters.add_to(now, *app, Metric::ApiRequests, 1));
        }
    }
}

/// Messages of the history were returned.
pub(crate) fn count_history(now: Now, caller: &Caller, messages: usize) {
    if !is_free(caller) && messages > 0 {
        COUNTERS.with_borrow_mut(|counters| counters.add_to(now, caller.app.id, Metric::HistoryReads, messages as u64));
    }
}

/// A publish was refused by the app's rate or by the month's quota.
pub(crate) fn count_rejected(now: Now, caller: &Caller, refusal: &Refusal) {
    if let (Some(metric), false) = (Metric::of_refusal(refusal.code), is_free(caller)) {
        COUNTERS.with_borrow_mut(|counters| counters.add_to(now, caller.app.id, metric, 1));
    }
}

/// Counts something else on this thread's account.
pub(crate) fn with_counters(count: impl FnOnce(&mut Counters)) {
    COUNTERS.with_borrow_mut(count);
}

/// Takes what this thread has counted.
pub(crate) fn collect(now: Now) -> Collected {
    COUNTERS.with_borrow_mut(|counters| counters.collect(now))
}

fn is_free(caller: &Caller) -> bool {
    matches!(&caller.grant, Grant::Token(token) if token.console)
}
