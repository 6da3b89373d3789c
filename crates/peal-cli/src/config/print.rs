//! `peal config print`: the effective settings, in the form of a configuration file, with the source of each.

use std::fmt::Write;

use serde_json::json;

use super::redact::redact;
use super::{Layered, ParseError, Source, layered, table};
use crate::cli::ConfigArgs;
use crate::failure::Failure;

/// The text to print.
pub(crate) fn print(args: &ConfigArgs) -> Result<String, ParseError> {
    let command_line: Vec<_> = ["peal".into(), args.command.name().into()].into_iter().chain(args.flags.iter().cloned()).collect();
    let layered = layered(&command_line)?;
    let rows = rows(&layered, args).map_err(ParseError::File)?;
    Ok(if args.json { as_json(args, &rows) } else { as_toml(&rows) })
}

#[derive(Debug)]
struct Row {
    setting: table::Setting,
    values: Vec<String>,
    source: Source,
}

fn rows(layered: &Layered, args: &ConfigArgs) -> Result<Vec<Row>, Failure> {
    let (_, settings) = layered.matches.subcommand().ok_or_else(|| Failure::usage("there is nothing to print for this command"))?;
    let row = |setting: table::Setting| {
        let raw = settings.get_raw(&setting.key).into_iter().flatten().map(|value| value.to_string_lossy().into_owned());
        let values = raw.map(|value| if setting.secret { redact(&setting.key, &value) } else { value }).collect();
        Row { source: layered.source(settings, &setting), setting, values }
    };
    Ok(table::of(args.command).into_iter().map(row).collect())
}

fn as_toml(rows: &[Row]) -> String {
    let lines: Vec<(String, &Source)> = rows.iter().map(|row| (assignment(row), &row.source)).collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width < 60).max().unwrap_or(0);
    lines.iter().fold(String::new(), |mut text, (line, source)| {
        writeln!(text, "{line:width$}  # {source}").expect("a String takes all");
        text
    })
}

fn assignment(row: &Row) -> String {
    let key = &row.setting.key;
    match row.values.as_slice() {
        [] => format!("# {key}"),
        values if row.setting.takes_list => format!("{key} = {}", toml::Value::from(values.to_vec())),
        [value, ..] => format!("{key} = {}", toml_value(value)),
    }
}

/// Numbers and truth values as a person would write them.
fn toml_value(value: &str) -> String {
    let plain = value == "true" || value == "false" || value.parse::<u64>().is_ok();
    if plain { value.to_owned() } else { toml::Value::from(value).to_string() }
}

fn as_json(args: &ConfigArgs, rows: &[Row]) -> String {
    let settings: Vec<_> = rows
        .iter()
        .map(|row| {
            let value = match row.values.as_slice() {
                values if row.setting.takes_list => json!(values),
                [] => json!(null),
                [value, ..] => json!(value),
            };
            json!({ "key": row.setting.key, "value": value, "source": row.source.to_string() })
        })
        .collect();
    format!("{}\n", json!({ "command": args.command.name(), "settings": settings }))
}
