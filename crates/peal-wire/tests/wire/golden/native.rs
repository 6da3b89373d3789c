//! `native.json`: requests, replies and pushes.

use std::sync::Arc;

use bytes::Bytes;
use peal_core::exchange::Direction;
use peal_core::{ChannelName, Data, ErrorCode, Member, Position, Publication, Refusal};
use peal_wire::native::{self, Operation, Reason, Request, Rewind, Subscribed};
use serde_json::{Map, Value, json};

use super::{check_client, check_server, connection, json_data, message, message_id, publication, refused, text_data, texts};

#[test]
fn what_clients_send_means_what_the_page_says() {
    check_client("native.json", |frame| match native::decode(frame) {
        Ok(request) => Ok(describe(&request)),
        Err((id, refusal)) => Err(json!({ "id": id, "name": refused(&refusal) })),
    });
}

#[test]
fn what_the_server_sends_is_byte_for_byte_the_same() {
    let frames = server_frames().into_iter().map(|(name, frame)| {
        let [text] = texts(&frame).try_into().expect("one frame");
        let decoded = serde_json::from_str(&text).expect("JSON");
        (name.to_owned(), text, decoded)
    });
    check_server("native.json", frames.collect());
}

/// A request as a client gives it to its encoder: what has its default is left out.
fn describe(request: &Request<'_>) -> Value {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| {
        if !value.is_null() && value != json!(false) {
            body.insert(name.into(), value);
        }
    };
    let operation = match &request.operation {
        Operation::Connect(connect) => {
            set("token", json!(connect.token));
            set("key", json!(connect.key));
            set("client", json!(connect.client));
            set("version", json!(connect.version));
            "connect"
        }
        Operation::Refresh { token } => {
            set("token", json!(token));
            "refresh"
        }
        Operation::Subscribe(subscribe) => {
            set("channel", json!(subscribe.channel));
            set("token", json!(subscribe.token));
            set("position", json!(subscribe.position));
            set(
                "rewind",
                match subscribe.rewind {
                    None => Value::Null,
                    Some(Rewind::Count(count)) => json!(count),
                    Some(Rewind::DurationMs(ms)) => json!(format!("{}s", ms / 1_000)),
                },
            );
            set("presence", json!(subscribe.presence));
            "subscribe"
        }
        Operation::Unsubscribe { channel } => {
            set("channel", json!(channel));
            "unsubscribe"
        }
        Operation::Publish(publish) => {
            set("channel", json!(publish.channel));
            set("event", json!(&*publish.message.event));
            set("id", json!(publish.id));
            set("echo", json!(publish.echo));
            set("ephemeral", json!(publish.ephemeral));
            let Data::Json(data) = &publish.message.data else { panic!("the native protocol publishes JSON") };
            body.insert("data".into(), serde_json::from_str(data).expect("JSON"));
            "publish"
        }
        Operation::PresenceEnter { channel, data } => {
            set("channel", json!(channel));
            set("data", parsed(data.as_ref()));
            "presence.enter"
        }
        Operation::PresenceUpdate { channel, data } => {
            set("channel", json!(channel));
            set("data", parsed(data.as_ref()));
            "presence.update"
        }
        Operation::PresenceLeave { channel } => {
            set("channel", json!(channel));
            "presence.leave"
        }
        Operation::PresenceGet { channel } => {
            set("channel", json!(channel));
            "presence.get"
        }
        Operation::History(history) => {
            set("channel", json!(history.channel));
            set("limit", if history.limit == native::LIMIT_DEFAULT { Value::Null } else { json!(history.limit) });
            set("before", json!(history.before));
            set("after", json!(history.after));
            set("direction", if history.direction == Direction::Forwards { json!("forwards") } else { Value::Null });
            "history"
        }
        Operation::Ping => "ping",
    };
    json!({ "id": request.id, "operation": operation, "body": body })
}

fn parsed(data: Option<&Arc<str>>) -> Value {
    data.map_or(Value::Null, |data| serde_json::from_str(data).expect("JSON"))
}

fn member(user: &str, n: u64, data: Option<&str>) -> Arc<Member> {
    Arc::new(Member { user: user.into(), connection: connection(n), data: data.map(Into::into) })
}

fn server_frames() -> Vec<(&'static str, Bytes)> {
    let room = ChannelName::parse("room.42").expect("a name");
    let (ada, bob) = (member("ada", 7, Some(r#"{"name":"Ada"}"#)), member("bob", 8, None));
    let members = [Arc::clone(&ada), Arc::clone(&bob)];
    let position = Position::new(3815, 18);
    let said = publication(vec![message("said", json_data(r#"{"text":"hi"}"#))]);
    let mut ephemeral = said.clone();
    (ephemeral.position, ephemeral.client_id) = (None, None);
    let several = publication(vec![message("said", json_data("1")), message("said", text_data("two"))]);
    let full = Refusal::of(ErrorCode::ChannelsPerConnection).with_limit(200, 201);
    let subscribed = Subscribed::<Arc<Member>> { position, recovered: false, replay: 0, reason: None, presence: None };
    vec![
        ("reply to connect with a token", native::encode_connected(1, connection(7), Some("ada"), 25_000, Some(1_800_000_000_000))),
        ("reply to connect with a key", native::encode_connected(1, connection(7), None, 25_000, None)),
        ("reply to refresh", native::encode_refreshed(2, 1_800_000_300_000)),
        ("reply to subscribe", native::encode_subscribed(3, &subscribed)),
        ("reply to subscribe, recovered", native::encode_subscribed(3, &Subscribed { recovered: true, replay: 3, ..subscribed })),
        (
            "reply to subscribe, not recovered",
            native::encode_subscribed(3, &Subscribed { replay: 100, reason: Some(Reason::Retention), ..subscribed }),
        ),
        ("reply to subscribe with members", native::encode_subscribed(3, &Subscribed { presence: Some((&members, 2)), ..subscribed })),
        ("reply to unsubscribe", native::encode_ok(4)),
        ("reply to presence.enter", native::encode_entered(6, Some(r#"{"name":"Ada"}"#))),
        ("reply to presence.enter without data", native::encode_entered(6, None)),
        ("reply to publish", native::encode_published(5, &message_id("01J9ZB4K"), Some(position))),
        ("reply to an ephemeral publish", native::encode_published(5, &message_id("01J9ZB4K"), None)),
        ("reply to presence.get", native::encode_members(7, &members, 2)),
        ("reply to presence.get of a large channel", native::encode_members(7, &members[..0], 1_200)),
        ("reply to history", native::encode_history(8, &[Arc::new(said.clone()), Arc::new(several.clone())], true)),
        ("reply to history, empty", native::encode_history::<Arc<Publication>>(8, &[], false)),
        ("reply with an error", native::encode_error_reply(9, &Refusal::of(ErrorCode::TokenExpired))),
        ("reply with a limit", native::encode_error_reply((1 << 53) - 1, &full)),
        ("message", native::encode_message(&room, &said)),
        ("message, ephemeral and of no client", native::encode_message(&room, &ephemeral)),
        ("message, several in one publication", native::encode_message(&room, &several)),
        ("presence", native::encode_presence(&room, [&*ada], [&*bob], [&*member("eve", 9, Some("{}"))], 2)),
        ("presence, one leaves", native::encode_presence(&room, [], [], [&*bob], 0)),
        ("discontinuity", native::encode_discontinuity(&room, Reason::Retention, position, Position::new(3815, 140))),
        ("discontinuity over an era", native::encode_discontinuity(&room, Reason::Era, position, Position::new(3816, 0))),
        ("unsubscribed", native::encode_unsubscribed(&room, &Refusal::of(ErrorCode::NotAuthorised))),
        ("expiring", native::encode_expiring(1_800_000_000_000)),
        ("goaway", native::encode_goaway(1_200)),
        ("error", native::encode_error(&Refusal::new(ErrorCode::Unavailable, "No \"broker\" now.").retry_after(500))),
    ]
}
