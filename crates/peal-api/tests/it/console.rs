//! The dashboard's token is one that the edge accepts, for five minutes, and that no key of the customer's could have signed.

use std::time::{SystemTime, UNIX_EPOCH};

use peal_core::{ChannelName, ErrorCode, Now, Operation, token};
use serde_json::json;

use crate::common::Bench;

#[tokio::test]
async fn the_edge_accepts_it_for_its_app_alone_and_for_five_minutes() {
    let bench = Bench::new().await;
    let (mut browser, made) = bench.signed_up("ada@example.com").await;
    bench.signed_up("eve@example.com").await;
    let id = made["app"]["id"].as_str().unwrap();
    let answer = browser.post(&format!("/api/v1/apps/{id}/console-token"), json!({})).await.json();
    assert_eq!(answer["edge_url"], "http://127.0.0.1:7100");
    let text = answer["token"].as_str().unwrap();

    let apps = bench.store.directory_load(None).await.unwrap().apps;
    let (own, foreign): (Vec<_>, Vec<_>) = apps.iter().partition(|app| app.id.to_string() == id);
    let wall_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let at = |after_s: u64| Now { mono_ms: 0, wall_ms: wall_ms + after_s * 1_000 };
    let verified = token::verify(own[0], text, at(0)).expect("the edge accepts it");
    assert!(verified.console);
    assert_eq!(verified.client_id.as_deref(), Some("console"));
    assert!(verified.allows(Operation::Inspect, &ChannelName::parse("private-anything").unwrap()));
    assert_ne!(verified.key.as_str(), made["key"]["id"].as_str().unwrap(), "signed by the hidden key");
    assert_eq!(token::verify(own[0], text, at(301)).unwrap_err().code, ErrorCode::TokenExpired);
    assert_eq!(token::verify(foreign[0], text, at(0)).unwrap_err().code, ErrorCode::TokenInvalid);
}
