//! `peal usage` beside a running server: what was just published is in it, to the unit; and a server that is killed loses nothing it had spooled.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::peal::{Home, Peal, command, said, send, until};

fn totals(home: &Home) -> Value {
    let said = said(command(&["usage", "--json"]).env("PEAL_DATA_DIR", home.data()));
    assert_eq!(said.code, Some(0), "{said:?}");
    serde_json::from_str::<Value>(&said.stdout).unwrap()["totals"].clone()
}

#[test]
fn what_is_published_shows_within_seconds_and_survives_a_kill() {
    let home = Home::new();
    let peal = Peal::start(&home, &[]);
    let (out, err) = (home.path().join("out"), home.path().join("err"));
    let mut subscriber = command(&["subscribe", "hello", "--count", "3"])
        .env("PEAL_DATA_DIR", home.data())
        .stdout(Stdio::from(File::create(out).unwrap()))
        .stderr(Stdio::from(File::create(&err).unwrap()))
        .spawn()
        .unwrap();
    until("it is subscribed", || fs::read_to_string(&err).unwrap().contains("subscribed to"));
    for _ in 0..3 {
        assert_eq!(said(command(&["publish", "hello", "1"]).env("PEAL_DATA_DIR", home.data())).code, Some(0));
    }
    assert!(subscriber.wait().unwrap().success());
    let received = Instant::now();
    until("the messages show", || totals(&home)["messages_out"] == 3);
    assert!(received.elapsed() < Duration::from_secs(10), "{:?}", received.elapsed());
    assert_eq!(totals(&home)["messages_in"], 3);
    until("the connection shows", || totals(&home)["peak_connections"] == 1);
    assert!(received.elapsed() < Duration::from_secs(20), "{:?}", received.elapsed());
    let table = said(command(&["usage", "--metric", "messages_in"]).env("PEAL_DATA_DIR", home.data()));
    assert!(table.stdout.contains("Messages in") && table.stdout.contains("complete to"), "{table:?}");
    let csv = said(command(&["usage", "--metric", "peak_connections", "--csv"]).env("PEAL_DATA_DIR", home.data()));
    assert!(csv.stdout.starts_with("ts,peak_connections,average_connections\r\n"), "{csv:?}");
    let refused = said(command(&["usage", "--metric", "everything"]).env("PEAL_DATA_DIR", home.data()));
    assert_eq!(refused.code, Some(2), "{refused:?}");

    peal.kill();
    let _again = Peal::start(&home, &[]);
    let kept = totals(&home);
    assert_eq!((&kept["messages_in"], &kept["messages_out"]), (&Value::from(3), &Value::from(3)));
}

#[test]
fn a_meter_of_its_own_works_beside_others_and_stops_when_told() {
    let home = Home::new();
    let peal = Peal::start(&home, &[]);
    let err = home.path().join("meter");
    let mut meter = command(&["meter", "--log-format", "json"])
        .env("PEAL_DATABASE_URL", peal.url("database_url"))
        .stdout(Stdio::null())
        .stderr(Stdio::from(File::create(&err).unwrap()))
        .spawn()
        .unwrap();
    until("it works", || fs::read_to_string(&err).unwrap().contains("the meter works"));
    send(i32::try_from(meter.id()).unwrap(), Signal::TERM);
    assert!(meter.wait().unwrap().success());
    let log = fs::read_to_string(&err).unwrap();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}
