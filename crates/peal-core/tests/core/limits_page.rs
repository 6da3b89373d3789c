//! `docs/limits.md` is the table of limits and the plans that are built in. Generated here and compared, so that no limit is without its
//! sentence; `UPDATE_GOLDEN=1 cargo test -p peal-core limits_page` writes it.

use std::fmt::Write as _;

use peal_core::limit::{ADDRESS_LIMITS, BURST_S, LIMITS, LimitInfo, NETWORK_FACTOR, Unit};
use peal_core::quota::{GRACE_PERCENT, GRACE_S, NEAR_PERCENT, STOP_PERCENT, WhenUsedUp};
use peal_core::{ErrorCode, Plan, Plans};

use crate::golden;

const INTRODUCTION: &str = "# Limits

<!-- Generated from the table of limits in crates/peal-core; see tests/core/limits_page.rs there. -->

An organisation has a plan, and each of its apps has the plan's limits. An app may set lower ones for itself, and a rule lower ones
for its channels. A refusal names the limit: `limit` is what is allowed, `current` what the request would have made of it, and
`retry_after` says in milliseconds when trying again makes sense. What was refused is not counted.

The plans below are built in. An operator may replace them with a file of the same form, which is
`crates/peal-core/src/plan/plans.toml` in the source.
";

fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn cell(info: &LimitInfo, value: Option<u64>) -> String {
    match (value, info.unit) {
        (None, _) => "no limit".to_owned(),
        (Some(ms), Unit::Milliseconds) if ms % 3_600_000 == 0 => format!("{} h", ms / 3_600_000),
        (Some(value), _) => number(value),
    }
}

fn page() -> String {
    let plans = Plans::built_in();
    let mut page = INTRODUCTION.to_owned();
    let write = "writing to a string cannot fail";
    let titles: Vec<&str> = plans.iter().map(|plan| plan.title.as_str()).collect();
    writeln!(page, "\n| Limit | {} |\n|---|{}", titles.join(" | "), "---|".repeat(titles.len())).expect(write);
    let months: Vec<String> = plans.iter().map(|plan| plan.messages_per_month.map_or("no limit".to_owned(), number)).collect();
    writeln!(page, "| Messages a month in the price | {} |", months.join(" | ")).expect(write);
    let used_up = |plan: &Plan| match (plan.messages_per_month, plan.when_used_up) {
        (None, _) => "-",
        (Some(_), WhenUsedUp::Stop) => "publishing stops after a grace",
        (Some(_), WhenUsedUp::GoOn) => "goes on",
    };
    writeln!(page, "| When they are used up | {} |", plans.iter().map(used_up).collect::<Vec<_>>().join(" | ")).expect(write);
    for info in LIMITS {
        let cells: Vec<String> = plans.iter().map(|plan| cell(info, info.get(&plan.limits))).collect();
        writeln!(page, "| {} | {} |", info.title, cells.join(" | ")).expect(write);
    }
    writeln!(page, "\n## When a limit is reached").expect(write);
    for info in LIMITS {
        writeln!(page, "\n### {}\n\n{}. {}", info.name, info.title, info.when_reached).expect(write);
        if let Some(error) = info.error.map(|code| code.info()) {
            writeln!(page, "\nThe refusal is [`{0}`](errors.md#{0}), HTTP {1}.", error.name, error.http_status).expect(write);
        }
    }
    page + &quota() + &addresses()
}

fn quota() -> String {
    let hours = GRACE_S / 3_600;
    format!(
        "
## The month's quota

A plan includes so many messages a calendar month (UTC), for all apps of the organisation together: messages in, messages out, history reads and
delivered webhooks, as [What counts](counting.md) says. The dashboard warns from {NEAR_PERCENT} % on.

On a plan that stops, publishing goes on for a grace once everything is used: up to {GRACE_PERCENT} % in any case, and for {hours} hours up to
{STOP_PERCENT} %. Then publishes and client events are refused until the month is over or the plan is larger. Connections stay and are accepted,
subscriptions, presence and history work, and what was accepted before is delivered. The refusal is
[`quota_exceeded`](errors.md#quota_exceeded), HTTP {}, with `limit`, `current`, and `retry_after` for the time until the next month;
`rejected_quota` in the usage counts it. Nodes learn of it with the answer to their usage, so for up to 5 seconds a node may let through what it is sent.

On a plan that goes on nothing is refused; there are no bills and so no spend cap yet.
",
        ErrorCode::QuotaExceeded.info().http_status
    )
}

fn addresses() -> String {
    let mut page = format!(
        "\n## Before authentication

Nobody knows whose a connection is until it has authenticated, so until then the address it comes from is what has limits. Behind
proxies it is the address that they report, if `trusted_proxies` names them. Of IPv6 the /64 counts as one address; and a /48 may do
{NETWORK_FACTOR} times as much as one address. The refusal is [`address_limit`](errors.md#address_limit), HTTP 429, with `limit`, `current` and
`retry_after`; a WebSocket is told after its upgrade and closed with 4110, on the Pusher protocol with 4100.

These limits are settings of the node ([configuration](configuration.md)): 0 is no limit, `peal dev` has none, and they do not hold for
addresses in `address_exempt`.

| Limit | Setting | By default | At once |
|---|---|---|---|
"
    );
    let write = "writing to a string cannot fail";
    for info in ADDRESS_LIMITS {
        let value = info.value.map_or(0, u32::from);
        let at_once = if info.is_rate { value * BURST_S } else { value };
        writeln!(page, "| {} | `{}` | {} | {} |", info.title, info.setting, number(value.into()), number(at_once.into())).expect(write);
    }
    for info in ADDRESS_LIMITS {
        writeln!(page, "\n### {}\n\n{}. {}", info.setting, info.title, info.when_reached).expect(write);
    }
    page
}

#[test]
fn docs_limits_md_is_the_table_and_the_plans() {
    golden("docs/limits.md", &page(), "limits_page");
}

#[test]
fn every_limit_says_what_happens_when_it_is_reached() {
    for info in LIMITS {
        assert!(info.when_reached.ends_with('.') && !info.title.ends_with('.'), "{}", info.name);
    }
}
