//! `peal config check`: every problem at once, where a start would stop at the first.

use super::file::{unknown, value_problem};
use super::{ConfigFile, ParseError, layered, table};
use crate::cli::ConfigArgs;

/// Read by programs other than the servers, or by a server without being a setting.
const OTHER_VARIABLES: [&str; 6] = ["PEAL_CONFIG", "PEAL_KEY", "PEAL_TOKEN", "PEAL_EDGE_URL", "PEAL_POSTGRES_BIN", "PEAL_GIT_HASH"];

/// All problems of the command's configuration; empty when it would start.
pub(crate) fn check(args: &ConfigArgs, environment: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let mut problems = environment_problems(args, environment);
    let command_line: Vec<_> = ["peal".into(), args.command.name().into()].into_iter().chain(args.flags.iter().cloned()).collect();
    if let Some(path) = file_path(args) {
        match ConfigFile::read(&path) {
            Ok(file) => problems.extend(file.problems()),
            Err(failure) => problems.push(failure.text),
        }
    }
    match layered(&command_line) {
        Ok(_) => {}
        // The file's problems are in the list already.
        Err(ParseError::File(_)) => {}
        Err(ParseError::Clap(error)) if problems.is_empty() => problems.push(error.to_string().trim_end().to_owned()),
        Err(ParseError::Clap(error)) => {
            let first = error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            if !problems.iter().any(|problem| problem.contains(&first)) {
                problems.push(first);
            }
        }
    }
    problems
}

fn environment_problems(args: &ConfigArgs, environment: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let known = table::all();
    let names: Vec<&str> = known.iter().map(|(setting, _)| setting.env.as_str()).chain(OTHER_VARIABLES).collect();
    environment
        .filter(|(name, _)| name.starts_with("PEAL_") && !name.starts_with("PEAL_TEST_"))
        .filter_map(|(name, value)| {
            if !names.contains(&name.as_str()) {
                return Some(unknown("variable", &name, names.iter().copied()));
            }
            let (setting, _) = known.iter().find(|(setting, commands)| setting.env == name && commands.contains(&args.command))?;
            value_problem(args.command, setting, &[value]).map(|problem| format!("{name}: {problem}"))
        })
        .collect()
}

/// Without parsing the rest, which may be wrong.
fn file_path(args: &ConfigArgs) -> Option<std::path::PathBuf> {
    let mut flags = args.flags.iter();
    while let Some(flag) = flags.next() {
        if flag == "--config" {
            return flags.next().map(Into::into);
        }
        if let Some(path) = flag.to_str().and_then(|flag| flag.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    std::env::var_os("PEAL_CONFIG").map(Into::into)
}
