//! `make cluster`: a fleet until Ctrl-C. An edge that ends is started again, so that each can be rolled by a SIGTERM.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{Fleet, FleetArgs, Layout};

/// How often edges are looked at.
const WATCH: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    fleet: FleetArgs,
    /// nginx listens here, the edges on the ports after it, the API 100 above
    #[arg(long, default_value = "7100")]
    base_port: u16,
    /// Where the fleet is described for others, as JSON; removed at the end
    #[arg(long, default_value = ".peal/cluster.json")]
    file: PathBuf,
}

/// # Errors
/// A part that does not start, or an edge that does not start again.
pub(crate) fn serve(args: &ServeArgs) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // From here on a signal ends the fleet in order.
    let (mut interrupt, mut terminate) = {
        let _within = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let mut fleet = Fleet::start(&args.fleet, Some(args.base_port))?;
    write(&args.file, &fleet.layout)?;
    println!("{}", describe(&fleet.layout));
    let stopped = || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => true,
                _ = terminate.recv() => true,
                () = tokio::time::sleep(WATCH) => false,
            }
        })
    };
    let outcome = watch(&mut fleet, &args.file, stopped);
    fs::remove_file(&args.file).ok();
    println!("stopping");
    fleet.stop();
    outcome
}

fn watch(fleet: &mut Fleet, file: &Path, mut stopped: impl FnMut() -> bool) -> io::Result<()> {
    while !stopped() {
        for index in fleet.ended() {
            let code = fleet.start_again(index)?;
            write(file, &fleet.layout)?;
            println!("edge {} ended ({}) and is back", index + 1, code.map_or("killed".into(), |code| format!("exit code {code}")));
        }
    }
    Ok(())
}

/// Appears whole.
fn write(file: &Path, layout: &Layout) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let aside = file.with_extension("new");
    fs::write(&aside, serde_json::to_vec_pretty(layout)?)?;
    fs::rename(aside, file)
}

fn describe(layout: &Layout) -> String {
    let Layout { url, api_url, redis_url, redis_replica_url, database_url, app, key, secret, folder, .. } = layout;
    let edges: String = layout.edges.iter().map(|edge| format!("\n    {}  metrics {}/metrics", edge.url, edge.admin_url)).collect();
    format!(
        "edges, through nginx  {url}\n  each by itself{edges}\ndashboard and API     {api_url}\nRedis                 {redis_url}, replica {redis_replica_url}\n\
         Postgres              {database_url}\napp                   {app}, key {key}, secret {secret}\nlogs                  {}\n\n\
         Try it:  PEAL_KEY={key}:{secret} peal publish hello '\"world\"' --edge-url {url}\nRoll it: make cluster-restart\nCtrl-C stops everything.",
        folder.display()
    )
}
