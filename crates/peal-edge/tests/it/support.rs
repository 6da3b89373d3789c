//! Starting a node, signing requests, and WebSockets that read JSON.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use peal_broker::MemoryBroker;
use peal_core::signature::{PusherRequest, hmac_hex, pusher_channel_text};
use peal_core::token::{Claims, mint};
use peal_core::{AppId, Capabilities, ConnectionId};
use peal_edge::{EdgeConfig, EdgeHandle};
use peal_store::{Keyring, SeedApp, Store, StoreOptions};
use peal_testkit::log_watch;
use peal_testkit::postgres::TestDb;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tower::ServiceExt;

/// Nothing in these tests takes longer; a wait that does has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct App {
    pub(crate) id: &'static str,
    pub(crate) key: &'static str,
    pub(crate) secret: &'static str,
}

/// The app under attack, and one that must not notice.
pub(crate) const APP: App = App { id: "411111111", key: "appkey", secret: "appsecret-appsecret-appsecret-apps" };
pub(crate) const CANARY: App = App { id: "422222222", key: "canarykey", secret: "canarysecret-canarysecret-canarys" };

impl App {
    pub(crate) fn secret(&self) -> SecretString {
        self.secret.into()
    }

    /// A client token with these claims, signed by this app's key.
    pub(crate) fn token(&self, claims: &Claims) -> String {
        let token = mint(&self.key.parse().expect("a key id"), &self.secret(), claims).expect("claims print");
        token.rsplit('.').take(1).chain([token.as_str()]).for_each(log_watch::mark);
        token
    }

    /// A token of `client` that may do everything, for ten minutes.
    pub(crate) fn full_token(&self, client: &str) -> String {
        self.token(&Claims {
            sub: Some(client.into()),
            exp: now_s() + 600,
            iat: Some(now_s()),
            cap: Some(Capabilities::all()),
            ..Claims::default()
        })
    }
}

pub(crate) fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

pub(crate) struct TestNode {
    pub(crate) edge: EdgeHandle,
    pub(crate) addr: SocketAddr,
    pub(crate) store: Store,
    database: Option<TestDb>,
    /// Whatever a test is about, it must not have logged a secret.
    _watch: Option<log_watch::Guard>,
}

impl TestNode {
    pub(crate) async fn start() -> Self {
        Self::start_with(EdgeConfig::default()).await
    }

    pub(crate) async fn start_with(config: EdgeConfig) -> Self {
        let database = TestDb::create().await;
        let url = database.url().to_owned();
        Self::start_on(config, database, &url).await
    }

    /// A node that reaches its database under another URL.
    pub(crate) async fn start_on(config: EdgeConfig, database: TestDb, url: &str) -> Self {
        let store = Self::store(url).await;
        let broker = |inbox: Arc<peal_edge::MuxInbox>, clock: peal_edge::Clock| MemoryBroker::new(inbox, Arc::new(move || clock.now()), 1);
        Self::start_around(config, Some(database), store, broker).await
    }

    /// The store of a database, with the apps seeded.
    pub(crate) async fn store(url: &str) -> Store {
        let store = Store::connect(url, Keyring::ephemeral(), StoreOptions::default()).await.expect("connects");
        for app in [APP, CANARY] {
            log_watch::mark(app.secret);
            let seed = SeedApp {
                app_id: app.id.parse::<AppId>().expect("digits"),
                key_id: app.key.parse().expect("a key id"),
                secret: app.secret(),
                name: app.key.into(),
            };
            store.app_seed(&seed).await.expect("seeds");
        }
        store
    }

    /// A node with this broker; without a database of its own it shares another's.
    pub(crate) async fn start_around<B: peal_broker::Broker>(
        config: EdgeConfig,
        database: Option<TestDb>,
        store: Store,
        broker: impl FnOnce(Arc<peal_edge::MuxInbox>, peal_edge::Clock) -> B,
    ) -> Self {
        // What measures time cannot log at TRACE.
        let watch = (env!("CARGO_CRATE_NAME") == "it").then(log_watch::begin);
        let config = EdgeConfig { addrs: vec![SocketAddr::from(([127, 0, 0, 1], 0))], cores: NonZeroUsize::new(2).expect("two"), ..config };
        let edge = peal_edge::start(config, store.clone(), broker).await.expect("starts");
        let addr = edge.local_addrs()[0];
        edge.refresh_directory().await;
        Self { edge, addr, store, database, _watch: watch }
    }

    pub(crate) async fn websocket(&self, path: &str) -> Socket {
        let (stream, _) = within(tokio_tungstenite::connect_async(format!("ws://{}{path}", self.addr))).await.expect("upgrades");
        Socket { stream }
    }

    /// A Pusher connection that is established, and its id.
    pub(crate) async fn pusher(&self, app: &App) -> (Socket, ConnectionId) {
        let mut socket = self.websocket(&format!("/app/{}?protocol=7&client=test&version=1", app.key)).await;
        let established = socket.json().await;
        assert_eq!(established["event"], "pusher:connection_established");
        let data: Value = serde_json::from_str(established["data"].as_str().expect("text")).expect("JSON");
        let id = ConnectionId::from_socket_id(data["socket_id"].as_str().expect("text")).expect("a socket id");
        (socket, id)
    }

    /// A native connection of `client` that may do everything.
    pub(crate) async fn native(&self, app: &App, client: &str) -> Socket {
        let mut socket = self.websocket("/v1/connect").await;
        let reply = socket.request(json!({"id": 1, "connect": {"token": app.full_token(client), "version": 1}})).await;
        assert_eq!(reply["ok"]["client_id"], client, "{reply}");
        socket
    }

    /// Sends a request signed as Pusher's libraries do.
    pub(crate) async fn pusher_request(&self, app: &App, method: &str, path: &str, query: &[(&str, &str)], body: &str) -> Response {
        let path = format!("/apps/{}{path}", app.id);
        let target = format!("{path}?{}", sign(app, method, &path, query, body, now_s()));
        self.http(method, &target, &[("content-type", "application/json")], body.as_bytes()).await
    }

    pub(crate) async fn trigger(&self, app: &App, channel: &str, event: &str, data: &str) -> Response {
        let body = json!({"name": event, "channels": [channel], "data": data}).to_string();
        self.pusher_request(app, "POST", "/events", &[], &body).await
    }

    /// One HTTP/1.1 request on its own connection.
    pub(crate) async fn http(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "connection") {
            head += "connection: close\r\n";
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut raw = head.into_bytes();
        raw.extend_from_slice(b"\r\n");
        raw.extend_from_slice(body);
        Response::parse(&self.raw(&raw).await)
    }

    /// Sends bytes and reads until the server closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        within(async {
            let mut stream = TcpStream::connect(self.addr).await.expect("connects");
            // The server may close before it has read everything.
            let _ = stream.write_all(bytes).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            answer
        })
        .await
    }

    /// Waits until no connection, subscription, member, timer or request is left on any core.
    pub(crate) async fn settled(&self) {
        let mut last = String::new();
        let empty = async {
            loop {
                let left: Vec<(&str, u64)> = self
                    .edge
                    .counts()
                    .await
                    .iter()
                    .flat_map(|core| core.gauges().collect::<Vec<_>>())
                    .filter(|(_, count)| *count > 0)
                    .collect();
                if left.is_empty() {
                    return;
                }
                last = format!("{left:?}");
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(PATIENCE, empty).await.is_err() {
            panic!("left behind: {last}");
        }
    }

    /// Takes Postgres away: the database and every connection to it.
    pub(crate) async fn lose_postgres(&mut self) {
        let database = self.database.take();
        tokio::task::spawn_blocking(move || drop(database)).await.expect("drops");
    }

    /// Stops the node and keeps its database, to look at what it left there.
    pub(crate) async fn stop_and_keep(self) -> (Store, Option<TestDb>) {
        within(self.edge.shutdown()).await;
        (self.store, self.database)
    }

    pub(crate) async fn stop(self) {
        within(self.edge.shutdown()).await;
    }
}

/// What the operator's port answers.
pub(crate) async fn metrics_at(node: &TestNode, path: &str) -> String {
    let request = http::Request::get(path).body(axum::body::Body::empty()).expect("a request");
    let answer = peal_edge::admin_router(&node.edge).oneshot(request).await.expect("answers");
    String::from_utf8(answer.into_body().collect().await.expect("a body").to_bytes().to_vec()).expect("text")
}

pub(crate) async fn metrics(node: &TestNode) -> String {
    metrics_at(node, "/metrics").await
}

/// The query of a signed request.
pub(crate) fn sign(app: &App, method: &str, path: &str, query: &[(&str, &str)], body: &str, timestamp_s: u64) -> String {
    let mut pairs: Vec<(String, String)> = query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    pairs.push(("auth_key".into(), app.key.into()));
    pairs.push(("auth_timestamp".into(), timestamp_s.to_string()));
    pairs.push(("auth_version".into(), "1.0".into()));
    if !body.is_empty() {
        pairs.push(("body_md5".into(), md5_hex(body.as_bytes())));
    }
    let request = PusherRequest { method, path, query: &pairs, body: body.as_bytes() };
    let signature = hmac_hex(&app.secret(), request.signed_text().as_bytes());
    log_watch::mark(&signature);
    pairs.push(("auth_signature".into(), signature));
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    use md5::{Digest, Md5};
    hex::encode(Md5::digest(bytes))
}

/// The `auth` of a private or presence subscription.
pub(crate) fn channel_auth(app: &App, id: ConnectionId, channel: &str, channel_data: Option<&str>) -> String {
    let signature = hmac_hex(&app.secret(), pusher_channel_text(id, channel, channel_data).as_bytes());
    log_watch::mark(&signature);
    format!("{}:{signature}", app.key)
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn parse(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Asserts a problem+json answer with this status and error name.
    pub(crate) fn refused(&self, status: u16, name: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.head.contains("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["name"], name, "{self:?}");
        for field in ["code", "title", "detail", "help_url", "request_id"] {
            assert!(!problem[field].is_null(), "{field} is missing in {self:?}");
        }
    }
}

pub(crate) struct Socket {
    pub(crate) stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    pub(crate) async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("the socket takes the frame");
    }

    /// The next text frame, pings and subscription counts passed over.
    pub(crate) async fn json(&mut self) -> Value {
        loop {
            let frame = self.any_json().await;
            if frame["event"] != "pusher_internal:subscription_count" {
                return frame;
            }
        }
    }

    /// The next text frame, pings passed over.
    pub(crate) async fn any_json(&mut self) -> Value {
        match self.next().await {
            Next::Json(value) => value,
            Next::Closed(code) => panic!("closed with {code:?} instead of a frame"),
        }
    }

    /// The code with which the server closes; frames before it are passed over.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Next::Closed(code) = self.next().await {
                return code;
            }
        }
    }

    async fn next(&mut self) -> Next {
        loop {
            return match within(self.stream.next()).await {
                Some(Ok(Message::Text(text))) => Next::Json(serde_json::from_str(&text).expect("the server sends JSON")),
                Some(Ok(Message::Close(frame))) => Next::Closed(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Next::Closed(None),
            };
        }
    }

    /// Sends a native request and reads on to its reply.
    pub(crate) async fn request(&mut self, request: Value) -> Value {
        self.send(&request).await;
        loop {
            let frame = self.json().await;
            if frame["id"] == request["id"] {
                return frame;
            }
        }
    }

    /// Subscribes on the Pusher wire and waits for the answer.
    pub(crate) async fn subscribe(&mut self, channel: &str) {
        self.send(&json!({"event": "pusher:subscribe", "data": {"channel": channel}})).await;
        let answer = self.json().await;
        assert_eq!(answer["event"], "pusher_internal:subscription_succeeded", "{answer}");
    }

    /// The connection is alive: a Pusher ping is answered.
    pub(crate) async fn alive(&mut self) {
        self.send(&json!({"event": "pusher:ping", "data": {}})).await;
        loop {
            if self.json().await["event"] == "pusher:pong" {
                return;
            }
        }
    }
}

enum Next {
    Json(Value),
    Closed(Option<u16>),
}

/// Fails the test instead of hanging.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this takes no 20 seconds")
}
