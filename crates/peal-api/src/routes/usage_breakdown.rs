//! Where usage comes from: one metric by namespace, key, transport or protocol.

use std::fmt::Write as _;

use axum::extract::{FromRequestParts, Query, State};
use axum::response::Response;
use http::HeaderMap;
use http::request::Parts;
use peal_core::usage::{Dimension, Metric};
use peal_core::{ErrorCode, Refusal};
use peal_meter::{BreakdownQuery, BreakdownReport};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::usage::{as_asked, report_problem, time_of};
use crate::permission::{Allowed, UsageRead};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// One metric by the values of a dimension, largest first. For each app, node and minute the 100 largest values are kept for 30 days and
/// the rest together as `*`. They inform and are never billed. With `Accept: text/csv` as CSV.
#[utoipa::path(
    get, path = "/apps/{app}/usage/breakdown", tag = "usage", operation_id = "usage_breakdown",
    params(
        ("app" = String, Path, description = "App id"),
        ("by" = DimensionBody, Query, description = "namespace unless given"),
        ("metric" = Option<String>, Query, description = "messages_out unless given; messages_in or connections_opened"),
        ("from" = Option<String>, Query, description = "RFC 3339; an hour before `to` unless given"),
        ("to" = Option<String>, Query, description = "RFC 3339; now unless given"),
    ),
    responses(
        (status = 200, content((UsageBreakdownBody = "application/json"), (String = "text/csv"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "invalid_request"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "not_found"),
    )
)]
pub(crate) async fn read(
    Allowed(granted): Allowed<UsageRead>,
    State(state): State<ApiState>,
    Asked(query): Asked,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let report = BreakdownReport::read(&state.store, granted.app.id, query).await.map_err(report_problem)?;
    Ok(as_asked(&headers, report, csv, UsageBreakdownBody::from))
}

#[derive(Deserialize)]
struct Given {
    by: Option<String>,
    metric: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

pub(crate) struct Asked(BreakdownQuery);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong = |why: &str| Refusal::new(ErrorCode::InvalidRequest, why);
        let Query(given) = Query::<Given>::from_request_parts(parts, state).await.map_err(|_| wrong("The query cannot be read."))?;
        let by = Dimension::from_name(given.by.as_deref().unwrap_or(Dimension::Namespace.name()));
        let by = by.ok_or_else(|| wrong("by is namespace, key, transport or protocol."))?;
        let metric = Metric::from_name(given.metric.as_deref().unwrap_or(Metric::MessagesOut.name()));
        let metric = metric.ok_or_else(|| wrong("The metric is messages_in, messages_out or connections_opened."))?;
        Ok(Asked(BreakdownQuery { by, metric, from: time_of(given.from)?, to: time_of(given.to)? }))
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = UsageDimension)]
pub(crate) enum DimensionBody {
    Namespace,
    Key,
    Transport,
    Protocol,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsageBreakdown)]
pub(crate) struct UsageBreakdownBody {
    by: DimensionBody,
    metric: &'static str,
    /// As asked, widened to whole minutes (UTC).
    #[serde(with = "time::serde::rfc3339")]
    from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    to: OffsetDateTime,
    /// Largest first. A minute is in it once it is over.
    items: Vec<UsagePartBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsagePart)]
pub(crate) struct UsagePartBody {
    /// The value of the dimension. Empty for channels without a namespace, `*` for everything that was not among the largest.
    label: String,
    /// Of a key: what it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    value: u64,
}

impl From<BreakdownReport> for UsageBreakdownBody {
    fn from(report: BreakdownReport) -> Self {
        let by = match report.by {
            Dimension::Namespace => DimensionBody::Namespace,
            Dimension::Key => DimensionBody::Key,
            Dimension::Transport => DimensionBody::Transport,
            Dimension::Protocol => DimensionBody::Protocol,
        };
        let items = report.items.into_iter().map(|item| UsagePartBody { label: item.label, name: item.name, value: item.value });
        Self { by, metric: report.metric.name(), from: report.from, to: report.to, items: items.collect() }
    }
}

fn csv(report: &BreakdownReport) -> String {
    let of_keys = report.by == Dimension::Key;
    let mut text = format!("{},{}{}\r\n", report.by.name(), if of_keys { "name," } else { "" }, report.metric.name());
    for item in &report.items {
        // Writing to a string cannot fail.
        let _ = write!(text, "{},", cell(&item.label));
        if of_keys {
            let _ = write!(text, "{},", cell(item.name.as_deref().unwrap_or_default()));
        }
        let _ = write!(text, "{}\r\n", item.value);
    }
    text
}

/// Quoted, and with an apostrophe where a spreadsheet would take it for a formula.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_customer_named_is_text_to_a_spreadsheet() {
        assert_eq!(cell("chat"), "\"chat\"");
        assert_eq!(cell("=SUM(A1)"), "\"'=SUM(A1)\"");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
