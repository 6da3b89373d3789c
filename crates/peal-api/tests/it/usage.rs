//! Usage over HTTP: the numbers with the rules that made them, as JSON and CSV.

use http::header::ACCEPT;
use http::{Method, StatusCode};
use peal_core::usage::{Batch, Metric, Row, Sample, Usage};
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
    let usage = Usage { rows, samples, ..Usage::default() };
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
