//! Everything, interleaved: for each scenario and repetition, each server in turn, the order alternating.

mod record;
pub(crate) mod server;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::machine;
use crate::outcome::Outcome;
use crate::scenario::{Scale, Scenario};
use server::{Label, Server};

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// One repetition and less of everything: under two minutes, for a first look
    #[arg(long)]
    quick: bool,
    #[arg(long, value_enum, conflicts_with = "quick", hide = true)]
    scale: Option<Scale>,
    /// Only this scenario; may repeat
    #[arg(long, value_enum)]
    only: Vec<Scenario>,
    /// Instead of what the scale says
    #[arg(long)]
    repetitions: Option<usize>,
    /// The server to measure; by default the `peal` beside this binary
    #[arg(long, env = "PEAL_BIN")]
    peal: Option<PathBuf>,
    /// Write the numbers into this crate's RESULTS.md
    #[arg(long)]
    record: bool,
    /// Print every single run as JSON, one a line, instead of the table
    #[arg(long)]
    json: bool,
}

/// One run of one scenario against one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) label: Label,
    pub(crate) outcome: Outcome,
}

/// # Errors
/// A server that does not start, a load that fails.
pub(crate) fn run(args: &RunArgs) -> io::Result<ExitCode> {
    let scale = args.scale.unwrap_or(if args.quick { Scale::Quick } else { Scale::Full });
    let peal = match &args.peal {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("peal"),
    };
    let mut bench = Bench { scale, peal, cores: Cores::choose(), kept: Vec::new() };
    let began = Instant::now();
    let load_before = machine::load_average();
    let chosen: Vec<Scenario> = Scenario::ALL.into_iter().filter(|scenario| args.only.is_empty() || args.only.contains(scenario)).collect();
    let mut runs = Vec::new();
    for scenario in chosen {
        for repetition in 0..args.repetitions.unwrap_or(scale.repetitions()) {
            for label in Label::in_turn(repetition).into_iter().filter(|label| *label == Label::Peal || scenario.has_floor()) {
                let outcome = bench.play(scenario, label)?;
                let run = Run { scenario, label, outcome };
                if args.json {
                    writeln!(io::stdout(), "{}", serde_json::to_string(&run)?)?;
                } else {
                    eprintln!("{}", table::line(&run));
                }
                runs.push(run);
            }
        }
    }
    let rows = table::rows(&runs);
    let table = table::render(&rows);
    if !args.json {
        writeln!(io::stdout(), "\n{table}\n{:.0} s.", began.elapsed().as_secs_f64())?;
    }
    if args.record {
        let path = record::write(&record::Circumstances { load_before, cores: bench.cores }, &table)?;
        eprintln!("recorded in {}", path.display());
    }
    let is_clean = runs.iter().all(|run| run.outcome.faults.is_clean());
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Which core is whose: the server's and the load's differ where there are two.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) load: usize,
}

impl Cores {
    fn choose() -> Self {
        let cores = machine::cores();
        let server = cores.first().copied().unwrap_or(0);
        Self { server, load: cores.get(1).copied().unwrap_or(server) }
    }
}

struct Bench {
    scale: Scale,
    peal: PathBuf,
    cores: Cores,
    /// Servers that serve every scenario: numbers do not matter at the tiny scale, and starting takes longest.
    kept: Vec<Server>,
}

impl Bench {
    fn play(&mut self, scenario: Scenario, label: Label) -> io::Result<Outcome> {
        if self.scale == Scale::Tiny {
            let at = match self.kept.iter().position(|server| server.label() == label && server.rate() == scenario.rate()) {
                Some(at) => at,
                None => {
                    self.kept.push(Server::start(label, &self.peal, self.cores.server, scenario.rate())?);
                    self.kept.len() - 1
                }
            };
            return self.load(scenario, &self.kept[at]);
        }
        let server = Server::start(label, &self.peal, self.cores.server, scenario.rate())?;
        self.load(scenario, &server)
    }

    fn load(&self, scenario: Scenario, server: &Server) -> io::Result<Outcome> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("load").arg(scenario.name());
        command.args(["--addr", &server.addr().to_string(), "--pid", &server.pid().to_string()]);
        command.args(["--scale", clap::ValueEnum::to_possible_value(&self.scale).as_ref().map_or("full", |value| value.get_name())]);
        let output =
            server::on_core(self.cores.load, || command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn())?.wait_with_output()?;
        if !output.status.success() {
            let what = format!("the load of {} against {} failed", scenario.name(), server.label().name());
            return Err(io::Error::other(format!("{what}\n{}", server.said())));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
