//! The metrics that exist when somebody asks: what hubs and counters hold, put into a registry for this one answer.

use peal_core::usage::{Aggregate, Metric, Transport};
use peal_hub::{FanOutCounts, GapCounts, HubTotals};
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::node::Node;
use crate::stats::{NAMESPACE, text};

/// Counted for the node as a whole; messages are told apart by protocol.
const USED: [Metric; 6] =
    [Metric::BytesIn, Metric::BytesOut, Metric::PresenceOps, Metric::HistoryReads, Metric::RejectedRate, Metric::RejectedQuota];

/// Everything of the node but what [`crate::stats::Stats`] counts.
///
/// # Errors
/// A name that the registry refuses, which is a mistake in this file.
pub(crate) async fn node(node: &Node) -> Result<String, prometheus::Error> {
    let registry = Registry::new_custom(Some(NAMESPACE.into()), None)?;
    let totals = node.totals().await;
    connections(&registry, &totals)?;
    gaps(&registry, &totals)?;
    fan_outs(&registry, &node.fan_outs().await)?;
    messages(&registry, node)?;
    queues(&registry, node)?;
    tasks(&registry, node)?;
    text(&registry)
}

fn connections(registry: &Registry, totals: &[HubTotals]) -> Result<(), prometheus::Error> {
    let opened = counters(registry, "connections_opened_total", "Connections accepted", &["transport", "protocol"])?;
    let labels = ["transport", "protocol", "reason"];
    let closed = counters(registry, "connections_closed_total", "Accepted connections that ended, by what clients do next", &labels)?;
    let refusals = counters(registry, "websocket_refusals_total", "Refusals told to WebSocket clients, by error name", &["name"])?;
    let transport = Transport::WebSocket.name();
    for totals in totals {
        for (protocol, count) in totals.opened() {
            opened.with_label_values(&[transport, protocol.name()]).inc_by(count);
        }
        for (protocol, ending, count) in totals.closed() {
            closed.with_label_values(&[transport, protocol.name(), ending.name()]).inc_by(count);
        }
        for (code, count) in totals.refusals() {
            refusals.with_label_values(&[code.info().name]).inc_by(count);
        }
    }
    Ok(())
}

/// Summed over cores: each repairs its own streams.
fn gaps(registry: &Registry, totals: &[HubTotals]) -> Result<(), prometheus::Error> {
    let of = |count: fn(GapCounts) -> u64| totals.iter().map(|totals| count(totals.gaps())).sum();
    for (name, help, count) in [
        ("gap_detected_total", "Times a core missed publications of a topic and read them", of(|gaps| gaps.detected)),
        ("gap_repaired_total", "Of those, everything was there", of(|gaps| gaps.repaired)),
        ("gap_unrepaired_total", "Of those, something is lost; subscribers were told", of(|gaps| gaps.unrepaired)),
    ] {
        let counter = IntCounter::new(name, help)?;
        counter.inc_by(count);
        registry.register(Box::new(counter))?;
    }
    Ok(())
}

/// Summed over cores. What waits at this moment is in the gauges `hub{kind="fan_outs"}` and `hub{kind="fan_out_debt_bytes"}`.
fn fan_outs(registry: &Registry, counts: &[FanOutCounts]) -> Result<(), prometheus::Error> {
    let of = |count: fn(&FanOutCounts) -> u64| counts.iter().map(count).sum();
    for (name, help, count) in [
        ("fan_out_slices_total", "Slices of fan-outs, after each of which others have their turn", of(|counts| counts.slices)),
        ("fan_out_lagged_total", "Subscribers that read too slowly and were sent to the ring or the history", of(|counts| counts.lagged)),
        ("fan_out_caught_up_total", "Of those, came back to live", of(|counts| counts.caught_up)),
        ("fan_out_dropped_total", "Ephemeral messages that a subscriber with a full queue did not get", of(|counts| counts.dropped)),
        ("fan_out_overflows_total", "Times that too much waited on a channel; its subscribers lagged", of(|counts| counts.overflows)),
    ] {
        let counter = IntCounter::new(name, help)?;
        counter.inc_by(count);
        registry.register(Box::new(counter))?;
    }
    Ok(())
}

fn messages(registry: &Registry, node: &Node) -> Result<(), prometheus::Error> {
    for metric in [Metric::MessagesIn, Metric::MessagesOut] {
        let counter = counters(registry, &format!("{}_total", metric.name()), &help(metric), &["protocol"])?;
        for (protocol, count) in node.traffic.by_protocol(metric) {
            counter.with_label_values(&[protocol]).inc_by(count);
        }
    }
    for metric in USED {
        let counter = IntCounter::new(format!("{}_total", metric.name()), help(metric))?;
        counter.inc_by(node.traffic.total(metric));
        registry.register(Box::new(counter))?;
    }
    Ok(())
}

fn help(metric: Metric) -> String {
    let info = metric.info();
    format!("{}, as docs/counting.md counts them; up to 5 seconds old", info.title)
}

fn queues(registry: &Registry, node: &Node) -> Result<(), prometheus::Error> {
    let help = "What waits in the queues between threads, and how much may; a full one makes its senders wait";
    let length = IntGaugeVec::new(Opts::new("queue_length", help), &["queue", "core"])?;
    let capacity = IntGaugeVec::new(Opts::new("queue_capacity", help), &["queue", "core"])?;
    let set = |queue: &str, core: &str, (waiting, room): (usize, usize)| {
        length.with_label_values(&[queue, core]).set(waiting as i64);
        capacity.with_label_values(&[queue, core]).set(room as i64);
    };
    set("mux", "", node.mux.fill());
    for (index, core) in node.cores.iter().enumerate() {
        set("core", &index.to_string(), core.fill());
    }
    registry.register(Box::new(length))?;
    registry.register(Box::new(capacity))
}

fn tasks(registry: &Registry, node: &Node) -> Result<(), prometheus::Error> {
    let alive = IntGaugeVec::new(Opts::new("tasks", "Tasks that have not ended, by the runtime that they are on"), &["runtime"])?;
    for (runtime, count) in node.runtimes.tasks() {
        alive.with_label_values(&[runtime]).set(count as i64);
    }
    registry.register(Box::new(alive))
}

/// What each app uses on this node. Apps that have done nothing here are not named.
///
/// # Errors
/// As [`node`].
pub(crate) fn apps(node: &Node) -> Result<String, prometheus::Error> {
    let registry = Registry::new_custom(Some(NAMESPACE.into()), None)?;
    let used = node.traffic.apps();
    for metric in Metric::ALL.into_iter().filter(|metric| metric.info().aggregate == Aggregate::Sum) {
        let counter = counters(&registry, &format!("app_{}_total", metric.name()), &help(metric), &["app"])?;
        for (app, value) in used.iter().filter_map(|(app, metrics)| Some((app, metrics.get(&metric)?))) {
            counter.with_label_values(&[app.to_string()]).inc_by(*value);
        }
    }
    let connections = IntGaugeVec::new(Opts::new("app_connections", "Open connections on this node"), &["app"])?;
    let directory = node.directory.current();
    for app in directory.apps() {
        let open = directory.gate(app.id).map_or(0, |gate| gate.connections());
        if open > 0 || used.contains_key(&app.id) {
            connections.with_label_values(&[app.id.to_string()]).set(open.into());
        }
    }
    registry.register(Box::new(connections))?;
    text(&registry)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}
