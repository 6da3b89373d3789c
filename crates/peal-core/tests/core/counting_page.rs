//! `docs/counting.md` is the counting rule, generated from the table that the counters, the API and the dashboard share;
//! `UPDATE_GOLDEN=1 cargo test -p peal-core counting_page` writes it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use peal_core::usage::{Aggregate, Dimension, Metric, RULES};

const INTRODUCTION: &str = "# What counts

<!-- Generated from the counting rule in crates/peal-core/src/usage; see tests/core/counting_page.rs there. -->

Every number on the Usage page, in `GET /api/v1/apps/{app}/usage` and from `peal usage` is made by the rule on this page, and the page
is made from the code that counts.

## Event by event
";

const AFTER_RULES: &str = "
A *refusal* never counts as a message, whatever the reason. A *receiver* of presence changes is a connection, not a subscription: someone who
watches ten channels and is told of changes in all of them within a second received 1.

## The numbers
";

const CLOSING: &str = "
## From the connection to the page

1. Each core of a node adds to plain integers per app and minute, in the minute in which it happened.
2. Every 5 seconds the node collects them into a batch with the next sequence number, writes it to a spool file, waits until the disk has it, and
   sends it to Postgres.
3. One transaction checks the sequence number, adds the rows, and writes the batch's sums into a ledger. A batch that is sent twice is
   recognised and counts once; one that is missing is noticed.
4. Closed hours are summed from their minutes, days from hours, months from days, always anew and never by adding; hours that are still
   open are read from their minutes.

So messages show within 10 seconds and connections, which are sampled in slots of 10 seconds, within 20.

- **Never over-counted.** A batch is applied at most once, whatever is retried.
- **A node that is killed** loses at most the 5 seconds that were not yet on its disk. What was, is sent when it starts again.
- **A node that is cut off** keeps its batches and sends them later; they fill the minutes in which they happened. What is older than 8 days, or
  more than 2 minutes in the future, goes to a list of adjustments instead, where it can be seen.
- `complete_to` says up to which moment every known node has reported.

**The month's quota** is what a plan includes of all billable numbers together, over all apps of an organisation and a calendar month (UTC). Each
batch adds to it in the transaction that adds its minutes, so it is as exact as they are. The answer to a batch says where the organisation
stands, so a node knows within 5 seconds; no publish waits for that. [Limits](limits.md#the-months-quota) says what follows.

Minutes are kept for 8 days, hours for 13 months, days without limit. Breakdowns by namespace, key, transport and protocol are kept for 30
days, for each app, node and minute the 100 largest values and the rest together as `*`; they inform and are never billed.
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut line = |text: String| writeln!(page, "{text}").expect("writing to a string cannot fail");
    line("\n| Event | Counts as | Metrics | Counted by |\n|---|---|---|---|".to_owned());
    for rule in RULES {
        let metrics: Vec<String> = rule.metrics.iter().map(|metric| format!("`{}`", metric.name())).collect();
        let metrics = if metrics.is_empty() { "-".to_owned() } else { metrics.join(", ") };
        line(format!("| {} | {} | {metrics} | {} |", rule.event, rule.counts_as, rule.counted_by));
    }
    line(AFTER_RULES.to_owned());
    line("| Number | Metric | Unit | Billable | Rule |\n|---|---|---|---|---|".to_owned());
    for metric in Metric::ALL {
        let info = metric.info();
        let billable = if info.billable { "yes" } else { "no" };
        line(format!("| {} | `{}` | {} | {billable} | {} |", info.title, info.name, info.unit, info.rule));
    }
    let dimensions: Vec<&str> = Dimension::ALL.iter().map(|dimension| dimension.name()).collect();
    line(format!("\nMessages in, messages out and connections opened are also broken down by {}.", dimensions.join(", ")));
    page + CLOSING
}

#[test]
fn docs_counting_md_is_the_rule() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/counting.md");
    let expected = page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &expected).expect("the checkout is writable");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == expected, "{} is out of date: UPDATE_GOLDEN=1 cargo test -p peal-core counting_page", path.display());
}

/// Webhooks have a number of their own before the code that counts them.
const NOT_COUNTED_YET: [Metric; 1] = [Metric::WebhookDeliveries];

#[test]
fn every_metric_has_an_event_that_makes_it() {
    let made: BTreeSet<Metric> = RULES.iter().flat_map(|rule| rule.metrics).copied().collect();
    let expected: BTreeSet<Metric> = Metric::ALL.into_iter().filter(|metric| !NOT_COUNTED_YET.contains(metric)).collect();
    assert_eq!(made, expected);
}

#[test]
fn only_sums_are_billable() {
    for metric in Metric::ALL {
        assert!(!metric.info().billable || metric.info().aggregate == Aggregate::Sum, "{metric:?}");
    }
}
