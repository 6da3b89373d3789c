//! `deploy/`: the compose file's commands and environment are real ones. Each service is started as the file says, without Docker: its
//! command, its environment with the variables filled in, its health check.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use peal_testkit::postgres::TestDb;
use rustix::process::Signal;
use serde_yaml_ng::Value;

use crate::http;
use crate::peal::{command, said, send, until};

const KEYRING: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name)).unwrap()
}

fn services() -> BTreeMap<String, Value> {
    let mut compose: Value = serde_yaml_ng::from_str(&file("compose.yaml")).unwrap();
    compose.apply_merge().unwrap();
    serde_yaml_ng::from_value(compose["services"].clone()).unwrap()
}

/// What compose would put for `${NAME:-default}` and `${NAME:?message}`.
fn filled_in(text: &str, given: &[(&str, &str)]) -> String {
    let Some(start) = text.find("${") else { return text.to_owned() };
    let end = start + text[start..].find('}').expect("a variable ends");
    let (name, fallback) = text[start + 2..end].split_once(':').expect("every variable says what holds without it");
    let value = given.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let value = value.or(fallback.strip_prefix('-')).unwrap_or_else(|| panic!("{name} is not given"));
    filled_in(&format!("{}{value}{}", &text[..start], &text[end + 1..]), given)
}

/// The service's command with its environment, its listeners moved to free ports and its database to the test's.
fn start_of(service: &Value, database: &str) -> Command {
    let words: Vec<String> = serde_yaml_ng::from_value(service["command"].clone()).unwrap();
    let environment: BTreeMap<String, String> = serde_yaml_ng::from_value(service["environment"].clone()).unwrap();
    let mut start = command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    for (name, value) in environment {
        let value = filled_in(&value, &[("PEAL_KEYRING", KEYRING), ("POSTGRES_PASSWORD", "secret")]);
        match name.as_str() {
            "PEAL_DATABASE_URL" => start.env(name, database),
            "PEAL_API_ADDR" | "PEAL_EDGE_ADDR" | "PEAL_ADMIN_ADDR" => start.env(name, "127.0.0.1:0"),
            "PEAL_USAGE_SPOOL" => start.env(name, tempfile::tempdir().unwrap().keep()),
            _ => start.env(name, value),
        };
    }
    start
}

/// Where a service listens, as its log says.
fn address(log: &Path) -> String {
    let mut address = None;
    until("the service listens", || {
        let text = fs::read_to_string(log).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        address = lines
            .filter(|line| line["message"].as_str().is_some_and(|message| message.ends_with("listens")))
            .find_map(|line| line["addr"].as_str().map(str::to_owned));
        address.is_some()
    });
    address.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_of_the_compose_file_starts_and_serves() {
    let services = services();
    let ours: Vec<&str> = services.iter().filter(|(_, service)| service["image"] == "peal").map(|(name, _)| name.as_str()).collect();
    assert_eq!(ours, ["api", "edge", "meter", "migrate"]);

    let database = TestDb::create().await;
    let folder = tempfile::tempdir().unwrap();
    let migrated = said(&mut start_of(&services["migrate"], database.url()));
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    let mut running = BTreeMap::new();
    for name in ["api", "edge", "meter"] {
        let log = folder.path().join(name);
        let mut start = start_of(&services[name], database.url());
        running.insert(name, (start.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap(), log));
    }
    let (api, edge) = (address(&running["api"].1), address(&running["edge"].1));
    assert_eq!(http::get(&api, "/readyz").status, 200);
    assert!(http::get(&api, "/").body.contains("<!doctype html>"));

    let check: Vec<String> = serde_yaml_ng::from_value(services["edge"]["healthcheck"]["test"].clone()).unwrap();
    let [kind, bash, flag, script] = check.as_slice() else { panic!("a health check of one bash script: {check:?}") };
    assert_eq!([kind.as_str(), bash, flag], ["CMD", "bash", "-c"]);
    let script = script.replace("127.0.0.1/7100", &edge.replace(':', "/"));
    until("the edge's health check passes", || Command::new("bash").args(["-c", &script]).status().unwrap().success());

    for (name, (mut child, log)) in running {
        assert!(child.try_wait().unwrap().is_none(), "{name} has ended: {}", fs::read_to_string(log).unwrap());
        send(i32::try_from(child.id()).unwrap(), Signal::TERM);
        assert!(child.wait().unwrap().success(), "{name}: {}", fs::read_to_string(log).unwrap());
    }
}

#[test]
fn the_image_runs_the_binary_as_an_ordinary_user_and_copies_what_exists() {
    let dockerfile = file("Dockerfile");
    let last = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(last.contains("\nUSER 10001\n") && last.contains("\nENTRYPOINT [\"peal\"]\n"), "{last}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for line in dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from")) {
        let words: Vec<&str> = line.split(' ').collect();
        for source in &words[..words.len() - 1] {
            assert!(root.join(source).exists(), "the Dockerfile copies {source}, which is not in the repository");
        }
    }
}
