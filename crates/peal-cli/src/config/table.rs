//! The settings as data, read back from the command line's definition.

use clap::{Arg, CommandFactory};

use crate::cli::{Cli, ServerCommand};
use crate::settings::SECRET;

/// Arguments of a server command that are about one call, not settings.
const NOT_SETTINGS: [&str; 4] = ["help", "version", "config", "json"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) flag: String,
    pub(super) env: String,
    pub(super) help: String,
    pub(super) default: String,
    pub(super) secret: bool,
    pub(super) takes_list: bool,
}

pub(super) fn of(server: ServerCommand) -> Vec<Setting> {
    let command = Cli::command();
    let subcommand = command.find_subcommand(server.name()).expect("every server command is in the command line");
    subcommand.get_arguments().filter(|arg| !NOT_SETTINGS.contains(&arg.get_id().as_str())).map(setting).collect()
}

/// Every setting once, with the commands that have it.
pub(super) fn all() -> Vec<(Setting, Vec<ServerCommand>)> {
    let mut all: Vec<(Setting, Vec<ServerCommand>)> = Vec::new();
    for server in ServerCommand::ALL {
        for setting in of(server) {
            match all.iter_mut().find(|(known, _)| known.key == setting.key) {
                Some((_, commands)) => commands.push(server),
                None => all.push((setting, vec![server])),
            }
        }
    }
    all
}

fn setting(arg: &Arg) -> Setting {
    let key = arg.get_id().to_string();
    let text = |value: &std::ffi::OsStr| value.to_string_lossy().into_owned();
    Setting {
        flag: format!("--{}", arg.get_long().unwrap_or_default()),
        env: arg.get_env().map(text).unwrap_or_default(),
        help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        default: arg.get_default_values().iter().map(|value| text(value)).collect::<Vec<_>>().join(", "),
        secret: SECRET.contains(&key.as_str()),
        takes_list: matches!(arg.get_action(), clap::ArgAction::Append),
        key,
    }
}

/// `docs/configuration.md`.
#[cfg(test)]
pub(super) fn page() -> String {
    let mut page = include_str!("page.md").to_owned();
    for (setting, commands) in all() {
        let commands = commands.iter().map(|command| command.name()).collect::<Vec<_>>().join(", ");
        let default = if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
        let secret = if setting.secret { " Secret: never printed." } else { "" };
        let row = format!(
            "| `{}` | `{}` | `{}` | {default} | {commands} | {}.{secret} |\n",
            setting.key,
            setting.flag,
            setting.env,
            setting.help.replace('|', "\\|")
        );
        page.push_str(&row);
    }
    page
}
