//! What a broker writes today is read tomorrow, and what it did not write is refused.

use bytes::Bytes;
use peal_core::publication::stored::{Placed, StoredError, VERSION, decode, encode};
use peal_core::{
    ConnectionId, Data, Draft, Member, Message, Position, PresenceChange, PresenceOp, Publication, PublicationKind, publication::EraStart,
};
use proptest::option;
use proptest::prelude::*;

const PLACED: Placed =
    Placed { position: Some(Position::new(7, 1)), era_start: Some(EraStart { tail: Some(Position::new(6, 9)) }), ts: 1_790_000_000_000 };

fn any_connection() -> impl Strategy<Value = ConnectionId> {
    any::<[u8; 16]>().prop_map(ConnectionId::from_bytes)
}

fn any_data() -> impl Strategy<Value = Data> {
    prop_oneof![
        any::<String>().prop_map(|text| Data::Text(text.into())),
        any::<i64>().prop_map(|number| Data::Json(number.to_string().into())),
        any::<Vec<u8>>().prop_map(|bytes| Data::Binary(bytes.into())),
    ]
}

fn any_message() -> impl Strategy<Value = Message> {
    (".{0,200}", any_data(), option::of(".{0,20}"), option::of(".{0,20}")).prop_map(|(event, data, encoding, extras)| Message {
        event: event.into(),
        data,
        encoding: encoding.map(Into::into),
        extras: extras.map(Into::into),
    })
}

fn any_kind() -> impl Strategy<Value = PublicationKind> {
    let op = prop_oneof![Just(PresenceOp::Enter), Just(PresenceOp::Update), Just(PresenceOp::Leave)];
    let change = (op, ".{1,20}", any_connection(), option::of(".{0,300}"), any::<bool>(), any::<bool>()).prop_map(
        |(op, user, connection, data, first, last)| {
            let member = Member { user: user.into(), connection, data: data.map(Into::into) };
            PresenceChange { op, member, first, last }
        },
    );
    prop_oneof![
        prop::collection::vec(any_message(), 1..4).prop_map(PublicationKind::Messages),
        change.prop_map(PublicationKind::Presence),
        any::<Vec<u8>>().prop_map(|command| PublicationKind::Control(command.into())),
    ]
}

fn any_draft() -> impl Strategy<Value = Draft> {
    ("[A-Za-z0-9_.:-]{1,64}", option::of(any_connection()), option::of(".{1,20}"), any::<bool>(), any_kind()).prop_map(
        |(id, origin, client_id, client_event, kind)| Draft {
            id: id.parse().expect("the pattern is that of message ids"),
            idempotent: true,
            origin,
            client_id: client_id.map(Into::into),
            ephemeral: false,
            client_event,
            kind,
        },
    )
}

proptest! {
    #[test]
    fn what_was_stored_reads_back(draft in any_draft()) {
        let stored = encode(&draft);
        prop_assert_eq!(stored[0], VERSION);
        let Placed { position, era_start, ts } = PLACED;
        prop_assert_eq!(decode(&stored, PLACED), Ok(Publication::from_draft(draft, position, era_start, ts)));
    }

    #[test]
    fn every_truncation_and_every_tail_is_refused(draft in any_draft(), tail: u8) {
        let stored = encode(&draft);
        for length in 0..stored.len() {
            prop_assert!(matches!(decode(&stored.slice(..length), PLACED), Err(StoredError::Truncated(_))), "of {length} bytes");
        }
        let longer = Bytes::from([&stored[..], &[tail]].concat());
        prop_assert_eq!(decode(&longer, PLACED), Err(StoredError::Invalid("length")));
    }

    #[test]
    fn one_wrong_byte_never_panics(draft in any_draft(), at: prop::sample::Index, byte: u8) {
        let mut stored = encode(&draft).to_vec();
        let at = at.index(stored.len());
        stored[at] = byte;
        if let Ok(publication) = decode(&stored.into(), PLACED) {
            prop_assert_eq!(publication.position, PLACED.position);
        }
    }

    #[test]
    fn garbage_never_panics(mut garbage in prop::collection::vec(any::<u8>(), 1..200)) {
        garbage[0] = VERSION;
        let _ = decode(&garbage.into(), PLACED);
    }
}

#[test]
fn another_version_is_named() {
    assert_eq!(decode(&Bytes::from_static(&[VERSION + 1, 0]), PLACED), Err(StoredError::Version(VERSION + 1)));
    assert_eq!(decode(&Bytes::new(), PLACED), Err(StoredError::Truncated("version")));
}

#[test]
fn a_count_that_lies_allocates_nothing() {
    // id "a", no origin, no client, no flag, messages, and a count of 2^62.
    let lie = [&[VERSION, 1, b'a', 0, 0, 0, 0][..], &[0xff; 8][..], &[0x3f]].concat();
    assert_eq!(decode(&lie.into(), PLACED), Err(StoredError::Truncated("event")));
}

/// These bytes are in histories: a change that breaks this test needs a new version.
#[test]
fn version_1_stays_readable() {
    let stored = Bytes::from_static(b"\x01\x03m-1\x00\x01\x03ada\x01\x00\x01\x04said\x01\x07[1,2,3]\x00\x00");
    let publication = decode(&stored, PLACED).expect("reads");
    assert_eq!(publication.messages(), [Message::new("said", Data::Json("[1,2,3]".into()))]);
    assert_eq!((publication.id.as_str(), publication.client_id.as_deref(), publication.client_event), ("m-1", Some("ada"), true));
}
