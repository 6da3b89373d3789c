//! Runs the steps: as many at once as there are cores, each after the steps it needs.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Instant;

use super::plan::{self, STEPS, Step};
use super::report::{self, Report};
use super::{Context, Outcome};

/// Runs these steps and what they need; without any, all the ordinary or all the deep ones. Prints as it goes, the verdict last.
#[must_use]
pub fn run(only: &[String], deep: bool) -> ExitCode {
    let wanted = match wanted(only, deep) {
        Ok(wanted) => wanted,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let context = Context::new();
    let mut board = Board::new(&wanted, context.cores);
    let mut report = Report::default();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let (sender, finished) = mpsc::channel();
        loop {
            while let Some(at) = board.start_next() {
                report::begin(&STEPS[at]);
                let (sender, context) = (sender.clone(), &context);
                scope.spawn(move || {
                    let begun = Instant::now();
                    // A step that panics is a failed step; the receiver lives as long as a step runs.
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (STEPS[at].run)(context)));
                    let outcome = outcome.unwrap_or_else(|_| Outcome::failed("the step itself panicked, see above"));
                    sender.send((at, outcome, begun.elapsed())).ok();
                });
            }
            if board.is_idle() {
                break;
            }
            let (at, outcome, took) = finished.recv().expect("a step is running and holds a sender");
            board.finish(at, outcome.failures.is_empty());
            report.end(&STEPS[at], &outcome, took);
            for at in board.give_up() {
                report.not_run(&STEPS[at]);
            }
        }
    });
    report.conclude(begun.elapsed())
}

/// Indices of the named steps and all they need.
fn wanted(only: &[String], deep: bool) -> Result<BTreeSet<usize>, String> {
    let mut wanted = BTreeSet::new();
    if only.is_empty() {
        (0..STEPS.len()).filter(|at| STEPS[*at].deep == deep).for_each(|at| add_with_needs(at, &mut wanted));
    }
    for name in only {
        let at = plan::find(name).ok_or_else(|| format!("there is no step `{name}`; --list shows them"))?;
        add_with_needs(at, &mut wanted);
    }
    Ok(wanted)
}

fn add_with_needs(at: usize, wanted: &mut BTreeSet<usize>) {
    if wanted.insert(at) {
        for needed in STEPS[at].after {
            add_with_needs(plan::find(needed).expect("the plan's own test checks names"), wanted);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Passed,
    Failed,
}

/// Which steps are where.
struct Board {
    states: Vec<Option<State>>,
    cores: usize,
}

impl Board {
    fn new(wanted: &BTreeSet<usize>, cores: usize) -> Self {
        Self { states: (0..STEPS.len()).map(|at| wanted.contains(&at).then_some(State::Waiting)).collect(), cores }
    }

    fn in_state(&self, state: State) -> impl Iterator<Item = usize> {
        self.states.iter().enumerate().filter(move |(_, found)| **found == Some(state)).map(|(at, _)| at)
    }

    /// The first step that may start is marked as running.
    fn start_next(&mut self) -> Option<usize> {
        let at = self.in_state(State::Waiting).find(|at| self.may_start(&STEPS[*at]))?;
        self.states[at] = Some(State::Running);
        Some(at)
    }

    fn may_start(&self, step: &Step) -> bool {
        let ready = step.after.iter().all(|needed| plan::find(needed).is_some_and(|at| self.states[at] == Some(State::Passed)));
        let lane_free = self.in_state(State::Running).all(|at| STEPS[at].lane.is_none() || STEPS[at].lane != step.lane);
        let busy: usize = self.in_state(State::Running).map(|at| STEPS[at].weight.min(self.cores)).sum();
        ready && lane_free && (busy == 0 || busy + step.weight.min(self.cores) <= self.cores)
    }

    fn finish(&mut self, at: usize, passed: bool) {
        self.states[at] = Some(if passed { State::Passed } else { State::Failed });
    }

    /// Fails the steps that wait for one that failed, and answers them.
    fn give_up(&mut self) -> Vec<usize> {
        let mut given_up = Vec::new();
        // The plan names only earlier steps, so one pass from the front reaches all.
        for (at, step) in STEPS.iter().enumerate() {
            let needs_failed = step.after.iter().any(|needed| plan::find(needed).is_some_and(|at| self.states[at] == Some(State::Failed)));
            if self.states[at] == Some(State::Waiting) && needs_failed {
                self.states[at] = Some(State::Failed);
                given_up.push(at);
            }
        }
        given_up
    }

    fn is_idle(&self) -> bool {
        self.in_state(State::Running).next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start_all(board: &mut Board) -> Vec<&'static str> {
        std::iter::from_fn(|| board.start_next()).map(|at| STEPS[at].name).collect()
    }

    fn finish(board: &mut Board, name: &str, passed: bool) {
        board.finish(plan::find(name).expect("a step"), passed);
    }

    #[test]
    fn one_lane_runs_one_step_and_cores_bound_the_rest() {
        let mut board = Board::new(&wanted(&[], false).expect("all"), 2);
        assert_eq!(start_all(&mut board), ["tools"]);
        finish(&mut board, "tools", true);
        assert_eq!(start_all(&mut board), ["fmt", "sdk-install"]);
        finish(&mut board, "fmt", true);
        assert_eq!(start_all(&mut board), ["dashboard-install"]);
    }

    #[test]
    fn what_needs_a_failed_step_is_given_up_and_the_rest_goes_on() {
        let mut board = Board::new(&wanted(&[], false).expect("all"), 2);
        start_all(&mut board);
        finish(&mut board, "tools", true);
        start_all(&mut board);
        finish(&mut board, "sdk-install", false);
        let given_up: Vec<_> = board.give_up().into_iter().map(|at| STEPS[at].name).collect();
        assert!(given_up.contains(&"sdk-unit") && given_up.contains(&"build") && given_up.contains(&"rust"), "{given_up:?}");
        assert!(!given_up.contains(&"clippy") && !given_up.contains(&"dashboard-unit"), "{given_up:?}");
    }

    #[test]
    fn a_chosen_step_brings_what_it_needs_and_nothing_else() {
        let chosen: Vec<_> = wanted(&["sdk-unit".into()], false).expect("a step").into_iter().map(|at| STEPS[at].name).collect();
        assert_eq!(chosen, ["tools", "sdk-install", "sdk-build", "sdk-unit"]);
        assert!(wanted(&["nonsense".into()], false).is_err());
    }

    #[test]
    fn deep_steps_run_only_when_asked_for_and_bring_only_what_they_need() {
        let names = |only: &[String], deep| wanted(only, deep).expect("steps").into_iter().map(|at| STEPS[at].name).collect::<Vec<_>>();
        assert!(!names(&[], false).iter().any(|name| name.ends_with("-deep")));
        let deep = names(&[], true);
        assert!(deep.contains(&"simulation-deep") && deep.contains(&"faults-deep") && deep.contains(&"build"), "{deep:?}");
        assert!(!deep.contains(&"rust") && !deep.contains(&"clippy"), "{deep:?}");
        assert!(names(&["simulation-deep".into()], false).contains(&"simulation-deep"));
    }
}
