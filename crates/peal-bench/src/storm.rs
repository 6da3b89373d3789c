//! The storm: edges of a fleet are restarted one after the other under a steady publish, and every client must be back, go on where it was,
//! and have each message once.
//!
//! Clients live in processes of their own ([`crowd`]), each a small native client that does what the protocol asks of one
//! ([`client`]); this process publishes ([`publisher`]), rolls the edges, and reports.

mod client;
mod crowd;
mod publisher;
mod report;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use crate::fleet::{Ending, FleetArgs, Running, get};
pub(crate) use client::{Act, Client, Numbered, Seen};
use crowd::Crowd;
pub(crate) use crowd::{CrowdArgs, run as crowd};
use publisher::Publisher;
use report::{Report, Restart};

/// The promise of DESIGN 5.2: everybody is back and continuous.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// How long all may take to connect at first, and to get the last messages at the end.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, Args)]
pub(crate) struct StormArgs {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Roll the fleet that `make cluster` runs and that this file describes, instead of one of our own
    #[arg(long)]
    file: Option<PathBuf>,
    #[arg(long, default_value = "600")]
    clients: usize,
    /// Processes that the clients are spread over
    #[arg(long, default_value = "2")]
    processes: usize,
    #[arg(long, default_value = "30")]
    channels: usize,
    /// Publishes a second, over all channels
    #[arg(long, default_value = "50")]
    rate: u32,
    /// Edges that are restarted, one after the other
    #[arg(long, default_value = "2")]
    restarts: usize,
    /// Kill the edges instead of asking them to stop: no client is told
    #[arg(long)]
    kill: bool,
    /// Clients and publishes go through nginx instead of to the edges themselves
    #[arg(long)]
    through_proxy: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    json: bool,
}

/// # Errors
/// A fleet or a process that does not start or end as it must. What the clients saw is in the report, and in the exit code.
pub(crate) fn storm(args: &StormArgs) -> io::Result<ExitCode> {
    crate::machine::raise_file_limit()?;
    let mut fleet = Running::open(&args.fleet, args.file.as_deref())?;
    let outcome = play(args, &mut fleet);
    let report = outcome.map_err(|error| io::Error::other(format!("{error}\n{}", fleet.logs())))?;
    fleet.stop();
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    let wrong = report.wrong();
    wrong.iter().for_each(|why| eprintln!("not as promised: {why}"));
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn play(args: &StormArgs, fleet: &mut Running) -> io::Result<Report> {
    let layout = fleet.layout().clone();
    let urls: Vec<String> = match args.through_proxy {
        true => vec![layout.url.clone()],
        false => layout.edges.iter().map(|edge| edge.url.clone()).collect(),
    };
    let run = format!("storm-{:x}", std::process::id());
    let mut crowd = Crowd::start(args, &urls, &layout.key, &run)?;
    let began = Instant::now();
    wait("every client has subscribed", PATIENCE, || crowd.all_live())?;
    let connected_ms = began.elapsed().as_millis() as u64;
    let publisher = Publisher::start(&urls, &layout, &run, args.channels, args.rate)?;
    // The first message of a channel begins its era, and every node looks once whether it missed something before: not the storm's doing.
    wait("every channel has a message", PATIENCE, || Ok(publisher.has_begun()))?;
    let mut looks = history_reads(fleet)?;
    wait("nobody reads history", PATIENCE, || {
        let before = std::mem::replace(&mut looks, history_reads(fleet)?);
        Ok(before == looks)
    })?;
    let mut restarts = Vec::new();
    for index in 0..args.restarts {
        let reads_before = history_reads(fleet)?;
        let own_before = reads_before.get(index).copied().unwrap_or(0);
        let began = Instant::now();
        fleet.restart(index, if args.kill { Ending::Killed } else { Ending::Asked }, || {})?;
        let ready_ms = began.elapsed().as_millis() as u64;
        crowd.forget();
        wait("every client is back", BACK_WITHIN + PATIENCE, || crowd.all_live())?;
        let back_ms = began.elapsed().as_millis() as u64;
        // The restarted edge counts from nothing.
        let reads = history_reads(fleet)?.iter().sum::<u64>() + own_before - reads_before.iter().sum::<u64>();
        restarts.push(Restart { edge: index + 1, ready_ms, back_ms, history_reads: reads });
    }
    let published = publisher.stop()?;
    let seen = crowd.finish(&published.totals, PATIENCE)?;
    Ok(Report {
        clients: args.clients,
        processes: args.processes,
        channels: args.channels,
        edges: layout.edges.len(),
        through_proxy: args.through_proxy,
        killed: args.kill,
        connected_ms,
        restarts,
        published: published.totals.values().sum(),
        publish_retries: published.retries,
        publish_pause_ms: published.pause_ms,
        seen,
    })
}

/// How often each edge has asked the broker for history.
fn history_reads(fleet: &Running) -> io::Result<Vec<u64>> {
    fleet
        .layout()
        .edges
        .iter()
        .map(|edge| {
            let (_, text) = get(&format!("{}/metrics", edge.admin_url))?;
            let value = text.lines().find_map(|line| line.strip_prefix("peal_history_reads_total "));
            value.and_then(|value| value.parse().ok()).ok_or_else(|| io::Error::other("an edge does not say how often it read history"))
        })
        .collect()
}

fn wait(what: &str, at_most: Duration, mut is_so: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let deadline = Instant::now() + at_most;
    while !is_so()? {
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("not within {} s: {what}", at_most.as_secs())));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
