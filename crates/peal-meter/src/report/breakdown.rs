//! A metric by the values of a dimension: which namespaces, keys, transports or protocols it comes from.

use peal_core::AppId;
use peal_core::usage::{Dimension, Metric};
use peal_store::{Resolution, Store};
use time::{Duration, OffsetDateTime};

use super::{ReportError, ceil, floor};

/// Breakdowns are kept for so long.
const KEPT: Duration = Duration::days(30);

#[derive(Debug, Clone, Copy)]
pub struct BreakdownQuery {
    pub by: Dimension,
    pub metric: Metric,
    /// The hour up to `to` if not given.
    pub from: Option<OffsetDateTime>,
    /// Now if not given.
    pub to: Option<OffsetDateTime>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct BreakdownReport {
    pub by: Dimension,
    pub metric: Metric,
    /// As asked, widened to whole minutes.
    pub from: OffsetDateTime,
    pub to: OffsetDateTime,
    /// Values with what they have, largest first. A minute is in it once it is over.
    pub items: Vec<BreakdownItem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakdownItem {
    /// Empty for channels without a namespace, [`peal_core::usage::OTHER`] for what was not among the largest of its minute.
    pub label: String,
    /// Of a key: what it is called.
    pub name: Option<String>,
    pub value: u64,
}

impl BreakdownReport {
    /// # Errors
    /// [`ReportError::Query`] when the metric is not broken down or the times do not make sense together.
    pub async fn read(store: &Store, app: AppId, query: BreakdownQuery) -> Result<Self, ReportError> {
        let BreakdownQuery { by, metric, from, to } = query;
        if !Metric::BROKEN_DOWN.contains(&metric) {
            return Err(ReportError::Query("Only messages_in, messages_out and connections_opened are broken down."));
        }
        let (_, now) = store.usage_complete_to().await?;
        let to = ceil(to.unwrap_or(now), Resolution::Minute);
        let from = floor(from.unwrap_or(to - Duration::HOUR), Resolution::Minute);
        if from >= to {
            return Err(ReportError::Query("from must be earlier than to."));
        }
        if from < now - KEPT - Duration::DAY {
            return Err(ReportError::Query("Breakdowns are kept for 30 days."));
        }
        let rows = store.usage_breakdown_read(app, (by, metric), from, to).await?;
        let mut names = Vec::new();
        if by == Dimension::Key {
            let keys: Vec<String> = rows.iter().map(|(label, _)| label.clone()).collect();
            names = store.key_names(app, &keys).await?;
        }
        let name = |label: &str| names.iter().find(|(key, _)| key == label).map(|(_, name)| name.clone());
        let items = rows.into_iter().map(|(label, value)| BreakdownItem { name: name(&label), label, value }).collect();
        Ok(Self { by, metric, from, to, items })
    }
}
