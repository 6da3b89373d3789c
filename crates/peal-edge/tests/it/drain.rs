//! A node that is replaced: it says so, answers what it took, and sends its clients elsewhere one after the other.

use std::time::Duration;

use peal_edge::EdgeConfig;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{APP, Response, Socket, TestNode, within};

/// Far longer than a test takes: what happens in it happens because of the drain, not because it is over.
const LONG: Duration = Duration::from_secs(600);

async fn retry_in(socket: &mut Socket) -> u64 {
    let frame = socket.json().await;
    frame["goaway"]["retry_in"].as_u64().unwrap_or_else(|| panic!("{frame}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_node_is_not_ready_but_still_answers_and_sends_newcomers_elsewhere() {
    let node = TestNode::start_with(EdgeConfig { drain: LONG, ..EdgeConfig::default() }).await;
    let mut staying = Vec::new();
    for n in 0..8 {
        staying.push(node.native(&APP, &format!("c{n}")).await);
    }
    let addr = node.addr;
    let stop = tokio::spawn(node.edge.shutdown());
    let mut slots = Vec::new();
    for client in &mut staying {
        slots.push(retry_in(client).await);
    }
    let (notice, end) = (LONG.as_millis() as u64 / 4, LONG.as_millis() as u64);
    assert!(slots.iter().all(|slot| (notice..end).contains(slot)), "nobody goes before balancers had time to notice: {slots:?}");
    let first = slots.iter().filter(|slot| **slot == notice).count();
    assert!((1..=2).contains(&first), "one of each core goes first, the others in turn: {slots:?}");

    let node = Probe { addr };
    let ready = node.get("/readyz").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(ready.body.contains("draining") && ready.head.contains("connection: close"), "{ready:?}");
    assert_eq!(node.get("/healthz").await.status, 200, "it lives");
    for path in ["/v1/connect", "/app/appkey?protocol=7"] {
        let (stream, _) = within(tokio_tungstenite::connect_async(format!("ws://{addr}{path}"))).await.expect("upgrades");
        assert_eq!(Socket { stream }.closed().await, Some(4200), "{path}");
    }
    for client in &mut staying {
        assert!(client.request(json!({"id": 9, "ping": {}})).await["ok"].is_object(), "whose turn has not come is served as before");
    }
    stop.abort();
}

struct Probe {
    addr: std::net::SocketAddr,
}

impl Probe {
    async fn get(&self, path: &str) -> Response {
        within(async {
            let mut stream = TcpStream::connect(self.addr).await.expect("connects");
            stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).await.expect("writes");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("the server closes after its answer");
            Response::parse(&answer)
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_balancers_had_time_to_notice_nothing_is_accepted() {
    let node = TestNode::start_with(EdgeConfig { drain: Duration::from_millis(400), ..EdgeConfig::default() }).await;
    let addr = node.addr;
    let mut clients = Vec::new();
    for n in 0..8 {
        clients.push(node.native(&APP, &format!("c{n}")).await);
    }
    let stop = tokio::spawn(node.stop());
    within(async {
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for mut client in clients {
        assert_eq!(client.closed().await, Some(4200), "they have their turn all the same");
    }
    within(stop).await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_closed_in_the_order_of_their_slots() {
    let node = TestNode::start_with(EdgeConfig { drain: Duration::from_millis(800), ..EdgeConfig::default() }).await;
    let mut clients = Vec::new();
    for n in 0..12 {
        clients.push(node.native(&APP, &format!("c{n}")).await);
    }
    let (order, mut closed) = tokio::sync::mpsc::unbounded_channel();
    let stop = tokio::spawn(node.stop());
    for mut client in clients {
        let order = order.clone();
        tokio::spawn(async move {
            let slot = retry_in(&mut client).await;
            assert_eq!(client.closed().await, Some(4200));
            order.send(slot).expect("the test listens");
        });
    }
    drop(order);
    let mut slots = Vec::new();
    while let Some(slot) = within(closed.recv()).await {
        slots.push(slot);
    }
    within(stop).await.expect("stops");
    assert_eq!(slots.len(), 12);
    // Two cores and two clocks: neighbours may change places, nobody more.
    let distance = slots.iter().max().expect("some") / 4;
    assert!(slots.iter().zip(slots.iter().skip(4)).all(|(early, late)| *late + distance > *early), "{slots:?}");
    assert!(slots.iter().any(|slot| *slot > 400), "spread over the window: {slots:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_progress_is_answered_and_an_idle_connection_ends() {
    let node = TestNode::start_with(EdgeConfig { drain: Duration::ZERO, ..EdgeConfig::default() }).await;
    let body = json!({"name": "n", "channels": ["room"], "data": "x"}).to_string();
    let path = format!("/apps/{}/events", APP.id);
    let query = crate::support::sign(&APP, "POST", &path, &[], &body, crate::support::now_s());
    let head = format!(
        "POST {path}?{query} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut publisher = TcpStream::connect(node.addr).await.expect("connects");
    publisher.write_all(head.as_bytes()).await.expect("writes");
    // The server has taken the request up when it asks for the body.
    let mut go_on = [0; 25];
    within(publisher.read_exact(&mut go_on)).await.expect("reads");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let mut idle = TcpStream::connect(node.addr).await.expect("connects");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").await.expect("writes");
    let mut first = [0; 12];
    within(idle.read_exact(&mut first)).await.expect("reads");
    assert_eq!(&first, b"HTTP/1.1 200");

    let stop = tokio::spawn(node.stop());
    let mut rest = Vec::new();
    within(idle.read_to_end(&mut rest)).await.expect("a kept connection without a request ends");
    publisher.write_all(body.as_bytes()).await.expect("writes");
    let mut answer = Vec::new();
    within(publisher.read_to_end(&mut answer)).await.expect("reads");
    assert_eq!(Response::parse(&answer).status, 200, "{}", String::from_utf8_lossy(&answer));
    within(stop).await.expect("stops");
}
