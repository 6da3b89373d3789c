//! A hub with its clients, a broker and a clock. Everything happens in [`Rig::run`]; time moves only by [`Rig::after`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use peal_core::exchange::Publish;
use peal_core::rule::RuleSettings;
use peal_core::token::{Claims, mint};
use peal_core::*;
use peal_hub::{Action, BrokerEvent, Handle, Hub, HubConfig, Incoming, Open, Protocol};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::model::Model;

pub(crate) const KEY: &str = "key1";
pub(crate) const SECRET: &str = "secret1";

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Got {
    Json(Value),
    Ping,
    Pong(Vec<u8>),
    Close(u16, String),
}

#[derive(Debug, Default)]
pub(crate) struct Client {
    bytes: Vec<u8>,
    got: VecDeque<Got>,
    /// Takes no bytes.
    pub(crate) stalled: bool,
}

pub(crate) struct Rig {
    pub(crate) hub: Hub,
    pub(crate) model: Model,
    pub(crate) now: Now,
    clients: BTreeMap<Handle, Client>,
    /// Actions are kept here instead of being carried out.
    pub(crate) hold: bool,
    /// Only views are not loaded.
    pub(crate) hold_views: bool,
    pub(crate) held: Vec<Action>,
    pub(crate) refreshes: Vec<Handle>,
    directory: Arc<Directory>,
    request: u64,
}

pub(crate) fn app_id() -> AppId {
    AppId::new(123_456_789).expect("an id")
}

pub(crate) fn key(id: &str) -> Key {
    Key {
        id: id.parse().expect("a key id"),
        kind: KeyKind::Standard,
        secret: SecretString::from(SECRET).into(),
        capabilities: Capabilities::all(),
        allowed_origins: vec![],
        expires_at_ms: None,
    }
}

pub(crate) fn app() -> App {
    App {
        id: app_id(),
        org: OrgId(uuid::Uuid::nil()),
        name: "test".into(),
        environment: Environment::Development,
        paused: false,
        features: Features::default(),
        limits: Limits::default(),
        keys: vec![key(KEY)],
        rules: Rules { ordered: vec![], default: RuleSettings::development() },
        revocations: Default::default(),
    }
}

pub(crate) fn directory(app: App) -> Arc<Directory> {
    Arc::new(Directory::default().updated(1, vec![app], &[]))
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse_with_server_to_user(name).expect("a channel")
}

pub(crate) fn messages(name: &str) -> Topic {
    Topic::messages(app_id(), channel(name))
}

pub(crate) fn presence(name: &str) -> Topic {
    Topic::presence(app_id(), channel(name))
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(HubConfig::default(), app())
    }

    pub(crate) fn with(config: HubConfig, app: App) -> Self {
        let now = Now { mono_ms: 1_000_000, wall_ms: 1_790_000_000_000 };
        let mut model = Model::new();
        model.now_ms = now.wall_ms;
        let directory = directory(app);
        let hub = Hub::new(HubConfig { seed: [7; 32], ..config }, Arc::clone(&directory));
        Self {
            hub,
            model,
            now,
            clients: BTreeMap::new(),
            hold: false,
            hold_views: false,
            held: vec![],
            refreshes: vec![],
            directory,
            request: 0,
        }
    }

    pub(crate) fn open(&mut self, open: Open) -> Handle {
        let handle = self.hub.open(self.now, open);
        self.clients.insert(handle, Client::default());
        self.run();
        handle
    }

    /// A Pusher connection, established.
    pub(crate) fn pusher(&mut self) -> Handle {
        let handle = self.open(pusher_open(KEY));
        assert_eq!(self.next_event(handle), "pusher:connection_established");
        handle
    }

    /// A native connection that may do everything, connected.
    pub(crate) fn native(&mut self, client: &str) -> Handle {
        let token = self.token(|claims| claims.sub = Some(client.into()));
        let handle = self.open(native_open());
        let reply = self.ask(handle, json!({"connect": {"token": token}}));
        assert_eq!(reply["ok"]["client_id"], client);
        handle
    }

    /// A token for everything that lives an hour.
    pub(crate) fn token(&self, change: impl FnOnce(&mut Claims)) -> String {
        let everything = Capabilities::from_pairs([("*", Operations::ALL)]).expect("a pattern");
        let mut claims = Claims { exp: self.now.wall_s() + 3_600, cap: Some(everything), ..Claims::default() };
        change(&mut claims);
        mint(&KEY.parse().expect("a key id"), &SecretString::from(SECRET), &claims).expect("a token")
    }

    pub(crate) fn text(&mut self, handle: Handle, text: &str) {
        self.incoming(handle, Incoming::Text(text));
    }

    pub(crate) fn send(&mut self, handle: Handle, frame: Value) {
        self.text(handle, &frame.to_string());
    }

    /// Sends a native request and answers its id.
    pub(crate) fn request(&mut self, handle: Handle, mut operation: Value) -> u64 {
        self.request += 1;
        operation["id"] = self.request.into();
        self.send(handle, operation);
        self.request
    }

    /// Sends a native request and takes its reply out of what arrived.
    pub(crate) fn ask(&mut self, handle: Handle, operation: Value) -> Value {
        let id = self.request(handle, operation);
        self.reply(handle, id)
    }

    pub(crate) fn reply(&mut self, handle: Handle, id: u64) -> Value {
        let got = &mut self.clients.get_mut(&handle).expect("a client").got;
        let place = got.iter().position(|got| matches!(got, Got::Json(json) if json["id"] == id));
        match got.remove(place.unwrap_or_else(|| panic!("no reply to {id}: {got:?}"))) {
            Some(Got::Json(json)) => json,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn incoming(&mut self, handle: Handle, incoming: Incoming<'_>) {
        self.hub.receive(self.now, handle, incoming);
        self.run();
    }

    /// The transport is lost.
    pub(crate) fn cut(&mut self, handle: Handle) {
        self.hub.closed(self.now, handle);
        self.clients.remove(&handle);
        self.run();
    }

    pub(crate) fn broker(&mut self, event: BrokerEvent) {
        self.hub.broker(self.now, event);
        self.run();
    }

    /// A server publishes.
    pub(crate) fn publish(&mut self, name: &str, event: &str, data: &str) -> Position {
        let published = self.publish_quietly(name, event, data);
        self.run();
        published
    }

    pub(crate) fn publish_quietly(&mut self, name: &str, event: &str, data: &str) -> Position {
        let draft = draft(event, data);
        let (published, delivery) = self.model.publish(Publish {
            topic: messages(name),
            draft,
            retention: Retention::FLOOR,
            durability: peal_core::Durability::Fast,
        });
        if let Some(delivery) = delivery {
            self.hub.broker(self.now, BrokerEvent::Deliveries(vec![delivery]));
        }
        published.position.expect("kept")
    }

    pub(crate) fn after(&mut self, ms: u64) {
        let end = self.now.mono_ms + ms;
        while let Some(at) = self.hub.next_deadline().filter(|at| *at <= end) {
            self.advance_to(at.max(self.now.mono_ms));
            self.hub.tick(self.now);
            self.run();
        }
        self.advance_to(end);
        self.run();
    }

    /// As [`Self::after`], with clients that answer pings.
    pub(crate) fn keep_alive(&mut self, handles: &[Handle], ms: u64) {
        let end = self.now.mono_ms + ms;
        while self.now.mono_ms < end {
            self.after((end - self.now.mono_ms).min(10_000));
            for handle in handles {
                self.incoming(*handle, Incoming::Pong);
                self.client(*handle).got.retain(|got| *got != Got::Ping);
            }
        }
    }

    fn advance_to(&mut self, mono_ms: u64) {
        self.now.wall_ms += mono_ms - self.now.mono_ms;
        self.now.mono_ms = mono_ms;
        self.model.now_ms = self.now.wall_ms;
    }

    /// Carries out actions and writes queues until nothing moves.
    pub(crate) fn run(&mut self) {
        loop {
            let mut moved = false;
            while let Some(action) = self.hub.next_action() {
                moved = true;
                if let Action::RefreshDirectory(handle) = action {
                    self.refreshes.push(handle);
                } else if self.hold || self.hold_views && matches!(action, Action::PresenceMembers { .. }) {
                    self.held.push(action);
                } else {
                    for event in self.model.act(action) {
                        self.hub.broker(self.now, event);
                    }
                }
            }
            moved |= self.hub.has_work();
            while self.hub.work(self.now) {}
            while let Some(handle) = self.hub.next_dirty() {
                moved = true;
                self.write(handle);
            }
            if !moved {
                return;
            }
        }
    }

    /// Carries out what was held back.
    pub(crate) fn release(&mut self) {
        self.hold = false;
        self.hold_views = false;
        for action in std::mem::take(&mut self.held) {
            for event in self.model.act(action) {
                self.hub.broker(self.now, event);
            }
        }
        self.run();
    }

    pub(crate) fn client(&mut self, handle: Handle) -> &mut Client {
        self.clients.get_mut(&handle).expect("a client")
    }

    /// A stalled client takes this many bytes at most.
    pub(crate) fn take(&mut self, handle: Handle, most: usize) -> usize {
        let mut bytes = Vec::new();
        if let Some(queue) = self.hub.queue(handle) {
            let mut slices = [std::io::IoSlice::new(&[]); 64];
            let filled = queue.slices(&mut slices);
            for slice in &slices[..filled] {
                let room = most - bytes.len();
                bytes.extend_from_slice(&slice[..slice.len().min(room)]);
            }
        }
        let taken = bytes.len();
        if taken > 0 {
            self.clients.get_mut(&handle).expect("a client").feed(&bytes);
            self.hub.wrote(self.now, handle, taken);
        }
        taken
    }

    pub(crate) fn write(&mut self, handle: Handle) {
        if self.clients.get(&handle).is_none_or(|client| client.stalled) {
            return;
        }
        while self.take(handle, usize::MAX) > 0 {}
    }

    /// A stalled client reads again.
    pub(crate) fn resume_reading(&mut self, handle: Handle) {
        self.client(handle).stalled = false;
        self.write(handle);
        self.run();
    }

    pub(crate) fn got(&mut self, handle: Handle) -> Vec<Got> {
        self.client(handle).got.drain(..).collect()
    }

    pub(crate) fn jsons(&mut self, handle: Handle) -> Vec<Value> {
        let jsons = self.got(handle).into_iter().filter_map(|got| match got {
            Got::Json(json) => Some(json),
            _ => None,
        });
        jsons.collect()
    }

    pub(crate) fn next(&mut self, handle: Handle) -> Value {
        match self.client(handle).got.pop_front() {
            Some(Got::Json(json)) => json,
            other => panic!("expected a JSON frame, got {other:?}"),
        }
    }

    pub(crate) fn next_event(&mut self, handle: Handle) -> String {
        self.next(handle)["event"].as_str().expect("an event").to_owned()
    }

    /// Events of Pusher frames that arrived, or data of those with one of the names.
    pub(crate) fn events(&mut self, handle: Handle) -> Vec<String> {
        self.jsons(handle).iter().filter_map(|json| json["event"].as_str().map(str::to_owned)).collect()
    }

    /// The close frame, if it is what came last.
    pub(crate) fn closed_with(&mut self, handle: Handle) -> Option<u16> {
        match self.client(handle).got.pop_back() {
            Some(Got::Close(code, _)) => Some(code),
            _ => None,
        }
    }

    pub(crate) fn nothing(&mut self, handle: Handle) {
        let got = self.got(handle);
        assert!(got.is_empty(), "{got:?}");
    }

    pub(crate) fn socket_id(&self, handle: Handle) -> String {
        self.hub.connection_id(handle).expect("a connection").socket_id()
    }

    /// `auth` for a subscription.
    pub(crate) fn auth(&self, handle: Handle, name: &str, channel_data: Option<&str>) -> String {
        let id = self.hub.connection_id(handle).expect("a connection");
        let text = signature::pusher_channel_text(id, name, channel_data);
        format!("{KEY}:{}", signature::hmac_hex(&SecretString::from(SECRET), text.as_bytes()))
    }

    pub(crate) fn pusher_subscribe(&mut self, handle: Handle, name: &str) {
        let auth = self.auth(handle, name, None);
        self.send(handle, json!({"event": "pusher:subscribe", "data": {"channel": name, "auth": auth}}));
    }

    /// Subscribes to a presence channel as this user.
    pub(crate) fn pusher_enter(&mut self, handle: Handle, name: &str, user: &str) {
        let channel_data = json!({"user_id": user, "user_info": {"name": user}}).to_string();
        let auth = self.auth(handle, name, Some(&channel_data));
        self.send(handle, json!({"event": "pusher:subscribe", "data": {"channel": name, "auth": auth, "channel_data": channel_data}}));
    }

    pub(crate) fn native_subscribe(&mut self, handle: Handle, name: &str) -> Value {
        self.ask(handle, json!({"subscribe": {"channel": name}}))["ok"].clone()
    }

    pub(crate) fn sign_in(&mut self, handle: Handle, user_data: &str) {
        let text = signature::pusher_user_text(self.hub.connection_id(handle).expect("a connection"), user_data);
        let auth = format!("{KEY}:{}", signature::hmac_hex(&SecretString::from(SECRET), text.as_bytes()));
        self.send(handle, json!({"event": "pusher:signin", "data": {"auth": auth, "user_data": user_data}}));
    }

    /// The app's settings change.
    pub(crate) fn change(&mut self, app: App) {
        let current = std::mem::take(&mut self.directory);
        self.directory = Arc::new(current.updated(current.version + 1, vec![app], &[]));
        self.hub.directory(self.now, Arc::clone(&self.directory));
        self.run();
    }

    pub(crate) fn cut_all(&mut self) {
        for handle in self.clients.keys().copied().collect::<Vec<_>>() {
            self.cut(handle);
        }
    }

    /// What is left when every connection is gone and every answer arrived.
    pub(crate) fn assert_empty(&mut self) {
        self.cut_all();
        self.after(60_000);
        assert_eq!(self.hub.counts(), peal_hub::HubCounts::default());
    }
}

pub(crate) fn pusher_open(key: &str) -> Open {
    Open { protocol: Protocol::Pusher { key: key.into(), version: Some("7".into()) }, origin: None, refusal: None }
}

pub(crate) fn native_open() -> Open {
    Open { protocol: Protocol::Native, origin: None, refusal: None }
}

pub(crate) fn draft(event: &str, data: &str) -> Draft {
    Draft {
        id: "m".parse().expect("an id"),
        idempotent: false,
        origin: None,
        client_id: None,
        ephemeral: false,
        client_event: false,
        kind: PublicationKind::Messages(vec![Message::new(event, Data::Text(data.into()))]),
    }
}

impl Client {
    /// Takes apart what the server wrote; a frame may come in pieces.
    fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        while let Some((opcode, payload, rest)) = frame(&self.bytes) {
            let got = match opcode {
                1 => Got::Json(serde_json::from_slice(&payload).expect("JSON")),
                8 => {
                    let code = u16::from_be_bytes([payload[0], payload[1]]);
                    Got::Close(code, String::from_utf8(payload[2..].to_vec()).expect("UTF-8"))
                }
                9 => Got::Ping,
                10 => Got::Pong(payload),
                other => panic!("opcode {other}"),
            };
            self.got.push_back(got);
            self.bytes.drain(..rest);
        }
    }
}

fn frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert_eq!(first & 0xf0, 0x80, "one whole frame without reserved bits");
    let (header, length) = match second {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        length => (2, usize::from(length)),
    };
    Some((first & 0x0f, bytes.get(header..header + length)?.to_vec(), header + length))
}
