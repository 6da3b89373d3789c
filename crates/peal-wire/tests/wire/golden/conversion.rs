//! `conversion.json`: the same data seen from every protocol (DESIGN 5.1). Names read "published as … → wire". On the native wire
//! `decoded` is what the client library shows; on the Pusher wire it is as in `pusher.json`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use peal_core::{ChannelName, Data, ErrorCode};
use peal_wire::{native, pusher};
use serde_json::{Value, json};

use super::{check_server, json_data, message, publication, pusher as pusher_golden, text_data, texts};

/// Each pair of a way to publish and a wire.
#[test]
fn data_arrives_as_published_or_converted() {
    let room = ChannelName::parse("room.42").expect("a name");
    let mut frames = Vec::new();
    for (name, data) in published() {
        let publication = publication(vec![message("said", data)]);
        let [text] = texts(&native::encode_message(&room, &publication)).try_into().expect("one frame");
        let shown = shown(&text);
        frames.push((format!("{name} → native"), text, shown));
        let [text] = texts(&pusher::encode_publication(&room, &publication)).try_into().expect("one frame");
        let decoded = pusher_golden::seen(&text);
        frames.push((format!("{name} → pusher"), text, decoded));
    }
    check_server("conversion.json", frames);
}

/// What the JavaScript client gives its user: `data`, and `raw` where it differs. Bytes are a list of numbers here.
fn shown(text: &str) -> Value {
    let frame: Value = serde_json::from_str(text).expect("JSON");
    let (data, encoding) = (&frame["message"]["data"], frame["message"]["encoding"].as_str());
    match (encoding, data.as_str()) {
        (Some("text"), Some(raw)) => json!({ "data": serde_json::from_str(raw).unwrap_or_else(|_| json!(raw)), "raw": raw }),
        (Some("base64"), Some(raw)) => json!({ "data": { "bytes": STANDARD.decode(raw).expect("base64") }, "raw": raw }),
        _ => json!({ "data": data }),
    }
}

fn published() -> Vec<(&'static str, Data)> {
    vec![
        ("pusher string of JSON", text_data("{\"text\": \"h\\u00ed\",\n \"n\":12345678901234567890,\"n\":1}")),
        ("pusher string, not JSON", text_data("plain \"text\" \u{2028} \u{1f600} \u{0}")),
        ("pusher string, empty", text_data("")),
        ("pusher string that is a JSON string", text_data("\"quoted\"")),
        ("native object", json_data("{\"text\":\"hí\",\n\t\"n\":12345678901234567890}")),
        ("native string", json_data("\"plain\"")),
        ("native number", json_data("1e2")),
        ("native null", json_data("null")),
        ("binary", Data::Binary(bytes::Bytes::from_static(&[0, 1, 2, 255]))),
        ("binary, empty", Data::Binary(bytes::Bytes::new())),
    ]
}

/// What comes in on one wire goes out on it unchanged.
#[test]
fn a_round_trip_changes_nothing() {
    let room = ChannelName::parse("room.42").expect("a name");
    for data in [r#"{"a":[1,2.50,1e-7,"\u00e9\ud83d"],"a":null}"#, "\"s\"", "-0", "[]"] {
        let frame = format!(r#"{{"id":1,"publish":{{"channel":"room.42","data":{data}}}}}"#);
        let native::Operation::Publish(publish) = native::decode(&frame).expect("a request").operation else { panic!("a publish") };
        let publication = publication(vec![publish.message]);
        let pushed = &texts(&native::encode_message(&room, &publication))[0];
        assert!(pushed.contains(&format!(r#""event":"message","data":{data}"#)), "{pushed}");
    }
    for data in ["", "{\"a\": 1}\n", "\u{0}\u{7f}\u{2029}é\\\"/", "12345678901234567890"] {
        let body = json!({ "name": "e", "channel": "room.42", "data": data }).to_string();
        let trigger = pusher::rest::decode_events(body.as_bytes(), 100).expect("an event");
        let event = &texts(&pusher::encode_publication(&room, &publication(vec![trigger.message])))[0];
        let event: Value = serde_json::from_str(event).expect("JSON");
        assert_eq!(event["data"], data);
    }
}

/// A lone surrogate is no text, so a string that must be one is refused rather than changed.
#[test]
fn a_string_that_is_no_text_is_refused() {
    let body = br#"{"name":"e","channel":"room.42","data":"\ud83d"}"#;
    assert_eq!(pusher::rest::decode_events(body, 100).map_err(|refusal| refusal.code), Err(ErrorCode::InvalidRequest));
}
