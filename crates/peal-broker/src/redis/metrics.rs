//! What the broker measures about itself. No label names a tenant; who publishes the metrics puts the project's prefix before the names.

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts};

#[derive(Debug)]
pub(super) struct Metrics {
    /// By why the era began.
    pub(super) era_changes: IntCounterVec,
    /// Publications that did not arrive and that no later one betrayed, by who noticed.
    pub(super) tail_losses: IntCounterVec,
    pub(super) tail_loss_detection_seconds: Histogram,
    pub(super) probe_latency_seconds: Histogram,
    pub(super) unconfirmed: IntCounter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        Self::try_new().expect("names and labels are valid")
    }

    fn try_new() -> Result<Self, prometheus::Error> {
        let detection = HistogramOpts::new(
            "tail_loss_detection_seconds",
            "From a publish until this node noticed by a digest that the publication had not reached it",
        );
        let latency = HistogramOpts::new("probe_latency_seconds", "From sending a probe into a partition until it came back");
        Ok(Self {
            era_changes: IntCounterVec::new(
                Opts::new(
                    "era_changes_total",
                    "Eras that this node began because the server was another one, its fence or a stream was gone, or the counter ran out",
                ),
                &["reason"],
            )?,
            tail_losses: IntCounterVec::new(
                Opts::new("tail_losses_total", "Topics whose last publications had not reached this node, by what noticed it"),
                &["found_by"],
            )?,
            tail_loss_detection_seconds: Histogram::with_opts(detection.buckets(vec![0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0]))?,
            probe_latency_seconds: Histogram::with_opts(
                latency.buckets(vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0]),
            )?,
            unconfirmed: IntCounter::new("unconfirmed_total", "Publications that were stored, but that no replica confirmed in time")?,
        })
    }

    pub(super) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.era_changes.clone()),
            Box::new(self.tail_losses.clone()),
            Box::new(self.tail_loss_detection_seconds.clone()),
            Box::new(self.probe_latency_seconds.clone()),
            Box::new(self.unconfirmed.clone()),
        ]
    }
}
