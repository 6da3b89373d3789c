//! The soak: a server under constant churn and fan-out for an hour, whose memory must not grow and which must be as it was once everybody
//! has left.
//!
//! Clients of all kinds come and go ([`visitor`]), are cut and resume ([`resumer`]), or do not read ([`slow`]); meanwhile the server is looked at
//! every few seconds ([`sample`]). The verdict ([`verdict`]) takes no single look but the slope of a line through all of them.

mod report;
mod resumer;
mod sample;
mod slow;
mod verdict;
mod visitor;
mod work;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::task::JoinSet;

use crate::machine;
use crate::run::server::{self, Server};
use report::Report;
use sample::{Sample, Sampler};
use work::{Place, Work};

/// How long the server may take to forget those who left: members of lost connections have a grace.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(60);
/// How long subscribers may take to get the last messages.
const DELIVERED_WITHIN: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(crate) struct SoakArgs {
    /// How long clients come and go
    #[arg(long, default_value = "60")]
    minutes: f64,
    /// Seconds between two looks at the server
    #[arg(long, default_value = "10")]
    every: f64,
    /// Clients at one time; a quarter are native, a quarter Pusher, half are cut and resume
    #[arg(long, default_value = "200")]
    clients: usize,
    /// Messages a second to the shared channels
    #[arg(long, default_value = "20")]
    rate: u32,
    /// Cores of the server
    #[arg(long, default_value = "2")]
    cores: usize,
    /// The server to soak; by default the `peal` beside this binary
    #[arg(long, env = "PEAL_BIN")]
    peal: Option<PathBuf>,
    /// Print the report, with every look, as one JSON object
    #[arg(long)]
    json: bool,
}

/// # Errors
/// A server that does not start or that cannot be asked. What it did is in the report, and in the exit code.
pub(crate) fn soak(args: &SoakArgs) -> io::Result<ExitCode> {
    machine::raise_file_limit()?;
    let peal = match &args.peal {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("peal"),
    };
    let server = Server::start_with(&peal, &server::Options { cores: args.cores, ..server::Options::default() })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(play(args, &server)).map_err(|error| io::Error::other(format!("{error}\n{}", server.said())))?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(args: &SoakArgs, server: &Server) -> io::Result<Report> {
    // Pools and caches that anybody's first visit fills belong to what the server costs.
    warm_up(&Place::of(server)?).await?;
    let sampler = Sampler::new(server)?;
    let before = settled(&sampler, verdict::is_unused).await?;
    let place = Place::of(server)?;
    let work = Work::new(args.minutes);
    let mut crowd = JoinSet::new();
    for number in 0..args.clients {
        match number % 4 {
            0 => crowd.spawn(visitor::native(place.clone(), work.clone(), number)),
            1 => crowd.spawn(visitor::pusher(place.clone(), work.clone(), number)),
            _ => crowd.spawn(resumer::run(place.clone(), work.clone(), number)),
        };
    }
    let resumers = (0..args.clients).filter(|number| number % 4 > 1).count();
    wait("everybody is subscribed", DELIVERED_WITHIN, || work.live() == resumers).await?;
    for number in 0..2 {
        crowd.spawn(slow::native(place.clone(), work.clone(), number));
        crowd.spawn(slow::pusher(place.clone(), work.clone()));
    }
    crowd.spawn(slow::flood(place.clone(), work.clone()));
    crowd.spawn(work::publish(place.clone(), work.clone(), args.rate));
    let began = Instant::now();
    let mut samples: Vec<Sample> = Vec::new();
    while began.elapsed() < work.duration() {
        tokio::time::sleep(Duration::from_secs_f64(args.every)).await;
        samples.push(sampler.look(began).await?);
        if !args.json {
            eprintln!("{}", report::line(samples.last().unwrap_or(&before)));
        }
    }
    work.stop();
    while let Some(ended) = crowd.join_next().await {
        ended.map_err(|error| io::Error::other(format!("a client ended badly: {error}")))?;
    }
    // With its connections for publishes.
    drop(place);
    let after = settled(&sampler, |sample| verdict::left_behind(&before, sample).is_empty()).await?;
    Ok(Report::new(before, samples, after, work.done()))
}

async fn warm_up(place: &Place) -> io::Result<()> {
    let work = Work::new(0.0);
    work.stop();
    visitor::native(place.clone(), work.clone(), 0).await;
    visitor::pusher(place.clone(), work.clone(), 1).await;
    let done = work.done();
    if done.failures == 0 { Ok(()) } else { Err(io::Error::other(format!("a first visit fails: {}", done.last_failure))) }
}

/// What the server looks like once this holds, or at last.
async fn settled(sampler: &Sampler, is_so: impl Fn(&Sample) -> bool) -> io::Result<Sample> {
    let began = Instant::now();
    loop {
        let sample = sampler.look(began).await?;
        if is_so(&sample) || began.elapsed() > FORGOTTEN_WITHIN {
            return Ok(sample);
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn wait(what: &str, at_most: Duration, is_so: impl Fn() -> bool) -> io::Result<()> {
    let deadline = Instant::now() + at_most;
    while !is_so() {
        if Instant::now() > deadline {
            return Err(io::Error::other(format!("not within {} s: {what}", at_most.as_secs())));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
