//! The watch over logs itself. In a process of its own, because every other test of it would fail with what is logged here.

use peal_testkit::log_watch;
use serde_json::json;

#[test]
fn the_watch_notices_what_is_logged_before_and_after_it_is_marked() {
    std::mem::forget(log_watch::begin());
    tracing::trace!("the first-secret-text is logged before it is known");
    log_watch::mark_fields(&json!({ "key": [{ "secret": "first-secret-text" }], "token": "second-secret-text" }));
    log_watch::mark("second-secret-of-another");
    log_watch::mark("too short");
    tracing::trace!("the second-secret-text after that, and what is too short");
    tracing::trace!("second-secret-of-anybody is no secret");
    let leaks = log_watch::leaks();
    assert!(leaks.len() == 2 && leaks[0].contains("first-secret-text") && leaks[1].contains("second-secret-text"), "{leaks:?}");
    assert!(log_watch::holds("is no secret"));
}
