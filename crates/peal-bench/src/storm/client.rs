//! One native client without a socket: bytes of the server in, frames and decisions out. It reconnects as `docs/protocol.md` asks: at the time
//! that `goaway` names, at once after a 42xx, after what `retry_after` says, else with backoff; and it resumes from its position.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::wire;

const BACKOFF_BASE_MS: u64 = 500;
const BACKOFF_DOUBLINGS: u32 = 5;
/// Spread of clients that were given the same hint.
const HINT_JITTER_MS: u64 = 1_000;

/// What clients saw; sums over many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) received: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) discontinuities: u64,
    /// Subscriptions that could go on, and those that could not.
    pub(crate) resumed: u64,
    pub(crate) not_resumed: u64,
    /// Asked to come back at a time, closed before that, told that the server is full, refused otherwise.
    pub(crate) goaways: u64,
    pub(crate) closed: u64,
    pub(crate) overloaded: u64,
    /// Told that Redis does not answer at this moment.
    pub(crate) unavailable: u64,
    pub(crate) refused: u64,
    /// The longest time that a client was without its subscription.
    pub(crate) away_max_ms: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.discontinuities += other.discontinuities;
        self.resumed += other.resumed;
        self.not_resumed += other.not_resumed;
        self.goaways += other.goaways;
        self.closed += other.closed;
        self.overloaded += other.overloaded;
        self.unavailable += other.unavailable;
        self.refused += other.refused;
        self.away_max_ms = self.away_max_ms.max(other.away_max_ms);
    }
}

/// What the socket's owner must do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Send(Vec<u8>),
    /// Leave after this time, and come back elsewhere.
    LeaveIn(Duration),
    /// The connection is of no more use.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Away,
    Upgrading,
    Connecting,
    Subscribing,
    Live,
}

#[derive(Debug)]
pub(crate) struct Client {
    channel: String,
    stage: Stage,
    position: Option<String>,
    /// The number of the last message.
    pub(crate) last: u64,
    failures: u32,
    /// What the server said about coming back.
    come_back: Option<Duration>,
}

#[derive(Deserialize)]
struct Frame {
    id: Option<u64>,
    ok: Option<Reply>,
    error: Option<Refused>,
    message: Option<Message>,
    goaway: Option<GoAway>,
    discontinuity: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Reply {
    position: Option<String>,
    recovered: Option<bool>,
}

#[derive(Deserialize)]
struct Refused {
    name: String,
    retry_after: Option<u64>,
}

#[derive(Deserialize)]
struct Message {
    position: Option<String>,
    data: Numbered,
}

#[derive(Deserialize)]
struct GoAway {
    retry_in: u64,
}

/// What the publisher sends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbered {
    pub(crate) n: u64,
}

impl Client {
    pub(crate) fn new(channel: String) -> Self {
        Self { channel, stage: Stage::Away, position: None, last: 0, failures: 0, come_back: None }
    }

    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    pub(crate) fn is_live(&self) -> bool {
        self.stage == Stage::Live
    }

    /// A connection is there: what to send first.
    pub(crate) fn opened(&mut self) -> Vec<u8> {
        self.stage = Stage::Upgrading;
        self.come_back = None;
        let head = "GET /v1/connect HTTP/1.1\r\nHost: peal.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        head.as_bytes().to_vec()
    }

    /// The connection is gone: when to try again. `jitter` is from 0 to 1.
    pub(crate) fn closed(&mut self, jitter: f64) -> Duration {
        self.stage = Stage::Away;
        let ceiling = BACKOFF_BASE_MS << self.failures.min(BACKOFF_DOUBLINGS);
        self.failures += 1;
        self.come_back.take().unwrap_or_else(|| Duration::from_millis((ceiling as f64 * jitter) as u64))
    }

    /// Takes what arrived, and answers how many bytes of it are used up.
    pub(crate) fn take(&mut self, bytes: &[u8], key: &str, jitter: f64, seen: &mut Seen, acts: &mut Vec<Act>) -> usize {
        let mut used = 0;
        if self.stage == Stage::Upgrading {
            let Some(head) = wire::head_end(bytes) else { return 0 };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                seen.refused += 1;
                acts.push(Act::End);
                return bytes.len();
            }
            used = head;
            self.stage = Stage::Connecting;
            acts.push(Act::Send(request(&serde_json::json!({"id": 1, "connect": {"key": key, "client": "storm", "version": 1}}))));
        }
        while let Some(frame) = wire::server_frame(&bytes[used..]) {
            used += frame.size;
            match frame.opcode {
                wire::TEXT => frame.payload.split(|byte| *byte == b'\n').for_each(|line| self.frame(line, jitter, seen, acts)),
                wire::PING => acts.push(Act::Send(wire::masked(wire::PONG, frame.payload))),
                wire::CLOSE => {
                    let code = frame.payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                    // Once it is at once; a server that says so again and again is not hurried.
                    if (4200..4300).contains(&code) && self.failures == 0 {
                        self.come_back = self.come_back.or(Some(Duration::ZERO));
                    }
                    seen.closed += 1;
                    acts.push(Act::End);
                }
                _ => {}
            }
        }
        used
    }

    fn frame(&mut self, line: &[u8], jitter: f64, seen: &mut Seen, acts: &mut Vec<Act>) {
        let Ok(frame) = serde_json::from_slice::<Frame>(line) else {
            seen.refused += 1;
            return acts.push(Act::End);
        };
        if let Some(error) = frame.error {
            match error.name.as_str() {
                "overloaded" => seen.overloaded += 1,
                "unavailable" => seen.unavailable += 1,
                "shutting_down" => {}
                _ => seen.refused += 1,
            }
            if frame.id.is_some() {
                // A whole attempt is simpler than a part of one.
                acts.push(Act::End);
            }
            if let Some(ms) = error.retry_after {
                self.come_back = Some(Duration::from_millis(ms + (HINT_JITTER_MS as f64 * jitter) as u64));
            }
        } else if let (Some(1), Some(_)) = (frame.id, &frame.ok) {
            self.stage = Stage::Subscribing;
            let mut subscribe = serde_json::json!({"channel": self.channel});
            if let Some(position) = &self.position {
                subscribe["position"] = position.as_str().into();
            }
            acts.push(Act::Send(request(&serde_json::json!({"id": 2, "subscribe": subscribe}))));
        } else if let (Some(2), Some(reply)) = (frame.id, frame.ok) {
            self.subscribed(reply, seen);
        } else if let Some(message) = frame.message {
            self.message(message, seen);
        } else if let Some(goaway) = frame.goaway {
            seen.goaways += 1;
            self.come_back = Some(Duration::ZERO);
            acts.push(Act::LeaveIn(Duration::from_millis(goaway.retry_in)));
        } else if frame.discontinuity.is_some() {
            seen.discontinuities += 1;
        }
    }

    fn subscribed(&mut self, reply: Reply, seen: &mut Seen) {
        if self.position.is_some() {
            match reply.recovered {
                Some(true) => seen.resumed += 1,
                _ => seen.not_resumed += 1,
            }
        }
        // A replay comes after it, from our position on.
        if self.position.is_none() || reply.recovered != Some(true) {
            self.position = reply.position;
        }
        self.stage = Stage::Live;
        self.failures = 0;
    }

    fn message(&mut self, message: Message, seen: &mut Seen) {
        seen.received += 1;
        let n = message.data.n;
        if n <= self.last {
            seen.doubled += 1;
        } else {
            seen.lost += n - self.last - 1;
            self.last = n;
        }
        if message.position.is_some() {
            self.position = message.position;
        }
    }
}

fn request(body: &serde_json::Value) -> Vec<u8> {
    wire::masked(wire::TEXT, body.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> Vec<u8> {
        wire::unmasked(wire::TEXT, json.as_bytes())
    }

    fn give(client: &mut Client, seen: &mut Seen, bytes: &[u8]) -> Vec<Act> {
        let mut acts = Vec::new();
        assert_eq!(client.take(bytes, "k", 0.5, seen, &mut acts), bytes.len());
        acts
    }

    fn sent(acts: &[Act]) -> String {
        let [Act::Send(frame)] = acts else { panic!("{acts:?}") };
        String::from_utf8(wire::client_frame(&mut frame.clone()).expect("a frame").payload.to_vec()).expect("text")
    }

    fn live(client: &mut Client, seen: &mut Seen, reply: &str) -> String {
        client.opened();
        give(client, seen, b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        let subscribe = sent(&give(client, seen, &text(r#"{"id":1,"ok":{"connection":"c"}}"#)));
        assert!(give(client, seen, &text(reply)).is_empty() && client.is_live());
        subscribe
    }

    #[test]
    fn it_goes_on_where_it_was_and_counts_what_is_missing_or_comes_twice() {
        let (mut client, mut seen) = (Client::new("a".into()), Seen::default());
        let subscribe = live(&mut client, &mut seen, r#"{"id":2,"ok":{"position":"7-0","recovered":false}}"#);
        assert!(!subscribe.contains("position"), "{subscribe}");
        let two = "{\"message\":{\"position\":\"7-1\",\"data\":{\"n\":1}}}\n{\"message\":{\"position\":\"7-2\",\"data\":{\"n\":2}}}";
        give(&mut client, &mut seen, &text(two));
        assert_eq!(give(&mut client, &mut seen, &text(r#"{"goaway":{"retry_in":30}}"#)), [Act::LeaveIn(Duration::from_millis(30))]);
        assert_eq!(client.closed(0.5), Duration::ZERO, "it was told when");
        let subscribe = live(&mut client, &mut seen, r#"{"id":2,"ok":{"position":"7-2","recovered":true}}"#);
        assert!(subscribe.contains(r#""position":"7-2""#), "{subscribe}");
        for n in [2, 5] {
            give(&mut client, &mut seen, &text(&format!(r#"{{"message":{{"position":"7-{n}","data":{{"n":{n}}}}}}}"#)));
        }
        let expected = Seen { received: 4, lost: 2, doubled: 1, resumed: 1, goaways: 1, ..Seen::default() };
        assert_eq!((seen, client.last), (expected, 5));
    }

    #[test]
    fn it_comes_back_when_it_is_told_and_otherwise_backs_off() {
        let (mut client, mut seen) = (Client::new("a".into()), Seen::default());
        live(&mut client, &mut seen, r#"{"id":2,"ok":{"position":"7-0"}}"#);
        assert_eq!(give(&mut client, &mut seen, &wire::unmasked(wire::CLOSE, &4200_u16.to_be_bytes())), [Act::End]);
        assert_eq!(client.closed(0.5), Duration::ZERO);
        assert_eq!(client.closed(0.5), Duration::from_millis(500), "it was refused at once");
        client.opened();
        give(&mut client, &mut seen, b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        give(&mut client, &mut seen, &text(r#"{"error":{"name":"overloaded","retry_after":2000}}"#));
        assert_eq!(client.closed(0.5), Duration::from_millis(2_500));
        client.opened();
        give(&mut client, &mut seen, b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
        give(&mut client, &mut seen, &text(r#"{"id":1,"ok":{"connection":"c"}}"#));
        let refused = text(r#"{"id":2,"error":{"name":"unavailable","retry_after":1000}}"#);
        assert_eq!(give(&mut client, &mut seen, &refused), [Act::End]);
        assert_eq!(client.closed(0.5), Duration::from_millis(1_500));
        client.opened();
        assert_eq!(give(&mut client, &mut seen, b"HTTP/1.1 503 Busy\r\n\r\n"), [Act::End]);
        assert_eq!((seen.overloaded, seen.unavailable, seen.refused, seen.closed), (1, 1, 1, 1));
    }
}
