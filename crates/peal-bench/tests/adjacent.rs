//! Two adjacent releases share a fleet: an edge of this tree and one of the commit before it, on one Redis and one Postgres. What one
//! publishes the other delivers, what one held the other goes on with, members of both are one list, and commands reach both.
//!
//! It builds the commit before (`PEAL_ADJACENT` names another one, `PEAL_ADJACENT_BIN` a binary) in `target/previous`, which takes minutes, so
//! it is one of the deep checks: `cargo test -p peal-bench --features deep --test adjacent`.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use peal_client::rest::{Outgoing, Rest};
use peal_client::{Client, ConnectOptions, Event, SubscribeOptions, Subscription};
use peal_core::token::{Claims, mint};
use peal_core::{Capabilities, Position};
use serde_json::{Value, json};

const BENCH: &str = env!("CARGO_BIN_EXE_peal-bench");
const PATIENCE: Duration = Duration::from_secs(20);
/// From the command to its effect (DESIGN 5.3).
const COMMAND_WITHIN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_of_the_commit_before_serves_beside_one_of_this() {
    let fleet = Fleet::start(&this_peal(), &previous_peal());
    for (one, other) in [(0, 1), (1, 0)] {
        one_order(&fleet, one, other).await;
        goes_on(&fleet, one, other).await;
        members(&fleet, one, other).await;
        commands(&fleet, one, other).await;
    }
}

/// Both publish, by REST and by connection; subscribers of both see all of it in the same order.
async fn one_order(fleet: &Fleet, one: usize, other: usize) {
    let channel = format!("order-{one}");
    let clients = [fleet.client(one, "ada").await, fleet.client(other, "bob").await];
    let mut seen = Vec::new();
    let mut subscriptions = Vec::new();
    for client in &clients {
        subscriptions.push(client.subscribe(channel.as_str()).await.expect("subscribes"));
    }
    let publish = async |edge: usize, from: u64| {
        for n in from..from + 10 {
            fleet.rest(edge).publish(&channel, &Outgoing::new("n", n)).await.expect("published");
            clients[(edge != one) as usize].publish(&channel, "n", &(n + 50)).await.expect("published");
        }
    };
    tokio::join!(publish(one, 0), publish(other, 100));
    for (at, subscription) in subscriptions.iter_mut().enumerate() {
        // A client does not get its own publishes back.
        let own = |n: u64| n % 100 >= 50 && (n >= 100) == (at == 1);
        let mut order = Vec::new();
        while order.len() < 30 {
            order.push(message(subscription).await.0);
        }
        assert!(!order.iter().any(|n| own(*n)), "{order:?}");
        seen.push(order);
    }
    let common = |order: &[u64]| order.iter().copied().filter(|n| n % 100 < 50).collect::<Vec<_>>();
    assert_eq!(common(&seen[0]), common(&seen[1]));
    assert_eq!(common(&seen[0]).len(), 20);
}

/// A client that was on one edge resumes on the other without a gap.
async fn goes_on(fleet: &Fleet, one: usize, other: usize) {
    let channel = format!("resume-{one}");
    let first = fleet.client(one, "ada").await;
    let mut subscription = first.subscribe(channel.as_str()).await.expect("subscribes");
    fleet.rest(other).publish(&channel, &Outgoing::new("n", 0)).await.expect("published");
    let (n, position) = message(&mut subscription).await;
    assert_eq!(n, 0);
    first.close().await;
    for n in 1..=20_u64 {
        fleet.rest(if n % 2 == 0 { one } else { other }).publish(&channel, &Outgoing::new("n", n)).await.expect("published");
    }
    let second = fleet.client(other, "ada").await;
    let mut subscription = second.subscribe(SubscribeOptions::new(channel).after(position)).await.expect("subscribes");
    assert!(subscription.began.recovered && subscription.began.replay == 20, "{:?}", subscription.began);
    for n in 1..=20 {
        assert_eq!(message(&mut subscription).await.0, n);
    }
}

async fn members(fleet: &Fleet, one: usize, other: usize) {
    let channel = format!("presence-{one}");
    let clients = [fleet.client(one, "ada").await, fleet.client(other, "bob").await];
    for client in &clients {
        client.presence_enter(&channel, None).await.expect("enters");
    }
    for client in &clients {
        until("both see both", async || {
            let members = client.presence_members(&channel).await.expect("members");
            let mut ids: Vec<_> = members.into_iter().map(|member| member.client_id.to_string()).collect();
            ids.sort();
            ids == ["ada", "bob"]
        })
        .await;
    }
    clients[0].presence_leave(&channel).await.expect("leaves");
    until("the other sees it", async || clients[1].presence_members(&channel).await.expect("members").len() == 1).await;
}

/// A command given at one edge reaches a connection of the other, and a revocation too.
async fn commands(fleet: &Fleet, one: usize, other: usize) {
    let disconnected = fleet.client(other, "ada").await;
    let id = disconnected.connection_id().expect("connected");
    ended(fleet, one, &format!("/v1/connections/{id}/disconnect"), json!({}), &disconnected).await;
    let client = format!("revoked-{one}");
    let revoked = fleet.client(other, &client).await;
    let path = format!("/v1/apps/{}/revocations", fleet.layout["app"].as_str().expect("an app"));
    ended(fleet, one, &path, json!({"client_id": client}), &revoked).await;
}

async fn ended(fleet: &Fleet, edge: usize, path: &str, body: Value, client: &Client) {
    let begun = Instant::now();
    let answer = fleet.rest(edge).request(Method::POST, path, "", Bytes::from(body.to_string())).await.expect("answers");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let mut states = client.watch_state();
    let gone = states.wait_for(|state| !matches!(state, peal_client::State::Connected { .. }));
    let gone = tokio::time::timeout(PATIENCE, gone).await;
    assert!(matches!(gone, Ok(Ok(_))), "{path}, asked at edge {edge}, does not end the connection: {gone:?}");
    assert!(begun.elapsed() < COMMAND_WITHIN, "{path} took {:?}", begun.elapsed());
}

/// The next message's number and position.
async fn message(subscription: &mut Subscription) -> (u64, Position) {
    loop {
        match tokio::time::timeout(PATIENCE, subscription.next()).await.expect("a message comes") {
            Some(Event::Message(message)) => {
                let n = message.data.parse().expect("a number");
                return (n, message.position.expect("it is kept"));
            }
            Some(Event::Presence(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "it does not come about that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A fleet of two edges, the second from another binary.
struct Fleet {
    process: Child,
    layout: Value,
}

impl Fleet {
    fn start(this: &Path, previous: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder").keep();
        let file = folder.join("fleet.json");
        let mut command = Command::new(BENCH);
        command.args(["fleet", "--edges", "2", "--drain-ms", "1000", "--base-port", &base_port().to_string(), "--file"]).arg(&file);
        command.arg("--peal").arg(this).arg("--other-peal").arg(previous).stdout(Stdio::null());
        let mut process = command.spawn().expect("starts");
        let deadline = Instant::now() + PATIENCE * 2;
        while !file.exists() {
            let ended = process.try_wait().expect("can be asked");
            assert!(ended.is_none() && Instant::now() < deadline, "the fleet does not start: {ended:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let layout = serde_json::from_slice(&fs::read(&file).expect("the fleet's file")).expect("JSON");
        Self { process, layout }
    }

    fn text(&self, pointer: &str) -> &str {
        self.layout.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} is missing"))
    }

    fn edge(&self, index: usize) -> &str {
        self.text(&format!("/edges/{index}/url"))
    }

    fn rest(&self, edge: usize) -> Rest {
        Rest::new(self.edge(edge), self.text("/key"), self.text("/secret")).expect("a URL")
    }

    async fn client(&self, edge: usize, client: &str) -> Client {
        let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        let (sub, cap) = (Some(client.into()), Some(Capabilities::all()));
        let claims = Claims { sub, cap, exp: now_s + 600, iat: Some(now_s), ..Claims::default() };
        let token = mint(&self.text("/key").parse().expect("a key"), &self.text("/secret").into(), &claims).expect("a token");
        Client::connect(ConnectOptions::with_token(self.edge(edge), token)).await.expect("connects")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let pid = self.process.id().to_string();
        let asked = Command::new("kill").args(["-INT", &pid]).status();
        if asked.is_ok_and(|status| status.success()) {
            let _ = self.process.wait();
        }
    }
}

/// With room for every part around it.
fn base_port() -> u16 {
    let taken = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a port is free");
    20_000 + taken.port() % 10_000
}

fn this_peal() -> PathBuf {
    let path = std::env::var_os("PEAL_BIN").map_or_else(|| Path::new(BENCH).with_file_name("peal"), PathBuf::from);
    assert!(path.exists(), "{} is missing: cargo build --bin peal", path.display());
    path
}

/// Commits that are tried: one that does not build was no release.
const ANCESTORS: usize = 5;

/// Builds the nearest commit before this one that builds. In a copy without history there is none: then this tree is its own neighbour.
fn previous_peal() -> PathBuf {
    if let Some(built) = std::env::var_os("PEAL_ADJACENT_BIN") {
        return built.into();
    }
    if !has_history() {
        eprintln!("this copy has no commit before this one; both edges are of this tree");
        return this_peal();
    }
    let named = std::env::var("PEAL_ADJACENT").ok();
    let commits: Vec<String> = named.map_or_else(|| (1..=ANCESTORS).map(|n| format!("HEAD~{n}")).collect(), |commit| vec![commit]);
    let mut why = String::new();
    for commit in commits {
        match build(&commit) {
            Ok(binary) => return binary,
            Err(failure) => why += &format!("\n{commit}: {failure}"),
        }
    }
    panic!("no commit before this one builds:{why}");
}

fn has_history() -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let parent = Command::new("git").arg("-C").arg(root).args(["rev-parse", "--verify", "--quiet", "HEAD~1^{commit}"]).output();
    parent.is_ok_and(|done| done.status.success())
}

/// In a work tree and a target folder of its own, which are kept for the next time.
fn build(commit: &str) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let place = root.join("target/previous");
    let (tree, target) = (place.join("tree"), place.join("build"));
    let run = |command: &mut Command| {
        let done = command.output().map_err(|error| error.to_string())?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if done.status.success() { Ok(said(&done.stdout)) } else { Err(said(&done.stderr)) }
    };
    let git = |args: &[&str]| run(Command::new("git").arg("-C").arg(&root).args(args));
    let commit = git(&["rev-parse", "--verify", &format!("{commit}^{{commit}}")])?;
    let path = tree.display().to_string();
    if tree.join(".git").exists() {
        git(&["-C", &path, "checkout", "--quiet", "--detach", "--force", &commit])?;
    } else {
        fs::create_dir_all(&place).map_err(|error| error.to_string())?;
        git(&["worktree", "prune"])?;
        git(&["worktree", "add", "--quiet", "--force", "--detach", &path, &commit])?;
    }
    run(Command::new(env!("CARGO")).args(["build", "--bin", "peal"]).current_dir(&tree).env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("debug/peal"))
}
