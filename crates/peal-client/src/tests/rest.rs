//! What leaves for the REST API is what the server's own check accepts. One answer per test, on a real socket.

use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use peal_core::ErrorCode;
use peal_core::exchange::Direction;
use peal_core::signature::{NativeAuthorization, NativeRequest, PusherRequest};
use secrecy::SecretString;
use serde_json::json;
use tokio::net::TcpListener;

use super::script::code_of;
use crate::rest::{Outgoing, Rest, Scheme};
use crate::{ClientError, HistoryOptions};

fn secret() -> SecretString {
    "s3cret".into()
}

/// A request as it arrived.
struct Arrived {
    method: String,
    path: String,
    query: String,
    authorization: Option<String>,
    body: Bytes,
}

type Seen = Arc<Mutex<Vec<Arrived>>>;

/// Gives every request the same answer.
async fn server(status: u16, body: serde_json::Value) -> (Rest, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/base/", listener.local_addr().expect("bound"));
    let seen = Seen::default();
    let (kept, body) = (Arc::clone(&seen), Bytes::from(body.to_string()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (seen, body) = (Arc::clone(&kept), body.clone());
            let answer = service_fn(move |request: Request<Incoming>| {
                let (seen, body) = (Arc::clone(&seen), body.clone());
                async move {
                    let (head, arriving) = request.into_parts();
                    let arrived = Arrived {
                        method: head.method.to_string(),
                        path: head.uri.path().into(),
                        query: head.uri.query().unwrap_or_default().into(),
                        authorization: head.headers.get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned),
                        body: arriving.collect().await?.to_bytes(),
                    };
                    seen.lock().expect("no test panics while holding it").push(arrived);
                    Ok::<_, hyper::Error>(Response::builder().status(status).body(Full::new(body)).expect("valid"))
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    (Rest::new(&url, "k1", "s3cret").expect("valid"), seen)
}

fn only(seen: &Seen) -> Arrived {
    let mut seen = seen.lock().expect("no test panics while holding it");
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

fn assert_signed(arrived: &Arrived) {
    let authorization = arrived.authorization.as_deref().expect("a header");
    let authorization = NativeAuthorization::parse(authorization.strip_prefix("Peal-HMAC-SHA256 ").expect("the scheme")).expect("readable");
    assert_eq!(authorization.key_id, "k1");
    let request = NativeRequest { method: &arrived.method, path: &arrived.path, query: &arrived.query, body: &arrived.body };
    assert_eq!(request.verify(&secret().into(), &authorization, authorization.timestamp_s), Ok(()));
}

#[tokio::test]
async fn a_publish_is_signed_and_carries_an_id() {
    let (rest, seen) = server(200, json!({"id": "x", "position": "7-1"})).await;
    let published = rest.publish("room.42", &Outgoing::new("said", json!({"text": "hi"}))).await.expect("accepted");
    assert_eq!((published.id.as_str(), published.position.map(|at| at.to_string()).as_deref()), ("x", Some("7-1")));
    let arrived = only(&seen);
    assert_eq!((arrived.method.as_str(), arrived.path.as_str()), ("POST", "/base/v1/channels/room.42/messages"));
    assert_signed(&arrived);
    let body: serde_json::Value = serde_json::from_slice(&arrived.body).expect("JSON");
    assert_eq!((&body["event"], &body["data"]["text"], body["id"].is_string()), (&json!("said"), &json!("hi"), true));
}

#[tokio::test]
async fn a_batch_answers_one_result_each() {
    let (rest, seen) = server(200, json!({"items": [{"id": "a"}, {"id": "b", "position": "7-2"}]})).await;
    let results = rest.publish_batch("room", &[Outgoing::new("e", 1), Outgoing::new("e", 2)]).await.expect("accepted");
    assert_eq!(results.iter().map(|result| result.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(serde_json::from_slice::<Vec<serde_json::Value>>(&only(&seen).body).is_ok_and(|items| items.len() == 2));
}

#[tokio::test]
async fn history_is_asked_by_a_signed_query() {
    let message = json!({"position": "7-1", "id": "a", "ts": 1, "event": "said", "data": {"n": 1}});
    let (rest, seen) = server(200, json!({"messages": [message], "more": true})).await;
    let after = Some("7-0".parse().expect("a position"));
    let options = HistoryOptions { limit: Some(10), after, direction: Some(Direction::Forwards), ..HistoryOptions::default() };
    let page = rest.history("room", options).await.expect("read");
    assert_eq!((page.messages.len(), page.more, page.messages[0].data.as_str()), (1, true, Some(r#"{"n":1}"#)));
    let arrived = only(&seen);
    assert_eq!((arrived.method.as_str(), arrived.query.as_str()), ("GET", "limit=10&after=7-0&direction=forwards"));
    assert_signed(&arrived);
}

#[tokio::test]
async fn basic_sends_key_and_secret() {
    let (rest, seen) = server(200, json!({"id": "x"})).await;
    rest.with_scheme(Scheme::Basic).publish("room", &Outgoing::new("e", 1)).await.expect("accepted");
    assert_eq!(only(&seen).authorization.as_deref(), Some("Basic azE6czNjcmV0"));
}

#[tokio::test]
async fn a_trigger_is_signed_as_pushers_libraries_do() {
    let (rest, seen) = server(200, json!({})).await;
    let app = "123456789".parse().expect("an app id");
    rest.trigger(app, &["a", "b"], "said", "{\"n\":1}", Some("1.2")).await.expect("accepted");
    let arrived = only(&seen);
    let query: Vec<_> =
        arrived.query.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let request = PusherRequest { method: "POST", path: &arrived.path, query: &query, body: &arrived.body };
    assert_eq!((request.key_id(), arrived.path.as_str()), (Some("k1"), "/base/apps/123456789/events"));
    let signed_at = query.iter().find(|(key, _)| key == "auth_timestamp").and_then(|(_, at)| at.parse().ok()).expect("a time");
    assert_eq!(request.verify(&secret().into(), signed_at), Ok(()));
    let body: serde_json::Value = serde_json::from_slice(&arrived.body).expect("JSON");
    assert_eq!(body, json!({"name": "said", "channels": ["a", "b"], "data": "{\"n\":1}", "socket_id": "1.2"}));
}

#[tokio::test]
async fn problems_are_typed_and_anything_else_is_shown() {
    let refusal = peal_core::Refusal::of(ErrorCode::RateLimited).with_limit(10, 11).retry_after(250);
    let (rest, _) = server(429, serde_json::to_value(refusal.problem("req_1", "http://help")).expect("prints")).await;
    let error = rest.publish("room", &Outgoing::new("e", 1)).await.expect_err("refused");
    assert_eq!((code_of(&error), error.retryable()), (ErrorCode::RateLimited, true));
    let ClientError::Refused(error) = error else { unreachable!("it has a code") };
    assert_eq!((error.status, error.limit, error.current, error.retry_after), (Some(429), Some(10), Some(11), Some(250)));
    assert_eq!(error.request_id.as_deref(), Some("req_1"));
    let (rest, _) = server(502, json!("a proxy's page")).await;
    let error = rest.history("room", HistoryOptions::default()).await.expect_err("refused");
    assert!(error.to_string().contains("HTTP 502") && error.to_string().contains("a proxy's page"), "{error}");
}

#[tokio::test]
async fn the_secret_is_never_printed() {
    let (rest, _) = server(200, json!({})).await;
    assert!(!format!("{rest:?}").contains("s3cret"));
}
