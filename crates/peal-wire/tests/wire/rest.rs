//! Bodies of the HTTP APIs: validated whole, with the codes that the libraries expect.

use peal_core::{ChannelName, Data, ErrorCode, Position, Refusal};
use peal_wire::native::rest::{decode_history_query, decode_publish, encode_published, encode_published_batch};
use peal_wire::pusher::rest::{
    Attributes, CacheEntry, Trigger, decode_batch, decode_events, encode_batch_answer, encode_channel, encode_channels, encode_users,
    parse_socket_id,
};
use serde_json::json;

fn events(body: &serde_json::Value) -> Result<Trigger, Refusal> {
    decode_events(body.to_string().as_bytes(), 10_240)
}

fn refused(body: &serde_json::Value, code: ErrorCode) -> Refusal {
    let refusal = events(body).expect_err("a bad body");
    assert_eq!(refusal.code, code, "{refusal:?}");
    refusal
}

#[test]
fn an_event_for_one_or_many_channels() {
    let trigger = events(&json!({ "name": "said", "data": "{\"a\": 1}", "channel": "room" })).expect("an event");
    assert_eq!(trigger.channels, [ChannelName::parse("room").expect("a name")]);
    assert_eq!((&*trigger.message.event, &trigger.message.data), ("said", &Data::Text("{\"a\": 1}".into())));
    assert!(trigger.exclude.is_none() && trigger.info.is_empty());

    let trigger = events(&json!({
        "name": "said", "data": "", "channels": ["a", "#server-to-user-ada", "a"], "socket_id": "281474976710656.7",
        "info": "subscription_count", "unknown": [1],
    }));
    let trigger = trigger.expect("an event");
    assert_eq!(trigger.channels.iter().map(ChannelName::as_str).collect::<Vec<_>>(), ["a", "#server-to-user-ada"]);
    assert_eq!(trigger.exclude.map(|id| id.socket_id()).as_deref(), Some("281474976710656.7"));
    assert!(trigger.info.subscription_count);
    assert!(events(&json!({ "name": "a", "data": "", "channels": ["a"], "channel": null, "socket_id": null, "info": null })).is_ok());
}

#[test]
fn events_that_are_refused() {
    let with = |name: &str, value: serde_json::Value| {
        let mut body = json!({ "name": "said", "data": "hi", "channels": ["room"] });
        body[name] = value;
        body
    };
    let many = |n: usize| (0..n).map(|i| format!("room-{i}")).collect::<Vec<_>>();
    assert_eq!(events(&with("channels", json!(many(100)))).map(|trigger| trigger.channels.len()), Ok(100));
    refused(&with("channels", json!(many(101))), ErrorCode::TooManyChannels);
    refused(&with("channels", json!([])), ErrorCode::InvalidRequest);
    refused(&with("channels", json!("room")), ErrorCode::InvalidRequest);
    refused(&with("channels", json!([1])), ErrorCode::InvalidRequest);
    refused(&with("channels", json!(["a".repeat(165)])), ErrorCode::ChannelNameInvalid);
    refused(&with("channels", json!(["#other"])), ErrorCode::ChannelNameInvalid);
    refused(&with("channel", json!("room")), ErrorCode::InvalidRequest);
    for missing in ["name", "data", "channels"] {
        refused(&with(missing, json!(null)), ErrorCode::InvalidRequest);
    }
    refused(&with("data", json!({ "text": "hi" })), ErrorCode::InvalidRequest);
    refused(&with("name", json!(1)), ErrorCode::InvalidRequest);
    refused(&with("name", json!("pusher:x")), ErrorCode::EventNameInvalid);
    refused(&with("name", json!("a".repeat(201))), ErrorCode::EventNameInvalid);
    refused(&with("socket_id", json!("1")), ErrorCode::SocketIdInvalid);
    refused(&with("socket_id", json!("1.2\n")), ErrorCode::SocketIdInvalid);
    refused(&with("info", json!("user_count")), ErrorCode::InfoNotAvailable);
    refused(&with("info", json!("cache")), ErrorCode::InfoNotAvailable);
    assert!(events(&with("data", json!("é".repeat(5_120)))).is_ok());
    let refusal = refused(&with("data", json!("é".repeat(5_121))), ErrorCode::MessageTooLarge);
    assert_eq!(refusal.code.info().http_status, 413);
    assert_eq!(refusal.limit.map(|limit| (limit.limit, limit.current)), Some((10_240, 10_242)));
}

#[test]
fn a_socket_id_that_cannot_be_ours_excludes_nobody() {
    assert_eq!(parse_socket_id("99999999999999999999999.1"), Ok(None));
    assert_eq!(parse_socket_id("123.456").map(|id| id.is_some()), Ok(true));
}

#[test]
fn a_batch_is_validated_whole() {
    let event = json!({ "channel": "room", "name": "said", "data": "hi" });
    let batch = |events: &[serde_json::Value]| decode_batch(json!({ "batch": events }).to_string().as_bytes(), 10);
    assert_eq!(batch(&[]).map(|events| events.len()), Ok(0));
    assert_eq!(batch(&vec![event.clone(); 10]).map(|events| events.len()), Ok(10));
    assert_eq!(batch(&vec![event.clone(); 11]).expect_err("too many").code, ErrorCode::BatchTooLarge);
    let late =
        batch(&[event.clone(), event, json!({ "channel": "room", "name": "said", "data": "longer than ten" })]).expect_err("too long");
    assert_eq!(late.code, ErrorCode::MessageTooLarge);
    assert!(late.detail.starts_with("Event 2 of the batch: "), "{}", late.detail);
    for bad in [json!(1), json!({ "name": "said", "data": "hi" }), json!({ "channels": ["a"], "name": "said", "data": "hi" })] {
        assert_eq!(batch(&[bad]).expect_err("a bad event").code, ErrorCode::InvalidRequest);
    }
    assert_eq!(decode_batch(b"{\"batch\":{}}", 10).expect_err("no array").code, ErrorCode::InvalidRequest);
}

#[test]
fn answers_are_what_the_libraries_read() {
    let text = |body: Vec<u8>| String::from_utf8(body).expect("text");
    let users = Attributes { user_count: Some(2), subscription_count: None };
    let connections = Attributes { user_count: None, subscription_count: Some(3) };
    assert_eq!(text(encode_channels([])), r#"{"channels":{}}"#);
    assert_eq!(
        text(encode_channels([("presence-a", users), ("b", Attributes::default())])),
        r#"{"channels":{"presence-a":{"user_count":2},"b":{}}}"#
    );
    assert_eq!(text(encode_batch_answer([connections, Attributes::default()])), r#"{"batch":[{"subscription_count":3},{}]}"#);
    assert_eq!(text(encode_channel(true, connections, None)), r#"{"occupied":true,"subscription_count":3}"#);
    assert_eq!(text(encode_channel(false, Attributes::default(), Some(None))), r#"{"occupied":false,"cache":null}"#);
    let entry = CacheEntry { data: "\"x\"", ttl_s: 1_800 };
    assert_eq!(
        text(encode_channel(true, Attributes::default(), Some(Some(entry)))),
        r#"{"occupied":true,"cache":{"data":"\"x\"","ttl":1800}}"#
    );
    assert_eq!(text(encode_users(["10", "ada"])), r#"{"users":[{"id":"10"},{"id":"ada"}]}"#);
}

#[test]
fn native_messages_one_or_many() {
    let one =
        decode_publish(br#" {"event":"said","data":{"n": 1.0},"id":"01J","exclude":"AAEAAAAAAAAAAAAAAAAABw"}"#, 100).expect("a message");
    assert!(!one.batch);
    let message = &one.messages[0];
    assert_eq!((&*message.message.event, &message.message.data), ("said", &Data::Json("{\"n\": 1.0}".into())));
    assert_eq!(message.exclude.map(|id| id.socket_id()).as_deref(), Some("281474976710656.7"));
    assert_eq!(message.id.as_ref().map(|id| id.as_str()), Some("01J"));

    let array = |n: usize| format!(" [{}]", vec!["{\"data\":1}"; n].join(","));
    let many = decode_publish(array(100).as_bytes(), 100).expect("messages");
    assert!(many.batch && many.messages.len() == 100);
    assert_eq!(&*many.messages[0].message.event, "message");
    assert!(decode_publish(array(1).as_bytes(), 100).expect("a message").batch, "answered by an array");

    let refusal = |body: &str| decode_publish(body.as_bytes(), 10).expect_err(body);
    assert_eq!(refusal(&array(101)).code, ErrorCode::BatchTooLarge);
    assert_eq!(refusal("[]").code, ErrorCode::InvalidRequest);
    assert_eq!(refusal("[1]").code, ErrorCode::InvalidRequest);
    assert_eq!(refusal("[{\"data\":1}").code, ErrorCode::InvalidJson);
    assert_eq!(refusal("1").code, ErrorCode::InvalidJson);
    assert_eq!(refusal(r#"{"data":"0123456789"}"#).code, ErrorCode::MessageTooLarge);
    assert_eq!(refusal(r#"{"data":1,"exclude":"x"}"#).code, ErrorCode::InvalidRequest);
    assert_eq!(refusal(r#"{"data":1,"id":" "}"#).code, ErrorCode::MessageIdInvalid);
    let second = refusal(r#"[{"data":1},{"data":1,"event":"peal:x"}]"#);
    assert_eq!(second.code, ErrorCode::EventNameInvalid);
    assert!(second.detail.starts_with("Message 1 of the array: "), "{}", second.detail);
}

#[test]
fn native_answers() {
    let id = "01J".parse().expect("an id");
    assert_eq!(encode_published(&id, Some(Position::new(3815, 18))), br#"{"id":"01J","position":"3815-18"}"#);
    let refusal = Refusal::of(ErrorCode::Unavailable);
    let body = encode_published_batch([Ok((&id, None)), Err(&refusal)]);
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["items"][0], json!({ "id": "01J" }));
    assert_eq!(body["items"][1]["error"]["name"], "unavailable");
}

#[test]
fn the_query_of_history() {
    let room = || ChannelName::parse("room").expect("a name");
    let query = |pairs: &[(&'static str, &'static str)]| {
        decode_history_query(room(), pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    };
    assert_eq!(query(&[]).expect("a query").limit, 100);
    let full = query(&[("limit", "1000"), ("before", "3-4"), ("after", "3-1"), ("direction", "forwards"), ("auth", "x")]).expect("a query");
    assert_eq!((full.limit, full.before, full.after), (1_000, Some(Position::new(3, 4)), Some(Position::new(3, 1))));
    for bad in [("limit", "0"), ("limit", "1001"), ("limit", ""), ("before", "x"), ("after", ""), ("direction", "up")] {
        assert!(query(&[bad]).is_err(), "{bad:?}");
    }
}
