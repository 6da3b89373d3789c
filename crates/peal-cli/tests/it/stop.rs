//! Ctrl-C stops all that was started, and an ephemeral server leaves nothing.

use std::fs;

use rustix::process::Signal;

use crate::http;
use crate::peal::{Home, Peal, command, is_alive, until};

#[test]
fn each_signal_stops_postgres_too() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let home = Home::new();
        let mut peal = Peal::start(&home, &[]);
        let postmaster = home.postmaster().unwrap();
        assert!(home.data().join("ready.json").exists());
        peal.signal(signal);
        if signal == Signal::HUP && hang_up_is_ignored() {
            // These tests run under nohup, and so does the server: it goes on. Had it begun to stop, this would be the second signal.
            peal.signal(Signal::TERM);
        }
        assert!(peal.wait().success(), "{}", peal.stderr());
        assert!(!is_alive(postmaster), "Postgres still runs after {signal:?}");
        assert!(!home.database().join("socket/.s.PGSQL.5432").exists());
        assert!(!home.data().join("ready.json").exists(), "a stopped server is not ready");
    }
}

fn hang_up_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
    u64::from_str_radix(ignored, 16).unwrap() & 1 != 0
}

#[test]
fn a_signal_while_starting_leaves_nothing_running() {
    let home = Home::new();
    let mut peal = Peal::spawn(
        &home,
        command(&["dev"]).args(["--edge-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]),
    );
    until("a postmaster has begun", || home.postmaster().is_some());
    let postmaster = home.postmaster().unwrap();
    peal.signal(Signal::INT);
    peal.wait();
    assert!(!is_alive(postmaster));
}

#[test]
fn an_ephemeral_server_leaves_nothing() {
    let home = Home::new();
    let temporary = home.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut command =
        command(&["dev", "--ephemeral", "--edge-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"]);
    let peal = Peal::spawn(&home, command.env("TMPDIR", &temporary)).wait_ready();
    let kept: Vec<_> = fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [own] = &kept[..] else { panic!("one temporary directory, not {kept:?}") };
    let place = fs::read_to_string(own.join("database.location")).map(|text| text.trim().to_owned()).ok();
    assert!(peal.stop().success());
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(!home.data().exists());
    if let Some(place) = place {
        assert!(!fs::exists(&place).unwrap(), "{place} is left");
    }
}

#[test]
fn it_ends_when_its_postgres_does() {
    let home = Home::new();
    let mut peal = Peal::start(&home, &[]);
    crate::peal::send(home.postmaster().unwrap(), Signal::INT);
    assert_eq!(peal.wait().code(), Some(1));
    assert!(peal.stderr().contains("the private Postgres has ended"), "{}", peal.stderr());
}

/// A client that stays for as long as it may.
#[test]
fn a_second_signal_does_not_wait_for_connections() {
    let home = Home::new();
    let mut peal = Peal::start(&home, &["--drain-ms", "600000"]);
    let postmaster = home.postmaster().unwrap();
    let _client = http::websocket(peal.address("edge_url"));
    peal.signal(Signal::INT);
    until("the stop has begun", || peal.stderr().contains("stopping"));
    peal.signal(Signal::INT);
    assert_eq!(peal.wait().code(), Some(130), "{}", peal.stderr());
    assert!(!is_alive(postmaster), "Postgres is stopped all the same");
}

#[test]
fn under_nohup_it_outlives_its_terminal() {
    let home = Home::new();
    let mut command = std::process::Command::new("nohup");
    command.arg(crate::peal::binary()).args([
        "dev",
        "--edge-addr",
        "127.0.0.1:0",
        "--api-addr",
        "127.0.0.1:0",
        "--admin-addr",
        "127.0.0.1:0",
    ]);
    let peal = Peal::spawn(&home, &mut command).wait_ready();
    let status = fs::read_to_string(format!("/proc/{}/status", peal.pid())).unwrap();
    let mask = |name: &str| u64::from_str_radix(status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim(), 16).unwrap();
    assert_eq!((mask("SigIgn:") & 1, mask("SigCgt:") & 1), (1, 0), "SIGHUP is no longer ignored");
    assert!(peal.stop().success());
}
