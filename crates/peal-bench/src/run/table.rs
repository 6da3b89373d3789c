//! The runs of all scenarios as one table.

use std::fmt::Write;

use super::Run;
use super::server::Label;
use crate::outcome::Outcome;
use crate::scenario::Scenario;
use crate::sequence::Faults;
use crate::statistics::{Summary, Verdict};

/// At most this many bytes per idle connection: the target while everything runs on one machine, and the one after it.
const IDLE_TARGETS: (f64, f64) = (4_096.0, 2_048.0);
/// After a message of 8 KB and a burst.
const USED_TARGET: f64 = 2_253.0;
/// Times the floor's.
const P99_TARGET: f64 = 2.0;
/// A refused publish, in microseconds.
const REFUSED_TARGET: f64 = 5.0;

#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    what: String,
    unit: &'static str,
    floor: Option<Summary>,
    peal: Option<Summary>,
    ratio: Option<Summary>,
    targets: String,
    notes: String,
    faults: Faults,
}

/// One run in a line, while waiting for the rest.
pub(crate) fn line(run: &Run) -> String {
    let Run { scenario, label, outcome } = run;
    let mut text = format!("{:>16} {:<5}", scenario.name(), label.name());
    // Writing to a string cannot fail.
    let _ = match (&outcome.memory, scenario.unit()) {
        (Some(memory), _) => write!(
            text,
            " {:.0} B idle, {} after 8 KB, {} after a burst, {:.1} MB base",
            memory.idle,
            optional(memory.after_message),
            optional(memory.after_burst),
            memory.base / 1e6
        ),
        (None, unit) => write!(
            text,
            " {:.2} µs per {} ({:.0} % of it user), {:.0}/s, load {:.0} % busy",
            outcome.cpu_us(),
            unit.unwrap_or_default(),
            outcome.cpu.user_share * 100.0,
            outcome.rate(),
            outcome.client_busy * 100.0
        ),
    };
    if let Some(latency) = outcome.latency_ms {
        let _ = write!(text, ", p50 {:.1} ms, p99 {:.1} ms", latency.p50, latency.p99);
    }
    if !outcome.faults.is_clean() {
        let _ = write!(text, "  FAULTS {:?}", outcome.faults);
    }
    text
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0} B"))
}

pub(crate) fn rows(runs: &[Run]) -> Vec<Row> {
    Scenario::ALL
        .into_iter()
        .filter(|scenario| runs.iter().any(|run| run.scenario == *scenario))
        .flat_map(|scenario| rows_of(scenario, runs))
        .collect()
}

fn rows_of(scenario: Scenario, runs: &[Run]) -> Vec<Row> {
    let of = |label| runs.iter().filter(move |run| run.scenario == scenario && run.label == label).map(|run| &run.outcome);
    let mut faults = Faults::default();
    of(Label::Floor).chain(of(Label::Peal)).for_each(|outcome| faults.add(&outcome.faults));
    let row = |what: String, unit, value: fn(&Outcome) -> Option<f64>| {
        let (floor, peal) = (Summary::of(of(Label::Floor).filter_map(value)), Summary::of(of(Label::Peal).filter_map(value)));
        // A loop without features keeps almost nothing for a connection, so a ratio of memory would say nothing.
        let ratio = floor.zip(peal).filter(|_| unit != "B").map(|(floor, peal)| peal.divided_by(floor.median));
        Row { what, unit, floor, peal, ratio, targets: String::new(), notes: String::new(), faults }
    };
    let Some(unit) = scenario.unit() else {
        let name = scenario.name();
        let mut idle = row(name.clone(), "B", |outcome| outcome.memory.map(|memory| memory.idle));
        idle.targets = targets(idle.peal, [Some(IDLE_TARGETS.0), Some(IDLE_TARGETS.1)], "B");
        let mut message = row(format!("{name}, after 8 KB"), "B", |outcome| outcome.memory.and_then(|memory| memory.after_message));
        let mut burst = row(format!("{name}, after a burst"), "B", |outcome| outcome.memory.and_then(|memory| memory.after_burst));
        for used in [&mut message, &mut burst] {
            used.targets = targets(used.peal, [Some(USED_TARGET), None], "B");
        }
        let mut rows = vec![idle, message, burst];
        rows.retain(|row| row.peal.is_some() || row.floor.is_some());
        return rows;
    };
    let mut cpu = row(format!("{}, per {unit}", scenario.name()), "µs", |outcome| Some(outcome.cpu_us()));
    let (soon, later) = scenario.ratio_targets();
    cpu.targets = targets(cpu.ratio, [soon, later], "x");
    cpu.notes = notes(of(Label::Floor), of(Label::Peal));
    if scenario == Scenario::Refused {
        cpu.targets = targets(cpu.peal, [Some(REFUSED_TARGET), None], "µs");
    }
    let mut rows = vec![cpu];
    if scenario == Scenario::Noisy {
        let mut p99 = row(format!("{}, p99 of the quiet", scenario.name()), "ms", |outcome| outcome.latency_ms.map(|latency| latency.p99));
        let times = |outcome: &Outcome| Some(outcome.latency_ms?.p99 / outcome.undisturbed_ms?.p99);
        let before = Summary::of(of(Label::Peal).filter_map(|outcome| outcome.undisturbed_ms.map(|latency| latency.p99)));
        let refused: u64 = of(Label::Peal).map(|outcome| outcome.refused).sum();
        p99.ratio = Summary::of(of(Label::Peal).filter_map(times));
        p99.targets = targets(p99.ratio, [Some(P99_TARGET), None], "x");
        p99.notes = format!("x their own when alone, {:.2} ms; {refused} publishes refused", before.map_or(0.0, |before| before.median));
        rows.push(p99);
    }
    if scenario == Scenario::Paced {
        let mut p99 = row(format!("{}, p99", scenario.name()), "ms", |outcome| outcome.latency_ms.map(|latency| latency.p99));
        p99.targets = targets(p99.ratio, [None, Some(P99_TARGET)], "x");
        rows.push(p99);
    }
    rows
}

/// User time, rate, latency and how busy the load was, of floor and Peal: medians.
fn notes<'a>(floor: impl Iterator<Item = &'a Outcome> + Clone, peal: impl Iterator<Item = &'a Outcome> + Clone) -> String {
    let both = |value: &dyn Fn(&Outcome) -> Option<f64>, digits: usize| -> Option<String> {
        let median = |of: &mut dyn Iterator<Item = &'a Outcome>| Summary::of(of.filter_map(value)).map(|summary| summary.median);
        let (floor, peal) = (median(&mut floor.clone()), median(&mut peal.clone()));
        let text = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"));
        (floor.is_some() || peal.is_some()).then(|| format!("{} / {}", text(floor), text(peal)))
    };
    let parts = [
        ("user µs", both(&|outcome| Some(outcome.cpu_us() * outcome.cpu.user_share), 2)),
        ("1,000/s", both(&|outcome| Some(outcome.rate() / 1_000.0), 1)),
        ("p50 ms", both(&|outcome| outcome.latency_ms.map(|latency| latency.p50), 1)),
        ("p99 ms", both(&|outcome| outcome.latency_ms.map(|latency| latency.p99), 1)),
        ("load busy %", both(&|outcome| Some(outcome.client_busy * 100.0), 0)),
    ];
    let told = parts.into_iter().filter_map(|(name, values)| values.map(|values| format!("{name} {values}")));
    told.collect::<Vec<_>>().join(", ")
}

fn targets(found: Option<Summary>, targets: [Option<f64>; 2], unit: &str) -> String {
    let told = targets.into_iter().flatten().map(|target| {
        let number = if target >= 100.0 { format!("{target:.0}") } else { format!("{target:.1}") };
        match found.map(|found| Verdict::of(found, target)) {
            Some(Verdict::Met) => format!("≤ {number} {unit}: met"),
            Some(Verdict::Unclear) => format!("≤ {number} {unit}: within the range"),
            Some(Verdict::Missed) => format!("≤ {number} {unit}: **missed**"),
            None => format!("≤ {number} {unit}"),
        }
    });
    told.collect::<Vec<_>>().join("; ")
}

/// A Markdown table.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut text = String::from(
        "| scenario | unit | floor | Peal | x floor | targets | floor / Peal | lost, doubled, reordered |\n|---|---|---:|---:|---:|---|---|---|\n",
    );
    for row in rows {
        let digits = if row.unit == "B" { 0 } else { 2 };
        let summary = |summary: Option<Summary>, digits: usize| {
            summary.map_or_else(String::new, |of| format!("{:.digits$} ({:.digits$}-{:.digits$})", of.median, of.min, of.max))
        };
        let faults = match row.faults {
            faults if faults.is_clean() => "0, 0, 0".to_owned(),
            Faults { lost, duplicated, reordered, foreign, refused, dropped } => {
                format!("**{lost}, {duplicated}, {reordered}** ({foreign} foreign, {refused} refused, {dropped} dropped)")
            }
        };
        let cells = [
            row.what.clone(),
            row.unit.to_owned(),
            summary(row.floor, digits),
            summary(row.peal, digits),
            summary(row.ratio, 2),
            row.targets.clone(),
            row.notes.clone(),
            faults,
        ];
        text.push_str("| ");
        text.push_str(&cells.join(" | "));
        text.push_str(" |\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::CpuSpan;
    use crate::outcome::Latency;

    fn run(label: Label, units: u64, ns: u64, p99: f64) -> Run {
        let outcome = Outcome {
            units,
            cpu: CpuSpan { ns, user_share: 0.5 },
            seconds: 2.0,
            client_busy: 0.5,
            latency_ms: Some(Latency { p50: 1.0, p99 }),
            ..Outcome::default()
        };
        Run { scenario: Scenario::Paced, label, outcome }
    }

    #[test]
    fn a_scenario_becomes_rows_with_ratios_to_the_floors_median() {
        let mut runs = vec![run(Label::Floor, 1_000, 2_000_000, 5.0), run(Label::Peal, 1_000, 3_000_000, 15.0)];
        runs[1].outcome.faults.lost = 3;
        let rows = rows(&runs);
        assert_eq!(rows.len(), 2, "CPU and p99");
        let same = |value| Some(Summary { median: value, min: value, max: value });
        assert_eq!((rows[0].floor, rows[0].peal, rows[0].ratio), (same(2.0), same(3.0), same(1.5)));
        assert_eq!(rows[1].ratio, same(3.0));
        assert_eq!(rows[1].targets, "≤ 2.0 x: **missed**");
        let table = render(&rows);
        assert!(table.contains("| paced, per delivery | µs | 2.00 (2.00-2.00) | 3.00 (3.00-3.00) | 1.50 (1.50-1.50) |"), "{table}");
        assert!(table.contains("**3, 0, 0**"), "{table}");
        assert!(line(&runs[1]).contains("FAULTS"));
    }
}
