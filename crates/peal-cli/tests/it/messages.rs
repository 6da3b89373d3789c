//! `peal publish`, `peal subscribe` and `peal token` beside a running server, with no flags but the channel.

use std::fs::{self, File};
use std::process::Stdio;

use serde_json::Value;

use crate::peal::{Home, Peal, command, said, until};

#[test]
fn what_is_published_is_printed() {
    let home = Home::new();
    let _peal = Peal::start(&home, &[]);
    let data = home.data();
    let (out, err) = (home.path().join("out"), home.path().join("err"));
    let mut subscriber = command(&["subscribe", "hello", "private-room", "--json", "--count", "2"])
        .env("PEAL_DATA_DIR", &data)
        .stdout(Stdio::from(File::create(&out).unwrap()))
        .stderr(Stdio::from(File::create(&err).unwrap()))
        .spawn()
        .unwrap();
    until("both are subscribed", || fs::read_to_string(&err).unwrap().matches("subscribed to").count() == 2);
    let mut published = Vec::new();
    for (channel, data_given, event) in [("hello", r#"{"text":"hi"}"#, "message"), ("private-room", "not json", "said")] {
        let mut publish = command(&["publish", channel, data_given, "--event", event, "--json"]);
        let done = said(publish.env("PEAL_DATA_DIR", &data));
        assert_eq!(done.code, Some(0), "{done:?}");
        published.push(serde_json::from_str::<Value>(&done.stdout).unwrap());
    }
    assert!(subscriber.wait().unwrap().success());
    let lines: Vec<Value> = fs::read_to_string(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let of = |channel: &str| lines.iter().find(|line| line["channel"] == channel).unwrap();
    assert_eq!(of("hello")["data"], serde_json::json!({ "text": "hi" }));
    assert_eq!((&of("private-room")["data"], &of("private-room")["event"]), (&Value::from("not json"), &Value::from("said")));
    for published in &published {
        let line = of(published["channel"].as_str().unwrap());
        assert_eq!((&line["id"], &line["position"]), (&published["id"], &published["position"]));
    }
}

#[test]
fn a_token_opens_what_it_says_and_nothing_else() {
    let home = Home::new();
    let peal = Peal::start(&home, &[]);
    let minted = said(
        command(&["token", "--client-id", "ada", "--capability", "room.*=subscribe", "--ttl", "5m", "--json"])
            .env("PEAL_DATA_DIR", home.data()),
    );
    assert_eq!(minted.code, Some(0), "{minted:?}");
    let minted: Value = serde_json::from_str(&minted.stdout).unwrap();
    let token = minted["token"].as_str().unwrap();
    let published = said(command(&["publish", "room.1", "1"]).env("PEAL_DATA_DIR", home.data()));
    assert_eq!(published.code, Some(0), "{published:?}");
    let subscribe = |channel: &str| {
        let mut subscribe = command(&["subscribe", channel, "--count", "1", "--rewind", "1", "--edge-url", peal.url("edge_url")]);
        said(subscribe.env("PEAL_TOKEN", token).current_dir(home.path()))
    };
    let allowed = subscribe("room.1");
    assert_eq!((allowed.code, allowed.stdout.as_str()), (Some(0), "room.1  message  1\n"), "{allowed:?}");
    assert_eq!(subscribe("other").code, Some(3));
}

#[test]
fn exit_codes_say_what_went_wrong() {
    let home = Home::new();
    let none = said(command(&["publish", "hello", "1"]).current_dir(home.path()));
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.stderr.contains("peal dev"), "{none:?}");

    let away = said(command(&["publish", "hello", "1", "--edge-url", "http://127.0.0.1:1", "--key", "k:s"]).current_dir(home.path()));
    assert_eq!(away.code, Some(4), "{away:?}");

    let peal = Peal::start(&home, &["--ephemeral"]);
    let refused = said(&mut command(&["publish", "hello", "1", "--edge-url", peal.url("edge_url"), "--key", "k:s"]));
    assert_eq!(refused.code, Some(3), "{refused:?}");

    let refused = said(&mut command(&["publish", "hello", "1", "--edge-url", peal.url("edge_url"), "--key", "k:s", "--json"]));
    let error: Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!((&error["error"]["kind"], &error["error"]["exit_code"]), (&Value::from("refused"), &Value::from(3)), "{refused:?}");
    assert!(error["error"]["name"].is_string(), "{refused:?}");
    let usage = said(&mut command(&["publish", "not a channel", "1", "--json"]));
    let error: Value = serde_json::from_str(&usage.stderr).unwrap();
    assert_eq!((usage.code, &error["error"]["kind"]), (Some(2), &Value::from("usage")), "{usage:?}");

    let channel = said(&mut command(&["publish", "not a channel", "1"]));
    assert_eq!(channel.code, Some(2), "{channel:?}");
}
