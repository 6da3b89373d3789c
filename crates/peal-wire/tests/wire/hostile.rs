//! No input panics, and what is refused is refused clearly: with a sentence, and without repeating what might be secret.

use peal_core::{ChannelName, ErrorCode, Refusal};
use peal_wire::{native, pusher};
use proptest::prelude::*;

/// Every decoder of text there is.
fn decode_all(text: &str) -> Vec<(&'static str, Option<Refusal>)> {
    let room = || ChannelName::parse("room").expect("a name");
    vec![
        ("native", native::decode(text).err().map(|(_, refusal)| refusal)),
        ("native publish", native::rest::decode_publish(text.as_bytes(), 1_000).err()),
        ("native history", native::rest::decode_history_query(room(), [("limit".into(), text.into())]).err()),
        ("pusher", pusher::decode(text).err()),
        ("channel_data", pusher::parse_channel_data(text).err()),
        ("user_data", pusher::parse_user_data(text).err()),
        ("events", pusher::rest::decode_events(text.as_bytes(), 1_000).err()),
        ("batch_events", pusher::rest::decode_batch(text.as_bytes(), 1_000).err()),
        ("info", pusher::rest::Info::parse(text).err()),
        ("socket_id", pusher::rest::parse_socket_id(text).err()),
    ]
}

/// All refuse it, each with a sentence.
fn refused_by_all(text: &str) {
    for (decoder, refusal) in decode_all(text) {
        let refusal = refusal.unwrap_or_else(|| panic!("{decoder} accepts {:?}", &text[..text.len().min(40)]));
        assert!(refusal.detail.len() > 10, "{decoder}: {refusal:?}");
        assert!(refusal.detail.len() < 400, "{decoder} repeats what it was sent: {refusal:?}");
    }
}

#[test]
fn nesting_without_end() {
    for text in ["[".repeat(20_000), "{\"a\":".repeat(20_000), format!("{{\"id\":1,\"publish\":{{\"data\":{}", "[".repeat(20_000))] {
        refused_by_all(&text);
        assert_eq!(pusher::decode(&text).expect_err("too deep").code, ErrorCode::NestingTooDeep);
        assert_eq!(native::decode(&text).expect_err("too deep").1.code, ErrorCode::NestingTooDeep);
    }
}

#[test]
fn long_nonsense_is_not_repeated() {
    let long = "s3cret".repeat(5_000);
    refused_by_all(&long);
    refused_by_all(&format!("{{\"{long}\":\"{long}\"}}"));
    refused_by_all(&format!("{{\"id\":1,\"event\":{{}},\"name\":{{}},\"{long}\":1}}"));
}

#[test]
fn numbers_that_nothing_holds() {
    for number in ["1e999999999", "-1", "99999999999999999999999999", &"9".repeat(10_000), "0.1e-99999", "01", "+1", "0x1", "NaN"] {
        assert!(native::decode(&format!("{{\"id\":{number},\"ping\":{{}}}}")).is_err(), "{number}");
        let limit = format!("{{\"id\":1,\"history\":{{\"channel\":\"a\",\"limit\":{number}}}}}");
        assert!(native::decode(&limit).is_err(), "{number}");
        let rewind = format!("{{\"id\":1,\"subscribe\":{{\"channel\":\"a\",\"rewind\":{number}}}}}");
        assert!(native::decode(&rewind).is_err(), "{number}");
    }
    let data = r#"{"id":1,"publish":{"channel":"a","data":1e999999999}}"#;
    assert!(native::decode(data).is_ok(), "data is passed on, never read");
}

#[test]
fn bytes_that_are_no_text() {
    for body in [&b"\xff"[..], b"{\"name\":\"\xed\xa0\x80\"}", b"{\"name\":\"a\0\"}"] {
        assert_eq!(native::rest::decode_publish(body, 10).expect_err("no JSON").code, ErrorCode::InvalidJson);
        assert_eq!(pusher::rest::decode_events(body, 10).expect_err("no JSON").code, ErrorCode::InvalidJson);
    }
}

#[test]
fn identities_have_bounds() {
    let channel_data = |data: &str| pusher::parse_channel_data(data).map(|identity| (identity.user_id, identity.user_info));
    assert_eq!(channel_data(r#"{"user_id": 10}"#), Ok(("10".into(), None)));
    assert_eq!(channel_data(r#"{"user_id":"ë","user_info":{"a": 1}}"#), Ok(("ë".into(), Some(r#"{"a": 1}"#.into()))));
    assert!(channel_data(&format!("{{\"user_id\":\"{}\"}}", "é".repeat(128))).is_ok());
    for bad in [
        "{}",
        r#"{"user_id":null}"#,
        r#"{"user_id":""}"#,
        r#"{"user_id":true}"#,
        r#"{"user_id":{}}"#,
        r#"{"user_id":"\ud800"}"#,
        r#"{"user_id":"a","user_id":"b"}"#,
        &format!("{{\"user_id\":\"{}\"}}", "é".repeat(129)),
        &format!("{{\"user_id\":{}}}", "9".repeat(129)),
    ] {
        assert_eq!(channel_data(bad).expect_err(bad).code, ErrorCode::PresenceDataInvalid);
    }
    let user = |data: &str| pusher::parse_user_data(data);
    let watching = |n: usize| format!("{{\"id\":\"ada\",\"watchlist\":{:?}}}", vec!["bob"; n]);
    let watched = user(&watching(100)).expect("a user");
    assert_eq!((watched.watchlist.len(), watched.watchlist_truncated), (100, false));
    let watched = user(&watching(101)).expect("a user");
    assert_eq!((watched.watchlist.len(), watched.watchlist_truncated), (100, true));
    for bad in [
        "{}",
        r#"{"id":""}"#,
        r#"{"id":1}"#,
        r#"{"id":"a b"}"#,
        r#"{"id":"a","watchlist":"b"}"#,
        r#"{"id":"a","watchlist":[null]}"#,
        &format!("{{\"id\":\"{}\"}}", "a".repeat(129)),
    ] {
        assert_eq!(user(bad).expect_err(bad).code, ErrorCode::UserIdInvalid);
    }
}

/// Text that is nearly a request: pieces of JSON and of our vocabulary in any order.
fn nearly_json() -> impl Strategy<Value = String> {
    let pieces = vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "d800",
        "null",
        "true",
        "1",
        "-",
        "e9",
        " ",
        "\n",
        "\u{0}",
        "é",
        "\"id\":1",
        "\"event\":",
        "\"pusher:subscribe\"",
        "\"client-a\"",
        "\"data\":",
        "\"channel\":",
        "\"private-a\"",
        "\"publish\":",
        "\"subscribe\":",
        "\"rewind\":",
        "\"1h\"",
        "\"position\":",
        "\"1-1\"",
        "\"channels\":[",
        "\"batch\":[",
        "\"name\":",
        "\"info\":",
        "\"user_count\"",
        "\"socket_id\":",
        "\"1.1\"",
        "\"user_id\":",
        "\"watchlist\":[",
    ];
    proptest::collection::vec(proptest::sample::select(pieces), 0..30).prop_map(|pieces| pieces.concat())
}

/// Objects with our field names and any values.
fn nearly_right() -> impl Strategy<Value = String> {
    let names = proptest::sample::select(vec![
        "id",
        "event",
        "data",
        "channel",
        "channels",
        "batch",
        "name",
        "info",
        "socket_id",
        "user_id",
        "user_info",
        "watchlist",
        "publish",
        "subscribe",
        "connect",
        "history",
        "position",
        "rewind",
        "limit",
        "before",
        "token",
        "echo",
        "exclude",
        "auth",
        "channel_data",
        "user_data",
    ]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("\"pusher:subscribe\"".to_owned()),
        Just("\"client-x\"".to_owned()),
        Just("\"private-x\"".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<String>().prop_map(|s| serde_json::to_string(&s).expect("prints")),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            3 => proptest::collection::vec((names.clone(), inner.clone()), 0..6).prop_map(|members| {
                let members: Vec<String> = members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            1 => inner.prop_map(|inner| serde_json::to_string(&inner).expect("prints")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_text_makes_a_decoder_panic(text in prop_oneof![any::<String>(), nearly_json(), nearly_right()]) {
        for (decoder, refusal) in decode_all(&text) {
            if let Some(refusal) = refusal {
                prop_assert!(refusal.detail.len() < 400, "{}: {:?}", decoder, refusal);
            }
        }
    }

    #[test]
    fn what_is_sent_on_is_always_one_line_of_json(text in any::<String>(), channel in "[a-z]{1,10}") {
        let room = ChannelName::parse(&channel).expect("a name");
        let refusal = Refusal::new(ErrorCode::InvalidRequest, text.clone());
        for frame in [native::encode_error(&refusal), pusher::encode_error(&refusal), pusher::encode_subscription_error(&text, &refusal),
            pusher::encode_signin_success(&text), pusher::encode_member_added(&text, &text, None), native::encode_unsubscribed(&room, &refusal)] {
            let payload = &frame[if frame[1] < 126 { 2 } else { 4 }..];
            prop_assert!(serde_json::from_slice::<serde_json::Value>(payload).is_ok());
            prop_assert!(!payload.contains(&b'\n'));
        }
    }
}
