//! The ready file is the contract with test tools: what it says must be so when it appears.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::http;
use crate::peal::{Home, Peal};

#[test]
fn it_has_exactly_the_agreed_members() {
    let home = Home::new();
    let peal = Peal::start(&home, &["--ephemeral"]);
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&peal.ready), ["admin_url", "api_url", "app", "dashboard", "database_url", "edge_url", "pid"]);
    assert_eq!(members(&peal.ready["app"]), ["id", "key", "secret"]);
    assert_eq!(members(&peal.ready["dashboard"]), ["email", "password", "url"]);
    let mode = std::fs::metadata(home.path().join("ready.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds secrets");
}

#[test]
fn all_that_it_names_serves() {
    let home = Home::new();
    let peal =
        Peal::start(&home, &["--ephemeral", "--seed-app", "4321:first-key:first-secret", "--seed-app", "8765:second-key:second-secret"]);
    for path in ["/healthz", "/readyz", "/sdk/peal.js"] {
        assert_eq!(http::get(peal.address("edge_url"), path).status, 200, "{path}");
    }
    let metrics = http::get(peal.address("admin_url"), "/metrics");
    assert!(metrics.status == 200 && metrics.body.contains("# TYPE"), "{metrics:?}");
    assert_eq!(http::get(peal.address("api_url"), "/").status, 200);

    assert_eq!(peal.ready["app"], serde_json::json!({ "id": "4321", "key": "first-key", "secret": "first-secret" }));
    for credentials in ["Zmlyc3Qta2V5OmZpcnN0LXNlY3JldA==", "c2Vjb25kLWtleTpzZWNvbmQtc2VjcmV0"] {
        let basic = format!("Basic {credentials}");
        let headers = [("Authorization", basic.as_str()), ("Content-Type", "application/json")];
        let published = http::post(peal.address("edge_url"), "/v1/channels/hello/messages", &headers, r#"{"data":1}"#);
        assert_eq!(published.status, 200, "{published:?}");
    }
}

#[test]
fn its_account_signs_in_and_sees_the_app() {
    let home = Home::new();
    let peal = Peal::start(&home, &["--ephemeral"]);
    let account = serde_json::json!({ "email": peal.ready["dashboard"]["email"], "password": peal.ready["dashboard"]["password"] });
    let origin = [("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/json")];
    let signed_in = http::post(peal.address("api_url"), "/api/v1/auth/sign-in", &origin, &account.to_string());
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let cookie = signed_in.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).and_then(|line| line.split(';').next());
    let apps = http::get_with(peal.address("api_url"), "/api/v1/apps", &[("Cookie", cookie.unwrap())]);
    assert!(apps.body.contains(peal.ready["app"]["id"].as_str().unwrap()), "{apps:?}");
}

#[test]
fn the_banner_shows_the_way_and_the_log_no_secret() {
    let home = Home::new();
    let peal = Peal::start(&home, &[]);
    let banner = peal.stdout();
    assert!(banner.contains(peal.url("edge_url")) && banner.contains(peal.url("api_url")), "{banner}");
    let curl = banner.lines().find(|line| line.starts_with("curl ")).expect("the banner has a curl line").to_owned();
    assert!(curl.contains("/v1/channels/hello/messages"), "{curl}");
    let published = std::process::Command::new("sh").args(["-c", &format!("{curl} --silent --show-error --fail")]).output();
    assert!(published.unwrap().status.success(), "the curl line of the banner does not work: {curl}");

    let log = peal.stderr();
    for secret in [&peal.ready["app"]["secret"], &peal.ready["dashboard"]["password"]] {
        assert!(!log.contains(secret.as_str().unwrap()), "a secret is in the log");
    }
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "away from a terminal the log is JSON, not {line}");
    }
}
