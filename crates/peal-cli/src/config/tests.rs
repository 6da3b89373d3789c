use std::path::Path;

use super::*;
use crate::cli::ConfigArgs;

fn file(text: &str) -> ConfigFile {
    ConfigFile::parse(Path::new("peal.toml"), text).unwrap()
}

fn dev(flags: &[&str]) -> ConfigArgs {
    ConfigArgs { command: ServerCommand::Dev, json: false, flags: flags.iter().map(Into::into).collect() }
}

#[test]
fn names_follow_from_the_field() {
    for (setting, _) in table::all() {
        assert_eq!(setting.flag, format!("--{}", setting.key.replace('_', "-")));
        assert_eq!(setting.env, format!("PEAL_{}", setting.key.to_uppercase()));
        assert!(!setting.help.is_empty(), "{} has no help", setting.key);
    }
}

#[test]
fn every_command_has_an_example() {
    let command = Cli::command();
    let config = command.find_subcommand("config").unwrap();
    for subcommand in command.get_subcommands().filter(|known| known.get_name() != "config").chain(config.get_subcommands()) {
        let after = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.contains("Example: "), "{} has no example", subcommand.get_name());
    }
    command.debug_assert();
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_name() {
    assert_eq!(file("edge_adr = 'x'").problems(), ["peal.toml: unknown setting edge_adr; did you mean edge_addr?"]);
    assert_eq!(file("zzz = 1").problems(), ["peal.toml: unknown setting zzz; `peal config print` lists all"]);
}

#[test]
fn every_problem_of_a_file_is_found() {
    let problems = file("edge_addr = 'nowhere'\ncores = 65\nlog = ['a', 'b']\n[api]\naddr = 1\n").problems();
    assert_eq!(problems.len(), 4, "{problems:#?}");
}

#[test]
fn a_wrong_secret_is_not_repeated() {
    let problems = file("seed_app = ['abc:key:hunter2']").problems();
    assert_eq!(problems.len(), 1);
    assert!(!problems[0].contains("hunter2"), "{problems:?}");
}

#[test]
fn the_file_comes_before_the_default_and_after_the_flag() {
    let file = file("cores = 3\napi_addr = '127.0.0.1:1'\nedge_addr = ['127.0.0.1:2', '[::1]:2']\nephemeral = true\n");
    assert_eq!(file.problems(), Vec::<String>::new());
    let command = with_defaults(Cli::command(), ServerCommand::Dev, &file);
    let matches = command.try_get_matches_from(["peal", "dev", "--cores", "4"]).unwrap();
    let Cli { command: crate::cli::Command::Dev(args) } = Cli::from_arg_matches(&matches).unwrap() else { panic!("another command") };
    assert_eq!(args.edge.cores.unwrap().get(), 4);
    assert_eq!(args.api.api_addr.port(), 1);
    assert_eq!(args.edge.edge_addr.len(), 2);
    assert!(args.dev.ephemeral);
    assert_eq!(args.admin.admin_addr.port(), 7300);
}

#[test]
fn the_environment_is_checked_too() {
    let environment = [("PEAL_EGDE_ADDR", "x"), ("PEAL_CORES", "many"), ("PEAL_TEST_ANYTHING", "x"), ("HOME", "/")];
    let problems = check(&dev(&[]), environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].contains("did you mean PEAL_EDGE_ADDR?"), "{problems:?}");
    assert!(problems[1].starts_with("PEAL_CORES: cores: "), "{problems:?}");
}

#[test]
fn variables_of_other_programs_are_left_alone() {
    let others = ["PEAL_KEY_ID", "PEAL_KEY_SECRET", "PEAL_SECRET", "PEAL_BIN", "PEAL_CHROMIUM", "PEAL_SIM_SEED", "PEAL_URL", "PEAL_APP_ID"];
    let problems = check(&dev(&[]), others.into_iter().map(|name| (name.to_owned(), "x".to_owned())));
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn what_a_server_cannot_start_without_is_missed() {
    let check_of = |command, flags: &[&str], environment: &[(&str, &str)]| {
        let args = ConfigArgs { command, ..dev(flags) };
        check(&args, environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).len()
    };
    let url = ("PEAL_DATABASE_URL", "postgres://peal@db/peal");
    assert_eq!(check_of(ServerCommand::Dev, &[], &[]), 0);
    assert_eq!(check_of(ServerCommand::Meter, &[], &[]), 1);
    assert_eq!(check_of(ServerCommand::Meter, &[], &[url]), 0);
    for command in [ServerCommand::Edge, ServerCommand::Api, ServerCommand::Migrate] {
        assert_eq!(check_of(command, &[], &[]), 2, "{command:?}");
        assert_eq!(check_of(command, &[], &[url]), 1, "{command:?}");
        assert_eq!(check_of(command, &["--keyring-file", "keys"], &[url]), 0, "{command:?}");
        assert_eq!(check_of(command, &["--database-url=postgres://db/peal"], &[("PEAL_KEYRING", "k:x")]), 0, "{command:?}");
    }
}

#[test]
fn print_names_the_source_and_hides_secrets() {
    let text = print(&dev(&["--cores", "4", "--seed-app", "1234:key:hunter2"])).unwrap();
    assert!(text.contains("cores = 4"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("cores = 4") && line.ends_with("# --cores")), "{text}");
    assert!(text.contains("1234:key:***") && !text.contains("hunter2"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("api_addr") && line.ends_with("# default")), "{text}");
}

/// `UPDATE_GOLDEN=1 cargo test -p peal-cli` writes the page.
#[test]
fn the_page_lists_every_setting() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let wanted = table::page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/configuration.md is not what the settings say; run UPDATE_GOLDEN=1 cargo test -p peal-cli");
}
