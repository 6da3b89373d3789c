//! Where a setting's value comes from: flag, else environment, else file, else default.
//!
//! clap already orders the first, second and last. The file takes the place of the defaults: its values become the default values of
//! the command before it is parsed, so that every value passes the same parser and there is one definition per setting.

mod check;
mod file;
mod print;
mod redact;
mod table;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::cli::{Cli, ServerCommand};
use crate::failure::Failure;
use crate::settings::SECRET_FLAGS;

pub(crate) use check::{NO_DATABASE, NO_KEYS, check};
pub(crate) use file::ConfigFile;
pub(crate) use print::print;

/// A parsed command line and what it was parsed from.
#[derive(Debug)]
pub(crate) struct Layered {
    matches: ArgMatches,
    file: Option<ConfigFile>,
}

#[derive(Debug)]
pub(crate) enum ParseError {
    /// clap's own: also `--help` and `--version`. It knows how to print itself.
    Clap(clap::Error),
    File(Failure),
}

/// Parses the whole command line, with the configuration file that it or the environment names.
pub(crate) fn parse(args: &[OsString]) -> Result<Cli, ParseError> {
    let layered = layered(args)?;
    Cli::from_arg_matches(&layered.matches).map_err(ParseError::Clap)
}

fn layered(args: &[OsString]) -> Result<Layered, ParseError> {
    let matches = Cli::command().try_get_matches_from(args).map_err(without_secret)?;
    let Some((server, file)) = file_of(&matches).map_err(ParseError::File)? else {
        return Ok(Layered { matches, file: None });
    };
    let problems = file.problems();
    if !problems.is_empty() {
        return Err(ParseError::File(Failure::usage(problems.join("\n"))));
    }
    let command = with_defaults(Cli::command(), server, &file);
    let matches = command.try_get_matches_from(args).map_err(without_secret)?;
    Ok(Layered { matches, file: Some(file) })
}

/// clap's sentence repeats the value it refuses.
fn without_secret(mut error: clap::Error) -> ParseError {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    let flag = argument.split_whitespace().next().unwrap_or_default();
    if SECRET_FLAGS.contains(&flag) && error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, ContextValue::String(redact::HIDDEN.to_owned()));
    }
    ParseError::Clap(error)
}

/// The file of a server command, read.
fn file_of(matches: &ArgMatches) -> Result<Option<(ServerCommand, ConfigFile)>, Failure> {
    let Some((name, settings)) = matches.subcommand() else { return Ok(None) };
    let Some(server) = ServerCommand::ALL.into_iter().find(|server| server.name() == name) else { return Ok(None) };
    let Some(path) = settings.get_one::<std::path::PathBuf>("config") else { return Ok(None) };
    Ok(Some((server, ConfigFile::read(path)?)))
}

/// Keys of other commands are left alone, because one file may serve several.
fn with_defaults(command: Command, server: ServerCommand, file: &ConfigFile) -> Command {
    command.mut_subcommand(server.name(), |mut subcommand| {
        let known: Vec<String> = table::of(server).into_iter().map(|setting| setting.key).collect();
        for (key, values) in file.values().filter(|(key, _)| known.contains(key)) {
            subcommand = subcommand.mut_arg(key, |arg| arg.default_values(values.to_vec()));
        }
        subcommand
    })
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Flag(String),
    Environment(String),
    File(String),
    Default,
    Unset,
}

impl Layered {
    fn source(&self, settings: &ArgMatches, setting: &table::Setting) -> Source {
        match settings.value_source(&setting.key) {
            Some(ValueSource::CommandLine) => Source::Flag(setting.flag.clone()),
            Some(ValueSource::EnvVariable) => Source::Environment(setting.env.clone()),
            Some(_) => match &self.file {
                Some(file) if file.has(&setting.key) => Source::File(file.path().display().to_string()),
                _ => Source::Default,
            },
            None => Source::Unset,
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Environment(name) => f.write_str(name),
            Self::File(path) => f.write_str(path),
            Self::Default => f.write_str("default"),
            Self::Unset => f.write_str("not set"),
        }
    }
}

#[cfg(test)]
mod tests;
