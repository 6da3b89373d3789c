//! `peal config check`: every problem at once, where a start would stop at the first.

use super::file::value_problem;
use super::{ConfigFile, ParseError, layered, table};
use crate::cli::{ConfigArgs, ServerCommand};

/// Read by programs other than the servers, or by a server without being a setting.
const OTHER_VARIABLES: [&str; 6] = ["PEAL_CONFIG", "PEAL_KEY", "PEAL_TOKEN", "PEAL_EDGE_URL", "PEAL_POSTGRES_BIN", "PEAL_GIT_HASH"];

pub(crate) const NO_DATABASE: &str = "there is no database: set PEAL_DATABASE_URL or --database-url";
pub(crate) const NO_KEYS: &str = "there are no master keys: set PEAL_KEYRING (name:base64 of 32 bytes) or --keyring-file";

/// So many changed, added or left out letters away, a variable's name is taken for a misspelt one of ours. Further away it belongs to
/// somebody else.
const MISSPELT_BY_MAX: usize = 2;

/// All problems of the command's configuration; empty when it would start.
pub(crate) fn check(args: &ConfigArgs, environment: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let environment: Vec<(String, String)> = environment.filter(|(name, _)| name.starts_with("PEAL_")).collect();
    let mut problems = environment_problems(args, &environment);
    let command_line: Vec<_> = ["peal".into(), args.command.name().into()].into_iter().chain(args.flags.iter().cloned()).collect();
    match file_path(args).map(|path| ConfigFile::read(&path)).transpose() {
        Ok(file) => {
            problems.extend(file.iter().flat_map(ConfigFile::problems));
            problems.extend(missing(args, &environment, file.as_ref()));
        }
        Err(failure) => problems.push(failure.text),
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

fn environment_problems(args: &ConfigArgs, environment: &[(String, String)]) -> Vec<String> {
    let known = table::all();
    let names: Vec<&str> = known.iter().map(|(setting, _)| setting.env.as_str()).chain(OTHER_VARIABLES).collect();
    let problem = |(name, value): &(String, String)| {
        if !names.contains(&name.as_str()) {
            return misspelt(name, &names);
        }
        let (setting, _) = known.iter().find(|(setting, commands)| setting.env == *name && commands.contains(&args.command))?;
        value_problem(args.command, setting, std::slice::from_ref(value)).map(|problem| format!("{name}: {problem}"))
    };
    environment.iter().filter_map(problem).collect()
}

/// Other programs have variables of this prefix too, so only what is nearly ours is a mistake.
fn misspelt(name: &str, known: &[&str]) -> Option<String> {
    let (distance, nearest) = known.iter().map(|known| (strsim::levenshtein(name, known), known)).min()?;
    (distance <= MISSPELT_BY_MAX).then(|| format!("unknown variable {name}; did you mean {nearest}?"))
}

/// What the command cannot start without and nobody gives: each entry is one need and the settings that meet it.
fn missing(args: &ConfigArgs, environment: &[(String, String)], file: Option<&ConfigFile>) -> Vec<String> {
    let database = (&["database_url"][..], NO_DATABASE);
    let keys = (&["keyring", "keyring_file"][..], NO_KEYS);
    let needs = match args.command {
        ServerCommand::Dev => vec![],
        ServerCommand::Meter => vec![database],
        ServerCommand::Edge | ServerCommand::Api | ServerCommand::Migrate => vec![database, keys],
    };
    let settings = table::of(args.command);
    let given = |key: &&str| {
        let Some(setting) = settings.iter().find(|setting| setting.key == **key) else { return false };
        let is_flag = |flag: &str| flag.strip_prefix(&setting.flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='));
        args.flags.iter().filter_map(|flag| flag.to_str()).any(is_flag)
            || environment.iter().any(|(name, _)| *name == setting.env)
            || file.is_some_and(|file| file.has(key))
    };
    needs.into_iter().filter(|(keys, _)| !keys.iter().any(given)).map(|(_, text)| text.to_owned()).collect()
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
