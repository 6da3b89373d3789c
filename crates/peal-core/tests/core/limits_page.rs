//! `docs/limits.md` is the table of limits and the plans that are built in. Generated here and compared, so that no limit is without its
//! sentence; `UPDATE_GOLDEN=1 cargo test -p peal-core limits_page` writes it.

use std::fmt::Write as _;

use peal_core::Plans;
use peal_core::limit::{LIMITS, LimitInfo, Unit};

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
