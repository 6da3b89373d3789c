//! The `peal` binary: the command line, configuration, wiring and shutdown. What it starts lives in the other crates.

mod cli;
mod commands;
mod config;
mod dev;
mod failure;
mod file_limit;
mod listen;
mod logging;
mod memory;
mod migrate;
mod node;
mod settings;
mod shutdown;
mod version;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use cli::{Command, ConfigCommand};
use config::ParseError;
use failure::{Failure, Kind};

/// Many small, short-lived buffers on several threads are what it is good at.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let as_json = asks_for_json(&args);
    let cli = match config::parse(&args) {
        Ok(cli) => cli,
        Err(error) => return refuse(error, as_json),
    };
    let done = match cli.command {
        Command::Dev(args) => dev::run(*args),
        Command::Edge(args) => node::edge(*args),
        Command::Api(args) => node::api(*args),
        Command::Meter(args) => node::meter(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Publish(args) => commands::publish::run(&args),
        Command::Subscribe(args) => commands::subscribe::run(&args),
        Command::Token(args) => commands::token::run(&args),
        Command::Usage(args) => commands::usage::run(&args),
        Command::Config(ConfigCommand::Print(args)) => match config::print(&args) {
            Ok(text) => print(&text),
            Err(error) => return refuse(error, as_json),
        },
        Command::Config(ConfigCommand::Check(args)) => check(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(as_json);
            failure.exit_code()
        }
    }
}

/// Also when the command line cannot be parsed. What follows `--` are arguments of another command.
fn asks_for_json(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json")
}

/// Help and version are no errors; clap knows where each is printed.
fn refuse(error: ParseError, as_json: bool) -> ExitCode {
    let failure = match error {
        ParseError::Clap(error) if as_json && error.use_stderr() => {
            Failure::usage(error.to_string().trim_start_matches("error: ").trim_end())
        }
        ParseError::Clap(error) => error.exit(),
        ParseError::File(failure) => failure,
    };
    failure.report(as_json);
    failure.exit_code()
}

fn check(args: &cli::ConfigArgs) -> Result<(), Failure> {
    let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let problems = config::check(args, environment);
    if args.json {
        print(&format!("{}\n", serde_json::json!({ "ok": problems.is_empty(), "problems": problems })))?;
    } else if problems.is_empty() {
        print(&format!("The configuration of `peal {}` is valid.\n", args.command.name()))?;
    }
    match problems.len() {
        0 => Ok(()),
        _ if args.json => Err(Failure::new(Kind::Usage, "the configuration is not valid")),
        _ => Err(Failure::usage(problems.join("\npeal: "))),
    }
}

/// A reader that has gone, as in `peal config print | head`, is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::because("cannot print", &error)),
        _ => Ok(()),
    }
}
