//! What a soak has shown, as a table and as JSON.

use std::fmt;

use serde::Serialize;

use super::sample::Sample;
use super::verdict::{Trend, left_behind};
use super::work::Done;

/// Looks that the table shows.
const ROWS: usize = 12;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    heap: Option<Trend>,
    tasks: Option<Trend>,
    pss: Option<Trend>,
    /// Why it is not as promised; nothing if it is.
    pub(super) wrong: Vec<String>,
    done: Done,
    before: Sample,
    after: Sample,
    samples: Vec<Sample>,
}

impl Report {
    pub(super) fn new(before: Sample, samples: Vec<Sample>, after: Sample, done: Done) -> Self {
        let heap = Trend::of(&samples, |sample| sample.heap_bytes);
        let tasks = Trend::of(&samples, |sample| sample.tasks);
        let pss = Trend::of(&samples, |sample| sample.pss_bytes);
        let mut wrong = left_behind(&before, &after);
        for (what, trend) in [("heap", heap), ("tasks", tasks)] {
            match trend {
                Some(trend) if trend.is_flat() => {}
                Some(trend) => {
                    wrong.push(format!("{what} grow by {:.0} an hour, at most {:.0} is allowed", trend.per_hour, trend.at_most()))
                }
                None => wrong.push(format!("there are too few looks to tell whether {what} grow")),
            }
        }
        let seen = &done.seen;
        for (what, count) in [
            ("messages were lost", seen.lost),
            ("messages came twice", seen.doubled),
            ("discontinuities were announced", seen.discontinuities),
            ("resumes found too little kept", seen.not_resumed),
            ("things failed", done.failures),
        ] {
            if count > 0 {
                wrong.push(format!("{count} {what}"));
            }
        }
        Self { heap, tasks, pss, wrong, done, before, after, samples }
    }

    pub(super) fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

pub(super) fn line(sample: &Sample) -> String {
    format!(
        "{:>6.0} {:>8.1} {:>8.1} {:>8.1} {:>8.1} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6}",
        sample.at_s,
        mb(sample.pss_bytes),
        mb(sample.rss_bytes),
        mb(sample.heap_bytes),
        mb(sample.held_bytes),
        sample.tasks,
        sample.files,
        sample.connections,
        sample.subscriptions,
        sample.topics,
        sample.members,
        sample.timers,
    )
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  time      PSS      RSS     heap     held  tasks  files  conns   subs  chans  membs timers")?;
        writeln!(f, "     s       MB       MB       MB       MB")?;
        let step = self.samples.len().div_ceil(ROWS).max(1);
        writeln!(f, "{} before", line(&self.before))?;
        // The last one is always shown.
        let mut shown: Vec<&Sample> = self.samples.iter().rev().step_by(step).collect();
        shown.reverse();
        shown.into_iter().try_for_each(|sample| writeln!(f, "{}", line(sample)))?;
        writeln!(f, "{} after everybody left", line(&self.after))?;
        for (what, trend, unit) in [("heap", self.heap, 1e6), ("PSS", self.pss, 1e6), ("tasks", self.tasks, 1.0)] {
            let Some(trend) = trend else { continue };
            let unit_name = if unit > 1.0 { " MB" } else { "" };
            let judged = match (what, trend.is_judged()) {
                ("PSS", _) => "shown only".to_owned(),
                (_, true) => format!("at most {:.2}{unit_name} allowed", trend.at_most() / unit),
                (_, false) => "too short to be judged".to_owned(),
            };
            let (mean, slope) = (trend.mean / unit, trend.per_hour / unit);
            writeln!(f, "{what}: mean {mean:.2}{unit_name}, {slope:+.2}{unit_name} an hour over {:.0} s ({judged})", trend.over_s)?;
        }
        let Done { visits, cuts, published, flooded, history_pages, received, slow_closed, slow_went_on, failures, last_failure, seen } =
            &self.done;
        writeln!(
            f,
            "{visits} visits, {cuts} cuts, {} resumed, {} not; {published} published and {flooded} large ones",
            seen.resumed, seen.not_resumed
        )?;
        writeln!(
            f,
            "{} received, {} lost, {} doubled; {history_pages} pages of history",
            seen.received + received,
            seen.lost,
            seen.doubled
        )?;
        writeln!(f, "slow readers: {slow_closed} closed, {slow_went_on} went on; {failures} failures {last_failure}")?;
        match self.wrong.as_slice() {
            [] => writeln!(f, "as promised"),
            wrong => wrong.iter().try_for_each(|why| writeln!(f, "not as promised: {why}")),
        }
    }
}
