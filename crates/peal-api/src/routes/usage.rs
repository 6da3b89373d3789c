//! What an app used. The numbers, and the rule behind each, come from `peal-meter`; here they get their JSON and CSV.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::{FromRequestParts, Query, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::request::Parts;
use peal_core::usage::Metric;
use peal_core::{ErrorCode, Refusal};
use peal_meter::{Report, ReportError};
use peal_store::Resolution;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

use crate::permission::{Allowed, UsageRead};
use crate::problem::{Problem, ProblemBody};
use crate::state::ApiState;

/// One metric over time and all metrics in total, with the rule that made each number. Messages show within 10 seconds of the traffic,
/// connections within 20. With `Accept: text/csv` the series alone, as CSV.
#[utoipa::path(
    get, path = "/apps/{app}/usage", tag = "usage", operation_id = "usage_get",
    params(
        ("app" = String, Path, description = "App id"),
        ("metric" = Option<String>, Query, description = "Which metric `items` has: messages_out unless given; any key of `rules`"),
        ("from" = Option<String>, Query, description = "RFC 3339; an hour before `to` unless given"),
        ("to" = Option<String>, Query, description = "RFC 3339; now unless given"),
        ("resolution" = Option<ResolutionBody>, Query, description = "What suits the length unless given; minutes go back 8 days"),
    ),
    responses(
        (status = 200, content((UsageBody = "application/json"), (String = "text/csv"))),
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
    let report = Report::read(&state.store, granted.app.id, query).await.map_err(report_problem)?;
    Ok(as_asked(&headers, report, usage_csv, |report| UsageBody::from(&report)))
}

/// A report as CSV or JSON, whichever `Accept` asks for.
pub(crate) fn as_asked<R, B: serde::Serialize>(
    headers: &HeaderMap,
    report: R,
    csv: impl FnOnce(&R) -> String,
    body: impl FnOnce(R) -> B,
) -> Response {
    let answer = if wants_csv(headers) {
        ([(CONTENT_TYPE, "text/csv; charset=utf-8")], csv(&report)).into_response()
    } else {
        axum::Json(body(report)).into_response()
    };
    ([(VARY, "accept"), (CACHE_CONTROL, "no-store")], answer).into_response()
}

pub(crate) fn report_problem(error: ReportError) -> Problem {
    match error {
        ReportError::Query(why) => Refusal::new(ErrorCode::InvalidRequest, why).into(),
        ReportError::Store(error) => Problem::from(error),
    }
}

/// The answer of the API, for whoever has a report without asking the API.
///
/// # Panics
/// Never: the body is made of types that print.
#[must_use]
pub fn usage_json(report: &Report) -> String {
    serde_json::to_string_pretty(&UsageBody::from(report)).expect("numbers, texts and times print as JSON")
}

/// The series as CSV, with a header.
#[must_use]
pub fn usage_csv(report: &Report) -> String {
    let averaged = report.metric == Metric::PeakConnections;
    let mut text = format!("ts,{}{}\r\n", report.metric.name(), if averaged { ",average_connections" } else { "" });
    for item in &report.items {
        // Writing to a string cannot fail.
        let _ = write!(text, "{},{}", item.ts.format(&Rfc3339).unwrap_or_default(), item.value);
        if let Some(average) = item.average {
            let _ = write!(text, ",{}", rounded(average));
        }
        text.push_str("\r\n");
    }
    text
}

fn wants_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = accepted.split(',').next().unwrap_or_default();
    first.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/csv")
}

#[derive(Deserialize)]
struct Given {
    metric: Option<String>,
    from: Option<String>,
    to: Option<String>,
    resolution: Option<String>,
}

/// What the query asks for.
pub(crate) struct Asked(peal_meter::Query);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong = |why: &str| Refusal::new(ErrorCode::InvalidRequest, why);
        let Query(given) = Query::<Given>::from_request_parts(parts, state).await.map_err(|_| wrong("The query cannot be read."))?;
        let metric = given.metric.as_deref().unwrap_or(Metric::MessagesOut.name());
        let metric =
            Metric::from_name(metric).ok_or_else(|| wrong("There is no such metric; the keys of rules in an answer are all there are."))?;
        let resolution = given.resolution.as_deref().map(resolution_of).transpose();
        let resolution = resolution.map_err(|()| wrong("The resolution is minute, hour, day or month."))?;
        Ok(Asked(peal_meter::Query { metric, from: time_of(given.from)?, to: time_of(given.to)?, resolution }))
    }
}

/// A time in a query.
pub(crate) fn time_of(text: Option<String>) -> Result<Option<OffsetDateTime>, Refusal> {
    let parsed = text.map(|text| OffsetDateTime::parse(&text, &Rfc3339)).transpose();
    let wrong = |_| Refusal::new(ErrorCode::InvalidRequest, "from and to are times like 2026-11-24T12:00:00Z (in a query, + is %2B).");
    parsed.map_err(wrong)
}

fn resolution_of(name: &str) -> Result<Resolution, ()> {
    match name {
        "minute" => Ok(Resolution::Minute),
        "hour" => Ok(Resolution::Hour),
        "day" => Ok(Resolution::Day),
        "month" => Ok(Resolution::Month),
        _ => Err(()),
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = UsageResolution)]
pub(crate) enum ResolutionBody {
    Minute,
    Hour,
    Day,
    Month,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
pub(crate) struct UsageBody {
    metric: &'static str,
    resolution: ResolutionBody,
    /// As asked, widened to whole periods (UTC).
    #[serde(with = "time::serde::rfc3339")]
    from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    to: OffsetDateTime,
    /// Every node that is heard of has reported up to here; later numbers are still coming in.
    #[serde(with = "time::serde::rfc3339")]
    complete_to: OffsetDateTime,
    /// Every period that has begun, also those in which nothing happened.
    items: Vec<UsageItemBody>,
    /// Every metric from `from` to `to`.
    totals: BTreeMap<&'static str, u64>,
    /// The most connections that were open at once from `from` to `to`.
    peak: u64,
    /// Connections open on average from `from` to `to`, or to `complete_to` if that is earlier.
    average: f64,
    /// How each metric is counted.
    rules: BTreeMap<&'static str, UsageRuleBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsageItem)]
pub(crate) struct UsageItemBody {
    /// The beginning of the period.
    #[serde(with = "time::serde::rfc3339")]
    ts: OffsetDateTime,
    value: u64,
    /// Of peak_connections: how many were open on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    average: Option<f64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsageRule)]
pub(crate) struct UsageRuleBody {
    title: &'static str,
    unit: &'static str,
    /// The counting rule in a sentence or two.
    rule: &'static str,
    /// Whether plans include and bills name it.
    billable: bool,
}

impl From<&Report> for UsageBody {
    fn from(report: &Report) -> Self {
        let resolution = match report.resolution {
            Resolution::Minute => ResolutionBody::Minute,
            Resolution::Hour => ResolutionBody::Hour,
            Resolution::Day => ResolutionBody::Day,
            Resolution::Month => ResolutionBody::Month,
        };
        let item = |item: &peal_meter::Item| UsageItemBody { ts: item.ts, value: item.value, average: item.average.map(rounded) };
        let rule = |metric: Metric| {
            let info = metric.info();
            (info.name, UsageRuleBody { title: info.title, unit: info.unit, rule: info.rule, billable: info.billable })
        };
        UsageBody {
            metric: report.metric.name(),
            resolution,
            from: report.from,
            to: report.to,
            complete_to: report.complete_to,
            items: report.items.iter().map(item).collect(),
            totals: report.totals.iter().map(|(metric, value)| (metric.name(), *value)).collect(),
            peak: report.peak_connections(),
            average: rounded(report.average_connections),
            rules: Metric::ALL.into_iter().map(rule).collect(),
        }
    }
}

/// To thousandths: more would pretend to know more.
fn rounded(average: f64) -> f64 {
    (average * 1_000.0).round() / 1_000.0
}
