//! What a node reports: everything its cores counted since the last time, under a sequence number.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::metric::{Dimension, Metric};
use crate::id::AppId;

/// One batch of one source. `(source, seq)` is applied at most once, whoever sends it however often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// One run of one node.
    pub source: Uuid,
    /// From 1, without gaps.
    pub seq: i64,
    /// With this batch everything up to this Unix millisecond is reported.
    pub covers_to_ms: u64,
    #[serde(flatten)]
    pub usage: Usage,
}

/// The rows of a batch, each list sorted and without repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub rows: Vec<Row>,
    pub breakdown: Vec<BreakdownRow>,
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Row {
    #[serde(rename = "a", with = "app")]
    pub app: AppId,
    /// Minutes since 1970.
    #[serde(rename = "m")]
    pub minute: u64,
    #[serde(rename = "k")]
    pub metric: Metric,
    #[serde(rename = "v")]
    pub value: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BreakdownRow {
    #[serde(rename = "a", with = "app")]
    pub app: AppId,
    #[serde(rename = "m")]
    pub minute: u64,
    #[serde(rename = "d")]
    pub dimension: Dimension,
    #[serde(rename = "k")]
    pub metric: Metric,
    #[serde(rename = "l")]
    pub label: Arc<str>,
    #[serde(rename = "v")]
    pub value: u64,
}

/// The most connections of an app that a node had open at once within a slot of ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sample {
    #[serde(rename = "a", with = "app")]
    pub app: AppId,
    /// Slots since 1970.
    #[serde(rename = "s")]
    pub slot: u64,
    #[serde(rename = "v")]
    pub value: u32,
}

impl Usage {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.breakdown.is_empty() && self.samples.is_empty()
    }

    /// Both together, as if they had been one report: counts add, and of two samples of one slot the larger stands.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let rows = sum(self.rows.into_iter().chain(other.rows).map(|row| ((row.app, row.minute, row.metric), row.value)));
        let shares = self.breakdown.into_iter().chain(other.breakdown);
        let breakdown = sum(shares.map(|row| ((row.app, row.minute, row.dimension, row.metric, row.label), row.value)));
        let mut samples = BTreeMap::new();
        for sample in self.samples.into_iter().chain(other.samples) {
            let value = samples.entry((sample.app, sample.slot)).or_insert(0);
            *value = sample.value.max(*value);
        }
        Self {
            rows: rows.into_iter().map(|((app, minute, metric), value)| Row { app, minute, metric, value }).collect(),
            breakdown: breakdown
                .into_iter()
                .map(|((app, minute, dimension, metric, label), value)| BreakdownRow { app, minute, dimension, metric, label, value })
                .collect(),
            samples: samples.into_iter().map(|((app, slot), value)| Sample { app, slot, value }).collect(),
        }
    }
}

fn sum<K: Ord>(rows: impl Iterator<Item = (K, u64)>) -> BTreeMap<K, u64> {
    let mut summed = BTreeMap::new();
    for (key, value) in rows {
        *summed.entry(key).or_insert(0) += value;
    }
    summed
}

/// An app as a number, because rows are many.
mod app {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::id::AppId;

    pub(super) fn serialize<S: Serializer>(app: &AppId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(app.get())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AppId, D::Error> {
        AppId::new(i64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
