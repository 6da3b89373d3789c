//! `peal usage`: what an app used, as the dashboard shows it.
//!
//! It reads the database itself: the control-plane API has no credentials for programs yet, and whoever may read the database may read this.

use clap::{Args, ValueEnum};
use peal_core::AppId;
use peal_core::usage::Metric;
use peal_meter::{Query, Report, ReportError};
use peal_store::{Keyring, Resolution, StoreError, StoreOptions};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::target;
use crate::failure::{Failure, Kind};
use crate::node;

#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    /// The app; by default that of the `peal dev` that runs here
    #[arg(value_name = "APP")]
    app: Option<AppId>,
    /// Print this metric period by period, for example messages_out or peak_connections
    #[arg(long, value_name = "METRIC", value_parser = metric)]
    metric: Option<Metric>,
    /// From when, as RFC 3339; an hour before --to by default
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<OffsetDateTime>,
    /// To when, as RFC 3339; now by default
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<OffsetDateTime>,
    /// The length of a period; what suits the time by default
    #[arg(long, value_enum)]
    resolution: Option<Period>,
    /// The answer of the API as one JSON object
    #[arg(long)]
    json: bool,
    /// The metric as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// The Postgres database; by default that of the `peal dev` that runs here
    #[arg(long, env = "PEAL_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The data directory of `peal dev`; by default .peal in this folder or the nearest above it
    #[arg(long, env = "PEAL_DATA_DIR", value_name = "DIR")]
    data_dir: Option<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Period {
    Minute,
    Hour,
    Day,
    Month,
}

impl From<Period> for Resolution {
    fn from(period: Period) -> Self {
        match period {
            Period::Minute => Self::Minute,
            Period::Hour => Self::Hour,
            Period::Day => Self::Day,
            Period::Month => Self::Month,
        }
    }
}

pub(crate) fn run(args: &UsageArgs) -> Result<(), Failure> {
    let data_dir = args.data_dir.as_deref();
    let url = match &args.database_url {
        Some(url) => url.clone(),
        None => target::running(data_dir, "--database-url or PEAL_DATABASE_URL")?.database_url,
    };
    let app = match args.app {
        Some(app) => app,
        None => {
            let app = target::running(data_dir, "APP, its id")?.app.id;
            app.parse().map_err(|_| Failure::failed("ready.json names no valid app"))?
        }
    };
    let query = Query {
        metric: args.metric.unwrap_or(Metric::MessagesOut),
        from: args.from,
        to: args.to,
        resolution: args.resolution.map(Resolution::from),
    };
    let report = node::runtime()?.block_on(async {
        // No secret is read, so any keyring will do.
        let options = StoreOptions { max_connections: 1, ..StoreOptions::default() };
        let store = node::connect_to(&url, options, Keyring::ephemeral()).await?;
        let report = Report::read(&store, app, query).await.map_err(|error| failure_of(&error));
        store.close().await;
        report
    })?;
    crate::print(&match args {
        UsageArgs { json: true, .. } => peal_api::usage_json(&report) + "\n",
        UsageArgs { csv: true, .. } => peal_api::usage_csv(&report),
        UsageArgs { metric, .. } => table(app, &report, metric.is_some()),
    })
}

fn failure_of(error: &ReportError) -> Failure {
    match error {
        ReportError::Query(why) => Failure::usage(*why),
        ReportError::Store(error @ StoreError::Unavailable(_)) => {
            Failure::new(Kind::Unreachable, Failure::because("the database does not answer", error).text)
        }
        ReportError::Store(error) => Failure::because("usage cannot be read", error),
    }
}

fn table(app: AppId, report: &Report, series: bool) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    let time = |at: OffsetDateTime| at.format(format).unwrap_or_default();
    let mut text = format!("App {app} from {} to {} UTC, complete to {}\n\n", time(report.from), time(report.to), time(report.complete_to));
    for (metric, value) in &report.totals {
        let info = metric.info();
        if *metric != Metric::ConnectionMs && (*value > 0 || info.billable) {
            text += &format!("{:<28} {:>16}\n", info.title, grouped(*value));
        }
    }
    text += &format!("{:<28} {:>16}\n", "Average connections", format!("{:.2}", report.average_connections));
    if series {
        text += &format!("\n{:<28} {:>16}\n", "", report.metric.name());
        for item in report.items.iter() {
            text += &format!("{:<28} {:>16}\n", time(item.ts), grouped(item.value));
        }
    }
    text
}

/// 1234567 as 1,234,567.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn metric(name: &str) -> Result<Metric, String> {
    let names: Vec<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    Metric::from_name(name).ok_or_else(|| format!("it must be one of {}", names.join(", ")))
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "it must be a time like 2026-11-24T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (value, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(value), expected);
        }
    }
}
