//! A client that listens: handshake, subscribe, then every message is checked.

use crate::payload::Payload;
use crate::sequence::{Faults, Sequence};
use crate::sign::key;
use crate::wire;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Upgrading,
    /// The WebSocket is open, the server has not greeted yet.
    Opening,
    Subscribing,
    Subscribed,
    /// Our close frame is sent.
    Closing,
}

#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) channel: String,
    pub(super) stage: Stage,
    /// Its latencies are recorded.
    pub(super) timed: bool,
    /// By publisher.
    sequences: Vec<Sequence>,
}

/// What a frame asks of the loop.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    Nothing,
    Send(Vec<u8>),
    Subscribed,
    /// Our ping was answered.
    Pong,
    Message(Payload),
}

/// Where a server's frame puts the payload: behind this.
const DATA: &[u8] = br#""data":""#;

impl Subscriber {
    pub(super) fn new(channel: String) -> Self {
        Self { channel, stage: Stage::Upgrading, timed: true, sequences: Vec::new() }
    }

    pub(super) fn handshake(tenant: u64) -> Vec<u8> {
        let key = key(tenant);
        format!(
            "GET /app/{key}?protocol=7&client=bench&version=1.0 HTTP/1.1\r\nHost: peal.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        .into_bytes()
    }

    /// Acts on what has arrived; answers how many bytes were used. `None` if this is not what a server may say.
    pub(super) fn take(&mut self, bytes: &[u8], faults: &mut Faults, mut react: impl FnMut(Reaction)) -> Option<usize> {
        let mut used = 0;
        if self.stage == Stage::Upgrading {
            let Some(head) = wire::head_end(bytes) else { return Some(0) };
            if !bytes.starts_with(b"HTTP/1.1 101 ") {
                return None;
            }
            self.stage = Stage::Opening;
            used = head;
        }
        while let Some(frame) = wire::server_frame(&bytes[used..]) {
            used += frame.size;
            match frame.opcode {
                wire::TEXT => react(self.text(frame.payload, faults)),
                wire::PING => react(Reaction::Send(wire::masked(wire::PONG, frame.payload))),
                wire::CLOSE if self.stage == Stage::Closing => {}
                _ => return None,
            }
        }
        Some(used)
    }

    fn text(&mut self, text: &[u8], faults: &mut Faults) -> Reaction {
        match self.stage {
            Stage::Opening if wire::find(text, br#""pusher:connection_established""#).is_some() => {
                self.stage = Stage::Subscribing;
                let subscribe = format!(r#"{{"event":"pusher:subscribe","data":{{"channel":"{}"}}}}"#, self.channel);
                Reaction::Send(wire::masked(wire::TEXT, subscribe.as_bytes()))
            }
            Stage::Subscribing if wire::find(text, br#""pusher_internal:subscription_succeeded""#).is_some() => {
                self.stage = Stage::Subscribed;
                Reaction::Subscribed
            }
            _ => match wire::find(text, DATA).and_then(|at| Payload::read(&text[at + DATA.len()..])) {
                Some(payload) => {
                    self.see(payload, faults);
                    Reaction::Message(payload)
                }
                None => other(text, faults),
            },
        }
    }

    fn see(&mut self, payload: Payload, faults: &mut Faults) {
        if self.sequences.len() <= payload.publisher {
            self.sequences.resize(payload.publisher + 1, Sequence::default());
        }
        self.sequences[payload.publisher].see(payload.number, faults);
    }

    /// Messages that this publisher has sent to the channel and that are not here.
    pub(super) fn unseen(&self, publisher: usize, sent: u64) -> u64 {
        self.sequences.get(publisher).map_or(sent, |sequence| sequence.unseen(sent))
    }
}

/// An event of the protocol itself.
fn other(text: &[u8], faults: &mut Faults) -> Reaction {
    if wire::find(text, br#""pusher:pong""#).is_some() {
        return Reaction::Pong;
    }
    if wire::find(text, br#""pusher_internal:subscription_count""#).is_none() {
        faults.foreign += 1;
    }
    Reaction::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(subscriber: &mut Subscriber, bytes: &[u8], faults: &mut Faults) -> (Option<usize>, Vec<Reaction>) {
        let mut reactions = Vec::new();
        let used = subscriber.take(bytes, faults, |reaction| reactions.push(reaction));
        (used, reactions)
    }

    #[test]
    fn a_subscriber_opens_subscribes_and_checks() {
        let (mut subscriber, mut faults) = (Subscriber::new("c".into()), Faults::default());
        let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
        assert_eq!(take(&mut subscriber, &bytes[..20], &mut faults), (Some(0), vec![]));
        bytes.extend(wire::unmasked(wire::TEXT, br#"{"event":"pusher:connection_established"}"#));
        let subscribe = wire::masked(wire::TEXT, br#"{"event":"pusher:subscribe","data":{"channel":"c"}}"#);
        assert_eq!(take(&mut subscriber, &bytes, &mut faults), (Some(bytes.len()), vec![Reaction::Send(subscribe)]));
        let answer = wire::unmasked(wire::TEXT, br#"{"event":"pusher_internal:subscription_succeeded","channel":"c","data":"{}"}"#);
        assert_eq!(take(&mut subscriber, &answer, &mut faults).1, [Reaction::Subscribed]);
        for number in [1, 2, 4] {
            let mut data = br#"{"event":"e","channel":"c","data":""#.to_vec();
            Payload { publisher: 1, number, sent_ns: 5 }.write(&mut data, 16);
            data.extend_from_slice(br#""}"#);
            let frame = wire::unmasked(wire::TEXT, &data);
            assert_eq!(take(&mut subscriber, &frame, &mut faults).1, [Reaction::Message(Payload { publisher: 1, number, sent_ns: 5 })]);
        }
        assert_eq!((subscriber.unseen(1, 4), subscriber.unseen(0, 2)), (1, 2));
        let pong = wire::unmasked(wire::TEXT, br#"{"event":"pusher:pong","data":{}}"#);
        assert_eq!(take(&mut subscriber, &pong, &mut faults).1, [Reaction::Pong]);
        assert_eq!(faults, Faults::default());
    }

    #[test]
    fn what_a_server_must_not_say_ends_it() {
        let (mut subscriber, mut faults) = (Subscriber::new("c".into()), Faults::default());
        assert_eq!(take(&mut subscriber, b"HTTP/1.1 503 No\r\n\r\n", &mut faults).0, None);
        subscriber.stage = Stage::Subscribed;
        assert_eq!(take(&mut subscriber, &wire::unmasked(wire::CLOSE, b""), &mut faults).0, None);
        assert!(take(&mut subscriber, &wire::unmasked(wire::TEXT, b"{}"), &mut faults).0.is_some());
        assert_eq!(faults.foreign, 1);
    }
}
