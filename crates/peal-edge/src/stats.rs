//! What an edge measures about itself, as Prometheus metrics without tenant labels.

use http::StatusCode;
use prometheus::core::Collector;
use prometheus::{Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::rest::route::Route;

/// Every name begins with it.
pub(crate) const NAMESPACE: &str = "peal";
/// Of statuses.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

#[derive(Debug)]
pub(crate) struct Stats {
    registry: Registry,
    pub(crate) connections_dropped: IntCounter,
    pub(crate) handshakes_delayed: IntCounter,
    pub(crate) handshakes_refused: IntCounter,
    requests: IntCounterVec,
    /// Its counters by route and class, so that a request looks nothing up.
    by_route: Vec<[IntCounter; CLASSES.len()]>,
    pub(crate) request_seconds: Histogram,
    pub(crate) refusals: IntCounterVec,
    pub(crate) publishes_paced: IntCounter,
    pub(crate) history_reads: IntCounter,
    pub(crate) hub: IntGaugeVec,
    pub(crate) directory_version: IntGauge,
    pub(crate) directory_fresh: IntGauge,
    pub(crate) ready: IntGauge,
    pub(crate) usage_waiting: IntGauge,
    pub(crate) usage_gaps: IntGauge,
}

impl Stats {
    /// # Errors
    /// A name that the registry refuses, which is a mistake in this file.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some(NAMESPACE.into()), None)?;
        let requests = IntCounterVec::new(
            Opts::new("http_requests_total", "REST requests by kind of route and class of status"),
            &["route", "status"],
        )?;
        let of_route = |route: Route| CLASSES.map(|class| requests.with_label_values(&[route.name(), class]));
        let by_route = Route::ALL.map(of_route).to_vec();
        let stats = Self {
            connections_dropped: IntCounter::new(
                "connections_dropped_total",
                "Sockets dropped because the node has reached its hard limit",
            )?,
            handshakes_delayed: IntCounter::new("handshakes_delayed_total", "WebSocket upgrades that had to wait for their turn")?,
            handshakes_refused: IntCounter::new(
                "handshakes_refused_total",
                "WebSockets told to come back because too many were waiting for their turn",
            )?,
            requests,
            by_route,
            request_seconds: Histogram::with_opts(
                HistogramOpts::new("http_request_seconds", "Time to answer a REST request")
                    .buckets(vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0]),
            )?,
            refusals: IntCounterVec::new(Opts::new("refusals_total", "Refused REST requests by error name"), &["name"])?,
            publishes_paced: IntCounter::new(
                "publishes_paced_total",
                "Publishes over HTTP whose answer waited because the fan-outs of their app were behind",
            )?,
            history_reads: IntCounter::new("history_reads_total", "How often the broker was asked for history")?,
            hub: IntGaugeVec::new(Opts::new("hub", "What each core's hub holds"), &["core", "kind"])?,
            directory_version: IntGauge::new("directory_version", "Configuration version served")?,
            directory_fresh: IntGauge::new("directory_fresh", "1 while the configuration store can be read")?,
            ready: IntGauge::new("ready", "1 when the node is ready and its probes come back")?,
            usage_waiting: IntGauge::new("usage_batches_waiting", "Usage batches that Postgres does not have yet")?,
            usage_gaps: IntGauge::new(
                "usage_gaps",
                "How often usage was found to be missing for ever since this node started; see meter_gap",
            )?,
            registry,
        };
        stats.register()?;
        Ok(stats)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        self.registry.register(Box::new(self.connections_dropped.clone()))?;
        self.registry.register(Box::new(self.publishes_paced.clone()))?;
        self.registry.register(Box::new(self.handshakes_delayed.clone()))?;
        self.registry.register(Box::new(self.handshakes_refused.clone()))?;
        self.registry.register(Box::new(self.requests.clone()))?;
        self.registry.register(Box::new(self.request_seconds.clone()))?;
        self.registry.register(Box::new(self.refusals.clone()))?;
        self.registry.register(Box::new(self.history_reads.clone()))?;
        self.registry.register(Box::new(self.hub.clone()))?;
        self.registry.register(Box::new(self.directory_version.clone()))?;
        self.registry.register(Box::new(self.directory_fresh.clone()))?;
        self.registry.register(Box::new(self.ready.clone()))?;
        self.registry.register(Box::new(self.usage_waiting.clone()))?;
        self.registry.register(Box::new(self.usage_gaps.clone()))
    }

    /// Metrics of a part of the node that measures itself.
    ///
    /// # Errors
    /// A name that is taken, which is a mistake in that part.
    pub(crate) fn add(&self, collectors: Vec<Box<dyn Collector>>) -> Result<(), prometheus::Error> {
        collectors.into_iter().try_for_each(|collector| self.registry.register(collector))
    }

    /// Prometheus text format.
    ///
    /// # Errors
    /// Only if two metrics of one name disagree, which is a mistake in this file.
    pub(crate) fn text(&self) -> Result<String, prometheus::Error> {
        text(&self.registry)
    }

    /// A request was answered.
    pub(crate) fn answered(&self, route: Route, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        self.by_route[route as usize][class].inc();
    }
}

/// Prometheus text format of what is registered.
///
/// # Errors
/// Only if two metrics of one name disagree, which is a mistake in this crate.
pub(crate) fn text(registry: &Registry) -> Result<String, prometheus::Error> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
