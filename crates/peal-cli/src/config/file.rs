//! The configuration file: flat TOML, one key per setting.

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::{ParseError, table, without_secret};
use crate::cli::{Cli, ServerCommand};
use crate::failure::Failure;

#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    table: toml::Table,
    values: Vec<(String, Vec<String>)>,
}

impl ConfigFile {
    /// # Errors
    /// When it cannot be read or is not TOML. What it says is looked at by [`ConfigFile::problems`].
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
        Self::parse(path, &text)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let table: toml::Table = toml::from_str(text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        let values = table.iter().filter_map(|(key, value)| Some((key.clone(), texts(value)?))).collect();
        Ok(Self { path: path.to_owned(), table, values })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = (&String, &[String])> {
        self.values.iter().map(|(key, values)| (key, values.as_slice()))
    }

    /// Everything that is wrong with it: names no setting has, and values that their setting refuses.
    pub(super) fn problems(&self) -> Vec<String> {
        let known = table::all();
        self.table.keys().filter_map(|key| self.problem(key, &known)).map(|problem| format!("{}: {problem}", self.path.display())).collect()
    }

    fn problem(&self, key: &str, known: &[(table::Setting, Vec<ServerCommand>)]) -> Option<String> {
        let Some((setting, commands)) = known.iter().find(|(setting, _)| setting.key == key) else {
            return Some(unknown(key, known.iter().map(|(setting, _)| setting.key.as_str())));
        };
        let Some((_, values)) = self.values.iter().find(|(name, _)| name == key) else {
            return Some(format!("{key} must be a text, a number, true or false, or a list of these"));
        };
        if values.len() > 1 && !setting.takes_list {
            return Some(format!("{key} takes one value, not a list"));
        }
        value_problem(commands[0], setting, values)
    }
}

/// What the setting's own parser says about a value that did not come from a flag.
pub(super) fn value_problem(server: ServerCommand, setting: &table::Setting, values: &[String]) -> Option<String> {
    let command = Cli::command().mut_subcommand(server.name(), |subcommand| {
        // Only this value is to be judged, so the environment is shut out.
        subcommand.mut_args(|arg| arg.env(None::<&'static str>))
    });
    let flags = values.iter().map(|value| format!("{}={value}", setting.flag));
    let args = ["peal".to_owned(), server.name().to_owned()].into_iter().chain(flags);
    let refused = command.try_get_matches_from(args).err()?;
    let ParseError::Clap(refused) = without_secret(refused) else { return None };
    let text = refused.to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    Some(format!("{}: {first}", setting.key))
}

/// With the nearest known name, if one is near.
fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known.map(|known| (strsim::jaro_winkler(name, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, nearest)) if likeness > 0.8 => format!("unknown setting {name}; did you mean {nearest}?"),
        _ => format!("unknown setting {name}; `peal config print` lists all"),
    }
}

fn texts(value: &toml::Value) -> Option<Vec<String>> {
    match value {
        toml::Value::Array(items) => items.iter().map(text).collect(),
        single => Some(vec![text(single)?]),
    }
}

fn text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}
