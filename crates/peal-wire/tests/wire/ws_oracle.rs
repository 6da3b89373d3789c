//! The decoder against tungstenite: on any stream of frames, cut anywhere, both must see the same messages and refuse the
//! same streams.

use std::io::{self, Cursor, Read, Write};

use peal_wire::ws::Limits;
use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocket, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, error::ProtocolError};

use crate::frames::{CLOSE, FIN, Frame, Got, bytes, decode};

const MESSAGE_BYTES: usize = 600;

/// What tungstenite makes of a stream: the messages, and whether it refused what came then.
fn oracle(stream: &[u8]) -> (Vec<Got>, bool) {
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES)).max_frame_size(Some(MESSAGE_BYTES));
    let mut socket = WebSocket::from_raw_socket(Wire(Cursor::new(stream)), Role::Server, Some(config));
    let mut got = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => got.push(Got::Text(text.to_string())),
            Ok(Message::Binary(bytes)) => got.push(Got::Binary(bytes.to_vec())),
            Ok(Message::Ping(bytes)) => got.push(Got::Ping(bytes.to_vec())),
            Ok(Message::Pong(bytes)) => got.push(Got::Pong(bytes.to_vec())),
            // A code that may not be sent is a protocol error: tungstenite shows its own answer in place of the frame.
            Ok(Message::Close(Some(close))) if close.reason.as_str() == "Protocol violation" => return (got, true),
            Ok(Message::Close(close)) => {
                got.push(Got::Close(close.map(|close| (close.code.into(), close.reason.to_string()))));
                return (got, false);
            }
            Ok(Message::Frame(_)) => unreachable!("never read"),
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return (got, false),
            Err(_) => return (got, true),
        }
    }
}

/// Reads the stream, swallows the answers.
struct Wire<'s>(Cursor<&'s [u8]>);

impl Read for Wire<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-zé€𝄞]{0,20}".prop_map(String::into_bytes),
        2 => proptest::collection::vec(any::<u8>(), 0..8),
        1 => "[a-z]{120,300}".prop_map(String::into_bytes),
        // Pieces of multi-byte characters, so that some text is only valid when joined.
        2 => proptest::sample::select(vec![&b"\xe2"[..], b"\x82", b"\xac", b"\xe2\x82", b"\x82\xac", b"\xf0\x9d", b"\x84\x9e"])
            .prop_map(<[u8]>::to_vec),
    ]
}

fn client_frame() -> impl Strategy<Value = Frame> {
    let first = prop_oneof![
        6 => proptest::sample::select(vec![0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x00, 0x80, 0x89, 0x8a]),
        1 => any::<u8>(),
    ];
    let data = (first, payload());
    // 1014 is registered since 2017 and accepted here; tungstenite does not know it.
    let close = prop_oneof![0u16..=5_100, Just(1000), Just(4001)].prop_filter("not known to the oracle", |code| *code != 1014);
    let close = (close, payload()).prop_map(|(code, mut reason)| {
        reason.truncate(20);
        (CLOSE, [&code.to_be_bytes()[..], &reason].concat())
    });
    let any_close = payload().prop_map(|payload| (CLOSE, payload.into_iter().take(1).collect()));
    (prop_oneof![20 => data, 1 => close, 1 => any_close], any::<[u8; 4]>(), prop::bool::weighted(0.99))
        .prop_map(|((first, payload), mask, masked)| Frame { first, masked, mask, payload })
}

/// Frames that mostly obey the rules of fragmentation, so that streams get far.
fn message() -> impl Strategy<Value = Vec<Frame>> {
    let control = (proptest::sample::select(vec![0x89u8, 0x8a]), proptest::collection::vec(any::<u8>(), 0..10));
    (1u8..=2, proptest::collection::vec(payload(), 1..5), control, any::<[u8; 4]>(), any::<bool>()).prop_map(
        |(opcode, pieces, (control, control_payload), mask, interrupted)| {
            let last = pieces.len() - 1;
            let mut frames = Vec::new();
            for (i, payload) in pieces.into_iter().enumerate() {
                let first = (if i == 0 { opcode } else { 0 }) | if i == last { FIN } else { 0 };
                frames.push(Frame { first, masked: true, mask, payload });
                if interrupted && i == 0 {
                    frames.push(Frame { first: control, masked: true, mask, payload: control_payload.clone() });
                }
            }
            frames
        },
    )
}

fn stream() -> impl Strategy<Value = Vec<Frame>> {
    prop_oneof![
        proptest::collection::vec(client_frame(), 0..12),
        (proptest::collection::vec(message(), 0..6), client_frame()).prop_map(|(messages, last)| messages
            .into_iter()
            .flatten()
            .chain([last])
            .collect()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_see_the_same_messages_and_refuse_the_same_streams(
        frames in stream(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let stream = bytes(&frames);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let (got, violation) = decode(&stream, &cuts, &Limits { message_bytes: MESSAGE_BYTES, fragments: 1_000 });
        prop_assert_eq!((got, violation.is_some()), oracle(&stream), "violation: {:?}", violation);
    }

    #[test]
    fn where_a_stream_is_cut_does_not_matter(
        stream in proptest::collection::vec(any::<u8>(), 0..200),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let limits = Limits::new(1_000);
        prop_assert_eq!(decode(&stream, &cuts, &limits), decode(&stream, &[], &limits));
    }
}
