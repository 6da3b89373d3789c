//! The frames in `fixtures/`, byte for byte. The JavaScript tests read the same files: they decode the frames of the server and
//! encode those of the client.
//!
//! A fixture is `{name, direction, frame, …}`:
//!
//! - direction `client`: what a client sends, with what it means (`decoded`) or how it is refused (`refused`). `tolerated` marks a
//!   spelling that is accepted but that our own clients never write.
//! - direction `server`: what the server sends; the frame is what the encoders here give, `decoded` the same as a value (on the Pusher
//!   wire with the string in `data` parsed, as pusher-js does). `UPDATE_GOLDEN=1 cargo test -p peal-wire golden` writes these anew;
//!   look at the difference before you commit it, for it is a change of the protocol.

use std::fs;
use std::path::PathBuf;

use peal_core::{ConnectionId, Data, MessageId, Position, Publication, PublicationKind, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mod conversion;
mod native;
mod pusher;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    name: String,
    direction: Direction,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    tolerated: bool,
    frame: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Client,
    Server,
}

fn path(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fixtures", file].iter().collect()
}

fn read(file: &str) -> Vec<Fixture> {
    let text = fs::read_to_string(path(file)).expect("the fixture file is there");
    serde_json::from_str(&text).expect("the fixture file has the documented form")
}

/// Checks the frames that clients send: `decode` answers what a frame means, or its refusal.
fn check_client(file: &str, decode: impl Fn(&str) -> Result<Value, Value>) {
    let mut checked = 0;
    for fixture in read(file).into_iter().filter(|fixture| fixture.direction == Direction::Client) {
        let expected = match (&fixture.decoded, &fixture.refused) {
            (Some(decoded), None) => Ok(decoded.clone()),
            (None, Some(refused)) => Err(refused.clone()),
            _ => panic!("{}: either decoded or refused", fixture.name),
        };
        assert_eq!(decode(&fixture.frame), expected, "{}", fixture.name);
        checked += 1;
    }
    assert!(checked > 10, "{file} holds frames of clients");
}

/// Checks the frames that the server sends against what the encoders give, in this order.
fn check_server(file: &str, encoded: Vec<(String, String, Value)>) {
    let encoded: Vec<Fixture> = encoded
        .into_iter()
        .map(|(name, frame, decoded)| Fixture {
            name,
            direction: Direction::Server,
            tolerated: false,
            frame,
            decoded: Some(decoded),
            refused: None,
        })
        .collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let mut fixtures = if path(file).exists() { read(file) } else { Vec::new() };
        fixtures.retain(|fixture| fixture.direction == Direction::Client);
        fixtures.extend(encoded.iter().cloned());
        let text = serde_json::to_string_pretty(&fixtures).expect("fixtures print");
        fs::write(path(file), text + "\n").expect("the fixture file can be written");
    }
    let golden: Vec<Fixture> = read(file).into_iter().filter(|fixture| fixture.direction == Direction::Server).collect();
    for (golden, encoded) in golden.iter().zip(&encoded) {
        assert_eq!(golden, encoded);
    }
    assert_eq!(golden.len(), encoded.len(), "{file}: one fixture per encoded frame");
}

/// The payloads of the unmasked text frames that fill `frames`.
fn texts(frames: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = frames;
    while let [first, second, after @ ..] = rest {
        assert_eq!(*first, 0x81, "a whole text frame");
        let (length, payload) = match second {
            126 => (usize::from(u16::from_be_bytes([after[0], after[1]])), &after[2..]),
            127 => (u64::from_be_bytes(after[..8].try_into().expect("eight bytes")) as usize, &after[8..]),
            short => (usize::from(*short), after),
        };
        texts.push(std::str::from_utf8(&payload[..length]).expect("text").to_owned());
        rest = &payload[length..];
    }
    assert!(rest.is_empty(), "nothing is left over");
    texts
}

fn refused(refusal: &Refusal) -> Value {
    json!(refusal.code.info().name)
}

fn connection(n: u64) -> ConnectionId {
    ConnectionId::from_socket_id(&format!("281474976710656.{n}")).expect("a socket id")
}

fn message_id(id: &str) -> MessageId {
    id.parse().expect("a message id")
}

/// What the examples of the protocol page show, published by `ada`.
fn publication(messages: Vec<peal_core::Message>) -> Publication {
    Publication {
        position: Some(Position::new(3815, 18)),
        era_start: None,
        id: message_id("01J9ZB4K"),
        ts: 1_790_000_000_000,
        origin: Some(connection(7)),
        client_id: Some("ada".into()),
        client_event: false,
        kind: PublicationKind::Messages(messages),
    }
}

fn message(event: &str, data: Data) -> peal_core::Message {
    peal_core::Message::new(event, data)
}

fn json_data(json: &str) -> Data {
    Data::Json(json.into())
}

fn text_data(text: &str) -> Data {
    Data::Text(text.into())
}
