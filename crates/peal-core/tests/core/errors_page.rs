//! `docs/errors.md` is the error table, written for whoever has met a code, and `sdk-js/src/codes.ts` the same names for editors.
//! Both are generated here and compared, so that no code is without its page; `UPDATE_GOLDEN=1 cargo test -p peal-core errors_page`
//! writes them.

use std::fmt::Write as _;

use peal_core::ErrorCode;
use peal_core::error::{ErrorInfo, Retry};

use crate::golden;

const INTRODUCTION: &str = "# Errors

<!-- Generated from the error table in crates/peal-core; see tests/core/errors_page.rs there. -->

Every refusal carries a `code`, a `name` and a sentence about your case, over HTTP as `application/problem+json`, on a native
connection as `error`, on the Pusher protocol as `pusher:error` or a close code where that protocol has one. Names and codes do
not change and are never reused. `retryable` says whether the same request may succeed later; on limits, `limit`, `current` and
`retry_after` (milliseconds) say how much and when. An answer over HTTP also has a `request_id`: give it to support. The close code
is used where the refusal ends the connection; most do not.
";

const GROUPS: [(&str, &str, &[u16]); 6] = [
    ("The request is wrong", "Sending the same again will fail again.", &[400, 405, 415, 426]),
    ("Who are you?", "The credentials are missing, wrong or no longer good.", &[401]),
    ("You may not, or it is not there", "What belongs to others looks as if it did not exist.", &[403, 404, 409]),
    ("Too much", "A limit of the plan, the rule or the protocol was reached.", &[413, 429]),
    ("The connection cannot go on", "Reconnect; what you missed is replayed where that is possible.", &[408, 410]),
    ("Our side", "Nothing is wrong with the request.", &[500, 503]),
];

fn next_move(retry: Retry) -> &'static str {
    match retry {
        Retry::Never => "Do not repeat it unchanged.",
        Retry::Backoff => "Repeat it after `retry_after`, or else after a pause that grows each time.",
        Retry::Now => "Repeat it at once.",
        Retry::FreshToken => "Get a fresh token from your server, then repeat it.",
    }
}

fn section(page: &mut String, info: ErrorInfo) {
    let (cause, fix) = match info.text.split_once(". ") {
        Some((cause, fix)) => (format!("{cause}."), Some(fix)),
        None => (info.text.to_owned(), None),
    };
    let close = match info.close / 100 {
        40 => "stop",
        41 => "reconnect with backoff",
        42 => "reconnect at once",
        _ => "fresh token, then reconnect",
    };
    write!(page, "\n### {}\n\n**{}**, HTTP {}, close code {} ({close})", info.name, info.code, info.http_status, info.close)
        .and_then(|()| match info.pusher {
            Some(pusher) => writeln!(page, ", Pusher {pusher}."),
            None => writeln!(page, "."),
        })
        .and_then(|()| write!(page, "\n- **Cause.** {cause}\n"))
        .and_then(|()| fix.map_or(Ok(()), |fix| writeln!(page, "- **Fix.** {fix}")))
        .and_then(|()| writeln!(page, "- **Next.** {}", next_move(info.retry)))
        .expect("writing to a string cannot fail");
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, introduction, statuses) in GROUPS {
        write!(page, "\n## {title}\n\n{introduction}\n").expect("writing to a string cannot fail");
        let mut rows: Vec<_> = ErrorCode::ALL.iter().map(|code| code.info()).filter(|info| statuses.contains(&info.http_status)).collect();
        rows.sort_by_key(|info| info.code);
        rows.into_iter().for_each(|info| section(&mut page, info));
    }
    page
}

#[test]
fn every_code_is_in_exactly_one_group() {
    let page = page();
    for info in ErrorCode::ALL.iter().map(|code| code.info()) {
        assert_eq!(page.matches(&format!("\n### {}\n", info.name)).count(), 1, "{}", info.name);
    }
}

/// Unused names cost an application nothing: its bundler drops the constant.
fn constants() -> String {
    let mut rows: Vec<_> = ErrorCode::ALL.iter().map(|code| code.info()).collect();
    rows.sort_by_key(|info| info.code);
    let lines: String = rows.iter().map(|info| format!("  {}: {},\n", info.name, info.code)).collect();
    format!(
        "/** The server's error codes by name (docs/errors.md). Generated from the error table in crates/peal-core. */\n\
         export const codes = {{\n{lines}}} as const;\n"
    )
}

#[test]
fn docs_errors_md_is_the_table() {
    golden("docs/errors.md", &page(), "errors_page");
}

#[test]
fn the_constants_of_the_sdk_are_the_table() {
    golden("sdk-js/src/codes.ts", &constants(), "errors_page");
}
