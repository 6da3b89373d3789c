//! What the node has carried since it began, taken from the counters of usage, so that an operator and a customer read the same numbers. It
//! is as old as the last collection, a few seconds.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use peal_core::AppId;
use peal_core::usage::{Aggregate, Collected, Dimension, Metric};

/// By app: as many as have used this node since it began.
#[derive(Debug, Default)]
struct Totals {
    apps: BTreeMap<AppId, BTreeMap<Metric, u64>>,
    /// Of the metrics that are broken down.
    protocols: BTreeMap<(Metric, &'static str), u64>,
}

/// The lock is held for additions only, by whoever collects and whoever reads.
#[derive(Debug, Default)]
pub(crate) struct Traffic(Mutex<Totals>);

impl Traffic {
    pub(crate) fn absorb(&self, collected: &Collected) {
        let mut totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for minute in &collected.minutes {
            let app = totals.apps.entry(minute.app).or_default();
            for (metric, value) in minute.values().filter(|(metric, _)| metric.info().aggregate == Aggregate::Sum) {
                *app.entry(metric).or_default() += value;
            }
            for share in minute.shares.iter().filter(|share| share.dimension == Dimension::Protocol) {
                let Some(protocol) = peal_core::usage::Protocol::ALL.iter().find(|protocol| *protocol.name() == *share.label) else {
                    continue;
                };
                for (metric, value) in share.values() {
                    *totals.protocols.entry((metric, protocol.name())).or_default() += value;
                }
            }
        }
    }

    /// Of one metric, by protocol.
    pub(crate) fn by_protocol(&self, metric: Metric) -> Vec<(&'static str, u64)> {
        let totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        totals.protocols.iter().filter(|((counted, _), _)| *counted == metric).map(|((_, protocol), value)| (*protocol, *value)).collect()
    }

    /// Of one metric, over all apps.
    pub(crate) fn total(&self, metric: Metric) -> u64 {
        let totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        totals.apps.values().filter_map(|app| app.get(&metric)).sum()
    }

    /// Everything, by app.
    pub(crate) fn apps(&self) -> BTreeMap<AppId, BTreeMap<Metric, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).apps.clone()
    }
}
