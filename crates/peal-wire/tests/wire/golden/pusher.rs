//! `pusher.json`: the frames of pusher.md section 4.

use bytes::Bytes;
use peal_core::{ChannelName, ErrorCode, Refusal};
use peal_wire::pusher::{self, ClientFrame};
use serde_json::{Value, json};

use super::{check_client, check_server, connection, json_data, message, publication, refused, text_data, texts};

#[test]
fn what_clients_send_is_understood() {
    check_client("pusher.json", |frame| pusher::decode(frame).map(|frame| describe(&frame)).map_err(|refusal| refused(&refusal)));
}

#[test]
fn what_the_server_sends_is_byte_for_byte_the_same() {
    let mut frames = Vec::new();
    for (name, bytes) in server_frames() {
        for text in texts(&bytes) {
            let decoded = seen(&text);
            frames.push((name.to_owned(), text, decoded));
        }
    }
    check_server("pusher.json", frames);
}

/// A frame as pusher-js sees it: `data` that is a string of JSON is parsed.
pub(super) fn seen(text: &str) -> Value {
    let mut frame: Value = serde_json::from_str(text).expect("JSON");
    if let Some(data) = frame["data"].as_str().and_then(|data| serde_json::from_str(data).ok()) {
        frame["data"] = data;
    }
    frame
}

fn describe(frame: &ClientFrame<'_>) -> Value {
    match frame {
        ClientFrame::Subscribe { channel, auth, channel_data } => {
            json!({ "subscribe": { "channel": channel, "auth": auth, "channel_data": channel_data } })
        }
        ClientFrame::Unsubscribe { channel } => json!({ "unsubscribe": { "channel": channel } }),
        ClientFrame::Signin { auth, user_data } => json!({ "signin": { "auth": auth, "user_data": user_data } }),
        ClientFrame::Ping => json!("ping"),
        ClientFrame::Pong => json!("pong"),
        ClientFrame::ClientEvent { event, channel, data } => {
            json!({ "client_event": { "event": event, "channel": channel, "data": data.get() } })
        }
    }
}

fn server_frames() -> Vec<(&'static str, Bytes)> {
    let name = |name: &str| ChannelName::parse(name).expect("a name");
    let client_event = |data: &str| {
        let mut publication = publication(vec![message("client-typing", json_data(data))]);
        (publication.position, publication.client_event) = (None, true);
        publication
    };
    let user_data = r#"{"id":"ada","user_info":{"name":"Ada"}}"#;
    let users = [("ada", Some(r#"{"name":"Ada"}"#)), ("10", None), ("\"q\"", Some("null"))];
    let denied = Refusal::of(ErrorCode::SignatureInvalid);
    vec![
        ("connection_established", pusher::encode_connection_established(&connection(7).socket_id(), 120)),
        ("error with a code", pusher::encode_error(&Refusal::of(ErrorCode::UnknownKey))),
        ("error without a code", pusher::encode_error(&Refusal::new(ErrorCode::InvalidJson, "Not \"JSON\"."))),
        ("ping", pusher::encode_ping()),
        ("pong", pusher::encode_pong()),
        ("signin_success", pusher::encode_signin_success(user_data)),
        ("subscription_succeeded", pusher::encode_subscription_succeeded("room.42")),
        ("subscription_succeeded, presence", pusher::encode_subscription_succeeded_presence("presence-room", users)),
        ("subscription_succeeded, presence of nobody", pusher::encode_subscription_succeeded_presence("presence-room", [])),
        ("member_added", pusher::encode_member_added("presence-room", "ada", Some(r#"{"name":"Ada"}"#))),
        ("member_added without user_info", pusher::encode_member_added("presence-room", "10", None)),
        ("member_removed", pusher::encode_member_removed("presence-room", "ada")),
        ("subscription_count", pusher::encode_subscription_count("room.42", 3)),
        ("cache_miss", pusher::encode_cache_miss("cache-room")),
        ("watchlist_events", pusher::encode_watchlist_events(&["ada", "bob"], &["eve"])),
        ("watchlist_events, all online", pusher::encode_watchlist_events(&["ada"], &[])),
        ("subscription_error", pusher::encode_subscription_error("private-room", &denied)),
        (
            "subscription_error of a bad name",
            pusher::encode_subscription_error("no such\n\"room\"", &Refusal::of(ErrorCode::ChannelNameInvalid)),
        ),
        (
            "event",
            pusher::encode_publication(&name("room.42"), &publication(vec![message("App\\Events\\Said", text_data(r#"{"text":"hi"}"#))])),
        ),
        (
            "event, several in one publication",
            pusher::encode_publication(&name("room.42"), &publication(vec![message("a", text_data("1")), message("b", text_data("two"))])),
        ),
        (
            "event on a presence channel shows no user",
            pusher::encode_publication(&name("presence-room"), &publication(vec![message("said", text_data("hi"))])),
        ),
        ("client event, object", pusher::encode_publication(&name("private-room"), &client_event(r#"{"on": true}"#))),
        ("client event, string", pusher::encode_publication(&name("private-room"), &client_event(r#""tr\u00fce""#))),
        ("client event with user", pusher::encode_publication(&name("presence-room"), &client_event("null"))),
    ]
}
