//! What Peal costs, beside what the same traffic costs at the very least.
//!
//! `peal-bench run` starts a fresh server for every run, [`run::server`], and a load process, [`load`], on another core. The servers are
//! Peal's release binary and the [`floor`], a bare epoll loop, taking turns, because a machine's speed drifts by more than what is to be
//! seen. Reported is the server's own CPU time for each unit of work, the ratio to the floor's median in the same run, and whether
//! anything was lost, doubled or reordered. `RESULTS.md` beside this crate holds the recorded numbers and how to read them.

mod fleet;
mod floor;
mod histogram;
mod load;
mod machine;
mod outcome;
mod payload;
mod poller;
mod run;
mod scenario;
mod sequence;
mod sign;
mod soak;
mod statistics;
mod storm;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use run::RunArgs;
use scenario::{Scale, Scenario};

#[derive(Debug, Parser)]
#[command(name = "peal-bench", about = "Measures Peal beside a bare loop that carries the same traffic")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure everything, interleaved, and print a table
    Run(RunArgs),
    /// Serve the same traffic with a bare epoll loop; prints its address
    Floor {
        /// Port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:0")]
        addr: SocketAddr,
    },
    /// Play one scenario against a running server; prints a JSON object
    Load {
        scenario: Scenario,
        #[arg(long)]
        addr: SocketAddr,
        /// The server's process, whose clock and memory are read
        #[arg(long)]
        pid: u32,
        #[arg(long, value_enum, default_value = "full")]
        scale: Scale,
    },
    /// Run a fleet on this machine until Ctrl-C: three edges, API, meter, Postgres, Redis with a replica, nginx
    Fleet(fleet::ServeArgs),
    /// Restart the edges of a fleet one after the other under load, and report what its clients saw
    Storm(storm::StormArgs),
    /// Serve clients that come and go for an hour, and report whether memory or anything else grows
    Soak(soak::SoakArgs),
    /// The clients of a storm
    #[command(hide = true)]
    StormCrowd(storm::CrowdArgs),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Floor { addr } => floor::run(addr).map(|()| ExitCode::SUCCESS),
        Command::Fleet(args) => fleet::serve(&args).map(|()| ExitCode::SUCCESS),
        Command::Storm(args) => storm::storm(&args),
        Command::Soak(args) => soak::soak(&args),
        Command::StormCrowd(args) => storm::crowd(args).map(|()| ExitCode::SUCCESS),
        Command::Load { scenario, addr, pid, scale } => play(scenario, scale, addr, pid),
    };
    done.unwrap_or_else(|error| {
        eprintln!("peal-bench: {error}");
        ExitCode::FAILURE
    })
}

fn play(scenario: Scenario, scale: Scale, addr: SocketAddr, pid: u32) -> io::Result<ExitCode> {
    let outcome = load::run(scenario, scale, addr, pid)?;
    serde_json::to_writer(io::stdout(), &outcome)?;
    Ok(ExitCode::SUCCESS)
}
