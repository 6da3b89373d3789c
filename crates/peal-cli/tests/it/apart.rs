//! Edge and API as processes of their own, which meet only in Postgres.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use peal_testkit::postgres::TestDb;
use rustix::process::Signal;
use serde_json::Value;

use crate::http;
use crate::peal::{command, said, send, until};

/// 32 zero bytes.
const KEYRING: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

struct Node {
    child: Child,
    log: PathBuf,
}

impl Node {
    fn start(folder: &Path, args: &[&str], database: &str) -> Self {
        let log = folder.join(format!("{}.log", args[0]));
        let mut start = command(args);
        start
            .env("PEAL_USAGE_SPOOL", folder.join("usage"))
            .env("PEAL_DATABASE_URL", database)
            .env("PEAL_KEYRING", KEYRING)
            .stdout(Stdio::null());
        if args[0] == "edge" {
            start.env("PEAL_USAGE_SPOOL", folder.join("usage"));
        }
        let child = start.stderr(Stdio::from(File::create(&log).unwrap())).spawn().unwrap();
        Self { child, log }
    }

    /// As its log says once it listens.
    fn address(&mut self) -> String {
        let mut address = None;
        until("the node listens", || {
            let log = fs::read_to_string(&self.log).unwrap();
            assert!(self.child.try_wait().unwrap().is_none(), "it has ended: {log}");
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            address = lines
                .filter(|line| line["message"].as_str().is_some_and(|message| message.ends_with("listens")))
                .find_map(|line| line["addr"].as_str().map(str::to_owned));
            address.is_some()
        });
        address.unwrap()
    }

    fn signal(&self) {
        send(i32::try_from(self.child.id()).unwrap(), Signal::TERM);
    }

    fn stop(mut self) {
        self.signal();
        assert!(self.child.wait().unwrap().success(), "{}", fs::read_to_string(&self.log).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_at_the_api_publishes_at_the_edge() {
    let database = TestDb::create().await;
    let folder = tempfile::tempdir().unwrap();
    let migrated = said(command(&["migrate", "--json"]).env("PEAL_DATABASE_URL", database.url()).env("PEAL_KEYRING", KEYRING));
    assert!(migrated.code == Some(0) && migrated.stdout.contains("\"migrated\":true"), "{migrated:?}");

    let mut api = Node::start(folder.path(), &["api", "--api-addr", "127.0.0.1:0"], database.url());
    let mut edge = Node::start(folder.path(), &["edge", "--edge-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"], database.url());
    let (api_address, edge_address) = (api.address(), edge.address());
    let origin = [("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/json")];
    let account = r#"{"email":"ada@example.com","password":"violet-anchor-Tundra-93"}"#;
    let signed_up = http::post(&api_address, "/api/v1/auth/sign-up", &origin, account);
    assert_eq!(signed_up.status, 201, "{signed_up:?}");
    let cookie = signed_up.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).and_then(|line| line.split(';').next()).unwrap();
    let made: Value = serde_json::from_str(&signed_up.body).unwrap();
    let (app, key) = (made["app"]["id"].as_str().unwrap(), made["key"]["id"].as_str().unwrap());
    let with_cookie = [&origin[..], &[("Cookie", cookie)]].concat();
    let revealed = http::post(&api_address, &format!("/api/v1/apps/{app}/keys/{key}/reveal"), &with_cookie, "{}");
    let secret = serde_json::from_str::<Value>(&revealed.body).unwrap()["secret"].as_str().unwrap().to_owned();

    // The edge has it within its next poll.
    let url = format!("http://{edge_address}");
    until("the edge knows the key", || {
        let publish = ["publish", "hello", "1", "--edge-url", &url];
        said(command(&publish).env("PEAL_KEY", format!("{key}:{secret}"))).code == Some(0)
    });
    edge.stop();
    api.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_an_edge_that_drains() {
    let database = TestDb::create().await;
    let folder = tempfile::tempdir().unwrap();
    let migrated = said(command(&["migrate"]).env("PEAL_DATABASE_URL", database.url()).env("PEAL_KEYRING", KEYRING));
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    let edge = ["edge", "--edge-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--drain-ms", "600000"];
    let mut edge = Node::start(folder.path(), &edge, database.url());
    let address = edge.address();
    // One for each core goes at once, the others minutes later.
    let _clients: Vec<_> = (0..64).map(|_| http::websocket(&address)).collect();
    edge.signal();
    until("the edge is not ready", || http::get(&address, "/readyz").status == 503);
    assert!(edge.child.try_wait().unwrap().is_none(), "it goes on for those");
    edge.signal();
    let status = edge.child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{}", fs::read_to_string(&edge.log).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_with_other_master_keys_does_not_begin() {
    let database = TestDb::create().await;
    let migrated = said(command(&["migrate"]).env("PEAL_DATABASE_URL", database.url()).env("PEAL_KEYRING", KEYRING));
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    let mut edge = command(&["edge", "--edge-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]);
    let other = KEYRING.replace("AAAA", "BBBB");
    let refused = said(edge.env("PEAL_DATABASE_URL", database.url()).env("PEAL_KEYRING", other));
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("the wrong keyring is configured"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_migrate_works_as_pasted() {
    let help = said(&mut command(&["migrate", "--help"])).stdout;
    let example = help.lines().find_map(|line| line.strip_prefix("Example: peal ")).expect("the help has an example");
    let database = TestDb::create().await;
    let example = example.replace("postgres://peal@db/peal", database.url());
    let folder = tempfile::tempdir().unwrap();
    let migrated = said(command(&example.split(' ').collect::<Vec<_>>()).current_dir(folder.path()));
    assert_eq!(migrated.code, Some(0), "{example}: {migrated:?}");
}
