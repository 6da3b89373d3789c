//! No password, cookie, secret or token is ever logged.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::MakeWriter;

use crate::common::{Bench, PASSWORD};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[tokio::test]
async fn everything_is_done_and_nothing_secret_is_written() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let secrets = async {
        let bench = Bench::new().await;
        let (mut browser, made) = bench.signed_up("ada@example.com").await;
        let cookie = browser.cookie.clone().unwrap();
        let app = made["app"]["id"].as_str().unwrap();
        let reveal = format!("/api/v1/apps/{app}/keys/{}/reveal", made["key"]["id"].as_str().unwrap());
        let secret = browser.post(&reveal, json!({})).await.json()["secret"].as_str().unwrap().to_owned();
        let token = browser.post(&format!("/api/v1/apps/{app}/console-token"), json!({})).await.json();
        let token = token["token"].as_str().unwrap().to_owned();
        browser.post("/api/v1/auth/sign-in", json!({ "email": "ada@example.com", "password": "not quite the one" })).await;
        browser.post("/api/v1/session/sudo", json!({ "password": PASSWORD })).await;
        bench.sql("update api_key set ciphertext = '\\x00'").await;
        browser.post(&reveal, json!({})).await;
        [cookie.split_once('=').unwrap().1.to_owned(), secret, token, PASSWORD.to_owned(), "not quite the one".to_owned()]
    }
    .with_subscriber(subscriber)
    .await;
    let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(written.contains("signed up") && written.contains("a request failed"), "the log was read: {written}");
    for secret in secrets {
        assert!(!written.contains(&secret), "{secret} was logged");
    }
}
