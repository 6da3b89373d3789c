//! Limits of a client address before authentication (docs/limits.md). The node trusts the proxy that the tests are, so that they may come
//! from anywhere; what happens at the door is tested without it.

use std::num::NonZeroU32;

use peal_core::limit::AddressLimits;
use peal_edge::EdgeConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{APP, Response, Socket, TestNode, metrics, sign, within};

const NAT: &str = "192.0.2.1";
const OTHER: &str = "192.0.2.2";

/// One a second, so that a slow test does not see the allowance come back faster than it counts.
fn limits(opens: u32, failures: u32, unauthenticated: u32) -> AddressLimits {
    let some = NonZeroU32::new;
    AddressLimits { opens_per_second: some(opens), failures_per_second: some(failures), unauthenticated: some(unauthenticated) }
}

async fn behind_a_proxy(limits: AddressLimits) -> TestNode {
    let trusted_proxies = "127.0.0.1".parse().expect("an address");
    TestNode::start_with(EdgeConfig { trusted_proxies, address_limits: limits, ..EdgeConfig::default() }).await
}

async fn websocket_from(node: &TestNode, address: &str, path: &str) -> Socket {
    let mut request = format!("ws://{}{path}", node.addr).into_client_request().expect("a request");
    // What the client itself wrote comes first and is not believed.
    request.headers_mut().insert("x-forwarded-for", format!("203.0.113.9, {address}").parse().expect("a header"));
    let (stream, _) = within(tokio_tungstenite::connect_async(request)).await.expect("upgrades");
    Socket { stream }
}

/// The first frame of a Pusher connection.
async fn pusher_from(node: &TestNode, address: &str) -> (Socket, Value) {
    let mut socket = websocket_from(node, address, &format!("/app/{}?protocol=7", APP.key)).await;
    let first = socket.json().await;
    (socket, first)
}

/// Opens native connections with a token that nobody made until one is refused at once, for the allowance comes back meanwhile.
async fn native_until_refused(node: &TestNode) -> (Socket, Value) {
    loop {
        let mut socket = websocket_from(node, NAT, "/v1/connect").await;
        socket.send(&json!({"id": 1, "connect": {"token": "x.y.z", "version": 1}})).await;
        let error = socket.json().await["error"].clone();
        match error["name"].as_str() {
            Some("address_limit") => return (socket, error),
            other => assert_eq!(other, Some("token_invalid")),
        }
    }
}

async fn trigger_from(node: &TestNode, address: &str, signature_is_good: bool) -> Response {
    let (path, body) = (format!("/apps/{}/events", APP.id), json!({"name": "said", "channels": ["room"], "data": "x"}).to_string());
    let mut query = sign(&APP, "POST", &path, &[], &body, crate::support::now_s());
    if !signature_is_good {
        query += "00";
    }
    let headers = [("content-type", "application/json"), ("x-forwarded-for", address)];
    node.http("POST", &format!("{path}?{query}"), &headers, body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_too_many_websockets_is_told_after_the_upgrade_and_nobody_else_is() {
    let node = behind_a_proxy(limits(1, 1_000, 1_000)).await;
    let mut open = Vec::new();
    let refused = loop {
        let (socket, first) = pusher_from(&node, NAT).await;
        if first["event"] == "pusher:error" {
            assert_eq!(first["data"]["code"], 4100, "{first}");
            break socket;
        }
        open.push(socket);
        assert!(open.len() < 1_000, "there is no limit");
    };
    assert!(open.len() >= 20, "twenty seconds' worth come at once, not {}", open.len());
    let mut refused = refused;
    assert_eq!(refused.closed().await, Some(4100));
    let (mut native, error) = native_until_refused(&node).await;
    assert_eq!((&error["limit"], &error["current"], &error["retryable"]), (&json!(20), &json!(21), &json!(true)), "{error}");
    assert!(error["retry_after"].as_u64() >= Some(1_000), "{error}");
    assert_eq!(native.closed().await, Some(4110));
    // The neighbours come in, those inside stay, and requests are not concerned.
    assert_eq!(pusher_from(&node, OTHER).await.1["event"], "pusher:connection_established");
    for socket in &mut open {
        socket.alive().await;
    }
    assert_eq!(trigger_from(&node, NAT, true).await.status, 200);
    let metrics = metrics(&node).await;
    let counted = metrics.lines().find_map(|line| line.strip_prefix("peal_address_refusals_total{limit=\"opens\"} "));
    assert_eq!(counted, Some("2"), "one of each protocol: {metrics}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fails_too_often_may_not_authenticate_for_a_while() {
    let node = behind_a_proxy(limits(1_000, 1, 1_000)).await;
    let mut failures = 0;
    let refused = loop {
        let answer = trigger_from(&node, NAT, false).await;
        if answer.status == 429 {
            break answer;
        }
        answer.refused(401, "signature_invalid");
        failures += 1;
        assert!(failures < 1_000, "there is no limit");
    };
    assert!(failures >= 20, "twenty may fail at once, not {failures}");
    refused.refused(429, "address_limit");
    let problem = refused.json();
    assert_eq!((&problem["limit"], &problem["retryable"]), (&json!(20), &json!(true)), "{problem}");
    assert!(problem["retry_after"].as_u64() >= Some(1_000) && refused.head.contains("retry-after: "), "{refused:?}");
    // A WebSocket of the same address, and not one of another; nor what needs no authentication.
    native_until_refused(&node).await;
    assert_eq!(trigger_from(&node, OTHER, true).await.status, 200);
    assert_eq!(node.http("GET", "/healthz", &[("x-forwarded-for", NAT)], b"").await.status, 200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_and_unknown_keys_on_websockets_are_failures_too() {
    let node = behind_a_proxy(limits(1_000, 1, 1_000)).await;
    let mut failures = 0;
    loop {
        let mut socket = websocket_from(&node, NAT, "/v1/connect").await;
        socket.send(&json!({"id": 1, "connect": {"token": "x.y.z", "version": 1}})).await;
        let name = socket.json().await["error"]["name"].clone();
        socket.closed().await;
        if name == "address_limit" {
            break;
        }
        assert_eq!(name, "token_invalid");
        let mut socket = websocket_from(&node, NAT, "/app/nosuchkey?protocol=7").await;
        socket.closed().await;
        failures += 2;
        assert!(failures < 1_000, "there is no limit");
    }
    assert!(failures >= 20, "twenty may fail at once, not {failures}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_that_do_not_authenticate_are_counted_until_they_do() {
    let node = behind_a_proxy(limits(1_000, 1_000, 3)).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(websocket_from(&node, NAT, "/v1/connect").await);
    }
    let mut fourth = websocket_from(&node, NAT, "/v1/connect").await;
    assert_eq!(fourth.json().await["error"]["name"], "address_limit");
    assert_eq!(fourth.closed().await, Some(4110));
    let mut first = silent.remove(0);
    first.request(json!({"id": 1, "connect": {"token": APP.full_token("ada"), "version": 1}})).await;
    // Also the keys of Pusher are accepted at once, so these never add up.
    let mut pushers = Vec::new();
    for _ in 0..10 {
        let (socket, hello) = pusher_from(&node, NAT).await;
        assert_eq!(hello["event"], "pusher:connection_established", "{hello}");
        pushers.push(socket);
    }
    // Whoever leaves without a word makes room as well. The node learns of it a moment later.
    drop(silent);
    let room = async {
        let mut natives = Vec::new();
        while natives.len() < 2 {
            let mut native = websocket_from(&node, NAT, "/v1/connect").await;
            native.send(&json!({"id": 1, "ping": {}})).await;
            if native.json().await["error"]["name"] == "not_connected" {
                natives.push(native);
            }
        }
    };
    within(room).await;
    node.stop().await;
}

/// Requests of many clients share the connections of a proxy, and their credentials do not vouch for one another.
#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_on_the_same_connection_of_a_proxy_vouches_for_nobody() {
    let node = behind_a_proxy(limits(1_000, 1, 1_000)).await;
    let path = "/v1/channels/room/messages";
    let get = |address: &str, token: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {address}\r\nauthorization: Bearer {token}\r\n\r\n")
    };
    let good = get(OTHER, &APP.full_token("ada"));
    let mut requests = String::new();
    for _ in 0..100 {
        requests += &good;
        requests += &get(NAT, "x.y.z");
    }
    requests += "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answers = String::from_utf8(node.raw(requests.as_bytes()).await).expect("text");
    let count = |status: &str| answers.matches(&format!("HTTP/1.1 {status} ")).count();
    assert_eq!((count("200"), count("401") + count("429")), (101, 100), "{answers}");
    assert!(count("401") >= 20 && count("429") > 0, "{} failed and {} were refused", count("401"), count("429"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_has_not_authenticated_ends_with_its_answer() {
    let node = TestNode::start_with(EdgeConfig { address_limits: limits(1_000, 1_000, 1_000), ..EdgeConfig::default() }).await;
    let health = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let answers = String::from_utf8(node.raw(health.repeat(2).as_bytes()).await).expect("text");
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 1, "{answers}");
    assert!(answers.contains("connection: close"), "{answers}");
    let authorization = format!("Bearer {}", APP.full_token("ada"));
    let history = format!("GET /v1/channels/room/messages HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\n\r\n");
    let last = health.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let answers = String::from_utf8(node.raw(format!("{history}{health}{last}").as_bytes()).await).expect("text");
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 3, "{answers}");
    node.stop().await;
}

/// Without a proxy the address is known when the socket is accepted.
#[tokio::test(flavor = "multi_thread")]
async fn a_multitude_of_silent_sockets_is_turned_away_at_the_door() {
    let config = EdgeConfig { address_limits: limits(1_000, 1_000, 2), ..EdgeConfig::default() };
    let node = TestNode::start_with(config).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(node.addr).await.expect("connects"));
    }
    // A core takes them in its own time, and turns away the one too many without being asked.
    let turned_away = async {
        loop {
            let mut stream = TcpStream::connect(node.addr).await.expect("connects");
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.ok();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.ok();
            let answer = Response::parse(&answer);
            if answer.status == 429 {
                return answer;
            }
        }
    };
    let answer = within(turned_away).await;
    answer.head.contains("application/problem+json").then_some(()).expect("a problem");
    assert_eq!((&answer.json()["name"], &answer.json()["limit"]), (&json!("address_limit"), &json!(2)), "{answer:?}");
    drop(silent);
    let back = async {
        while node.http("GET", "/healthz", &[], b"").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    within(back).await;
    node.stop().await;
}

/// A PROXY protocol header for a client of this address, and a request.
fn introduced(client: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    match client {
        Some(address) => bytes.extend([&[0x21, 0x11, 0, 12], &address[..], &[127, 0, 0, 1, 0x30, 0x39, 0, 80]].concat()),
        None => bytes.extend([0x20, 0, 0, 0]),
    }
    bytes.extend(b"GET /v1/channels/room/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_bytes_says_whose_they_are() {
    let config = EdgeConfig {
        trusted_proxies: "127.0.0.1".parse().expect("an address"),
        proxy_protocol: true,
        address_limits: limits(1_000, 1, 1_000),
        ..EdgeConfig::default()
    };
    let node = TestNode::start_with(config).await;
    let ask = async |client| Response::parse(&node.raw(&introduced(client)).await);
    let mut failures = 0;
    loop {
        let answer = ask(Some([192, 0, 2, 1])).await;
        if answer.status == 429 {
            answer.refused(429, "address_limit");
            break;
        }
        answer.refused(401, "credentials_missing");
        failures += 1;
        assert!(failures < 1_000, "all are one address");
    }
    ask(Some([192, 0, 2, 2])).await.refused(401, "credentials_missing");
    // The proxy itself, as its health checks are.
    ask(None).await.refused(401, "credentials_missing");
    assert_eq!(
        node.raw(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await,
        b"",
        "without a header there is no answer"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_exempt_have_no_limits() {
    let config =
        EdgeConfig { address_limits: limits(1, 1, 1), address_exempt: "127.0.0.0/8".parse().expect("a network"), ..EdgeConfig::default() };
    let node = TestNode::start_with(config).await;
    let mut sockets = Vec::new();
    for _ in 0..60 {
        sockets.push(node.websocket("/v1/connect").await);
    }
    for socket in &mut sockets {
        let reply = socket.request(json!({"id": 1, "connect": {"token": APP.full_token("ada"), "version": 1}})).await;
        assert!(reply["ok"].is_object(), "{reply}");
    }
    node.stop().await;
}

/// Whoever is not named may write what it likes.
#[tokio::test(flavor = "multi_thread")]
async fn a_header_of_a_stranger_changes_nothing() {
    let config = EdgeConfig { address_limits: limits(1, 1_000, 1_000), ..EdgeConfig::default() };
    let node = TestNode::start_with(config).await;
    let mut opened = 0;
    loop {
        let (_, first) = pusher_from(&node, &format!("192.0.2.{}", opened % 250)).await;
        if first["event"] == "pusher:error" {
            break;
        }
        opened += 1;
        assert!(opened < 1_000, "every request is another address");
    }
    node.stop().await;
}
