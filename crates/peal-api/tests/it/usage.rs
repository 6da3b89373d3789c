//! Usage over HTTP: the numbers with the rules that made them, as JSON and CSV.

use http::header::ACCEPT;
use http::{Method, StatusCode};
use peal_core::usage::{Batch, BreakdownRow, Dimension, Metric, Row, Sample, Usage};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::common::{Bench, Browser, problem};

/// An app that used something in a minute half an hour ago, and that minute.
async fn used(bench: &Bench) -> (Browser, String, OffsetDateTime) {
    let (browser, made) = bench.signed_up("ada@example.com").await;
    let id = made["app"]["id"].as_str().unwrap().to_owned();
    let app = id.parse().unwrap();
    let minute = (OffsetDateTime::now_utc().unix_timestamp() / 60 - 30) as u64;
    let row = |metric, value| Row { app, minute, metric, value };
    let rows = vec![row(Metric::MessagesIn, 7), row(Metric::MessagesOut, 42), row(Metric::ConnectionMs, 90_000)];
    let samples = vec![Sample { app, slot: minute * 6 + 2, value: 3 }];
    let key = made["key"]["id"].as_str().unwrap();
    let part = |dimension, metric, label: &str, value| BreakdownRow { app, minute, dimension, metric, label: label.into(), value };
    let breakdown = vec![
        part(Dimension::Namespace, Metric::MessagesOut, "", 2),
        part(Dimension::Namespace, Metric::MessagesOut, "=chat", 30),
        part(Dimension::Namespace, Metric::MessagesOut, "*", 10),
        part(Dimension::Key, Metric::MessagesIn, key, 7),
        part(Dimension::Transport, Metric::MessagesIn, "rest", 7),
    ];
    let usage = Usage { rows, samples, breakdown };
    let source = Uuid::now_v7();
    bench.store.usage_source_touch(source, "node", 0).await.unwrap();
    bench.store.usage_flush(&Batch { source, seq: 1, covers_to_ms: 0, usage }).await.unwrap();
    (browser, id, OffsetDateTime::from_unix_timestamp((minute * 60) as i64).unwrap())
}

fn query(from: OffsetDateTime, minutes: i64) -> String {
    let text = |at: OffsetDateTime| at.format(&Rfc3339).unwrap();
    format!("from={}&to={}", text(from), text(from + time::Duration::minutes(minutes)))
}

#[tokio::test]
async fn numbers_come_with_their_rules() {
    let bench = Bench::new().await;
    let (mut browser, app, at) = used(&bench).await;
    let answer = browser.get(&format!("/api/v1/apps/{app}/usage?metric=messages_out&{}", query(at, 3))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let body = answer.json();
    assert_eq!((&body["metric"], &body["resolution"]), (&Value::from("messages_out"), &Value::from("minute")));
    let values: Vec<u64> = body["items"].as_array().unwrap().iter().map(|item| item["value"].as_u64().unwrap()).collect();
    assert_eq!(values, [42, 0, 0]);
    assert_eq!(body["items"][0]["ts"], at.format(&Rfc3339).unwrap());
    assert_eq!((&body["totals"]["messages_in"], &body["totals"]["history_reads"]), (&Value::from(7), &Value::from(0)));
    assert_eq!((&body["peak"], &body["average"]), (&Value::from(3), &Value::from(0.5)));
    for metric in Metric::ALL {
        assert_eq!(body["rules"][metric.name()]["rule"], metric.info().rule);
    }
    assert!(OffsetDateTime::parse(body["complete_to"].as_str().unwrap(), &Rfc3339).is_ok());
    let peaks = browser.get(&format!("/api/v1/apps/{app}/usage?metric=peak_connections&{}", query(at, 1))).await.json();
    assert_eq!((&peaks["items"][0]["value"], &peaks["items"][0]["average"]), (&Value::from(3), &Value::from(1.5)));
    let whole = browser.get(&format!("/api/v1/apps/{app}/usage")).await.json();
    assert_eq!((&whole["metric"], &whole["totals"]["messages_out"]), (&Value::from("messages_out"), &Value::from(42)));
    assert!((60..=62).contains(&whole["items"].as_array().unwrap().len()));
}

#[tokio::test]
async fn a_spreadsheet_gets_csv() {
    let bench = Bench::new().await;
    let (mut browser, app, at) = used(&bench).await;
    let path = format!("/api/v1/apps/{app}/usage?metric=peak_connections&{}", query(at, 2));
    let request = browser.request(Method::GET, &path).header(ACCEPT, "text/csv").body(axum::body::Body::empty()).unwrap();
    let answer = browser.send(request).await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let (first, second) = (at.format(&Rfc3339).unwrap(), (at + time::Duration::MINUTE).format(&Rfc3339).unwrap());
    assert_eq!(answer.text, format!("ts,peak_connections,average_connections\r\n{first},3,1.5\r\n{second},0,0\r\n"));
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused_with_the_reason() {
    let bench = Bench::new().await;
    let (mut browser, app, at) = used(&bench).await;
    let long = query(at - time::Duration::days(100), 60 * 24 * 90);
    for wrong in [
        "metric=all",
        "from=yesterday",
        "resolution=week",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        &format!("{long}&resolution=minute"),
    ] {
        let answer = browser.get(&format!("/api/v1/apps/{app}/usage?{wrong}")).await;
        assert_eq!(answer.problem(), problem(400, "invalid_request"), "{wrong}");
    }
}

#[tokio::test]
async fn another_apps_usage_is_not_in_it() {
    let bench = Bench::new().await;
    used(&bench).await;
    let (mut eve, own) = bench.signed_up("eve@example.com").await;
    let body = eve.get(&format!("/api/v1/apps/{}/usage", own["app"]["id"].as_str().unwrap())).await.json();
    assert!(body["totals"].as_object().unwrap().values().all(|value| value == 0), "{body}");
    assert_eq!(body["peak"], 0);
}

#[tokio::test]
async fn a_metric_is_broken_down_by_where_it_comes_from() {
    let bench = Bench::new().await;
    let (mut browser, app, at) = used(&bench).await;
    let path = format!("/api/v1/apps/{app}/usage/breakdown");
    let body = browser.get(&format!("{path}?{}", query(at, 1))).await.json();
    assert_eq!((&body["by"], &body["metric"]), (&Value::from("namespace"), &Value::from("messages_out")));
    let items: Vec<_> =
        body["items"].as_array().unwrap().iter().map(|item| (item["label"].as_str().unwrap(), item["value"].as_u64())).collect();
    assert_eq!(items, [("=chat", Some(30)), ("*", Some(10)), ("", Some(2))], "largest first");
    let keys = browser.get(&format!("{path}?by=key&metric=messages_in")).await.json();
    assert_eq!((&keys["items"][0]["value"], keys["items"][0]["name"].is_string()), (&Value::from(7), true), "{keys}");
    let transports = browser.get(&format!("{path}?by=transport&metric=messages_in")).await.json();
    assert_eq!(transports["items"][0]["label"], "rest");
    let before = browser.get(&format!("{path}?{}", query(at - time::Duration::MINUTE, 1))).await.json();
    assert_eq!(before["items"], Value::Array(vec![]));
    let request = browser.request(Method::GET, &format!("{path}?{}", query(at, 1))).header(ACCEPT, "text/csv");
    let csv = browser.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(csv.text, "namespace,messages_out\r\n\"'=chat\",30\r\n\"*\",10\r\n\"\",2\r\n");
    for wrong in ["by=colour", "metric=bytes_in", "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from=2020-01-01T00:00:00Z"] {
        assert_eq!(browser.get(&format!("{path}?{wrong}")).await.problem(), problem(400, "invalid_request"), "{wrong}");
    }
    let (mut eve, own) = bench.signed_up("eve@example.com").await;
    let hers = eve.get(&format!("/api/v1/apps/{}/usage/breakdown", own["app"]["id"].as_str().unwrap())).await.json();
    assert_eq!(hers["items"], Value::Array(vec![]));
}

#[tokio::test]
async fn what_is_not_in_the_numbers_is_said() {
    let bench = Bench::new().await;
    let (mut browser, app, _) = used(&bench).await;
    let path = format!("/api/v1/apps/{app}/usage/notes");
    assert_eq!(browser.get(&path).await.json()["items"], Value::Array(vec![]));
    let minute = (OffsetDateTime::now_utc().unix_timestamp() / 60 - 20 * 24 * 60) as u64;
    let row = Row { app: app.parse().unwrap(), minute, metric: Metric::MessagesIn, value: 5 };
    let source = Uuid::now_v7();
    bench.store.usage_source_touch(source, "node-17", 0).await.unwrap();
    let usage = Usage { rows: vec![row], ..Usage::default() };
    bench.store.usage_flush(&Batch { source, seq: 1, covers_to_ms: 0, usage }).await.unwrap();
    let reason = peal_store::GapReason::SpoolDamaged;
    let gap = peal_store::UsageGap { source, from_seq: 2, to_seq: None, node: "node-17".into(), reason, new_source: None };
    bench.store.usage_gap_add(&gap).await.unwrap();
    let answer = browser.get(&path).await;
    let notes = answer.json();
    let mut kinds: Vec<_> = notes["items"].as_array().unwrap().iter().map(|note| note["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["adjustment", "loss"], "{notes}");
    let adjustment = notes["items"].as_array().unwrap().iter().find(|note| note["kind"] == "adjustment").unwrap();
    assert_eq!((&adjustment["metric"], &adjustment["value"]), (&Value::from("messages_in"), &Value::from(5)));
    assert!(!answer.text.contains("node-17") && !answer.text.contains(&source.to_string()), "{}", answer.text);
    let earlier = browser.get(&format!("{path}?to=2026-01-01T00:00:00Z")).await.json();
    assert_eq!(earlier["items"], Value::Array(vec![]));
    let (mut eve, own) = bench.signed_up("eve@example.com").await;
    let hers = eve.get(&format!("/api/v1/apps/{}/usage/notes", own["app"]["id"].as_str().unwrap())).await.json();
    assert_eq!(hers["items"], Value::Array(vec![]), "somebody who used nothing has lost nothing");
}

#[tokio::test]
async fn the_months_quota_is_that_of_the_org() {
    let bench = Bench::new().await;
    let (mut browser, ..) = used(&bench).await;
    bench.sql("update org set plan = 'free'").await;
    let quota = browser.get("/api/v1/quota").await.json();
    assert_eq!((&quota["plan"]["id"], &quota["messages"]["used"]), (&Value::from("free"), &Value::from(49)), "{quota}");
    assert_eq!((&quota["messages"]["included"], &quota["messages"]["standing"]), (&Value::from(10_000_000), &Value::from("within")));
    bench.sql("update quota_used set messages = 10000000").await;
    let quota = browser.get("/api/v1/quota").await.json();
    assert_eq!((&quota["messages"]["standing"], &quota["messages"]["when_used_up"]), (&Value::from("grace"), &Value::from("stop")));
    let time = |name: &str| OffsetDateTime::parse(quota["messages"][name].as_str().unwrap_or_default(), &Rfc3339);
    assert_eq!(time("grace_ends_at").unwrap() - time("used_up_at").unwrap(), time::Duration::DAY);
    assert_eq!(time("resets_at").unwrap().day(), 1);
    bench.sql("update quota_used set messages = 15000000").await;
    assert_eq!(browser.get("/api/v1/quota").await.json()["messages"]["standing"], "stopped");
    let (mut eve, _) = bench.signed_up("eve@example.com").await;
    assert_ne!(eve.get("/api/v1/quota").await.json()["messages"]["used"], 15_000_000);
    bench.sql("update org set plan = 'unlimited'").await;
    assert_eq!(eve.get("/api/v1/quota").await.json()["messages"], Value::Null);
}
