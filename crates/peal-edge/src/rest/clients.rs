//! What a server may do to one client or one connection beside ending it: take a channel away. And to all connections of a client: end them.
//! As all commands these go through the app's control topic, so it does not matter which node is asked.

use axum::body::Body;
use axum::extract::{Path, State};
use http::Response;
use peal_core::{ChannelName, ConnectionId, ErrorCode, Operation, Refusal};
use peal_hub::control::{Command, Target};
use serde::Deserialize;

use super::auth;
use super::control::send;
use super::{Answer, Call, json, refused};
use crate::node::SharedNode;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnsubscribeBody {
    channel: String,
}

/// `POST /v1/clients/{client}/disconnect`
pub(crate) async fn disconnect(State(node): State<SharedNode>, Path(client): Path<String>, call: Call) -> Response<Body> {
    let target = Ok(Target::Client(client));
    command(&node, &call, target, |target| Ok(Command::Disconnect { target })).await.unwrap_or_else(|refusal| refused(&node, &refusal))
}

/// `POST /v1/clients/{client}/unsubscribe`
pub(crate) async fn unsubscribe(State(node): State<SharedNode>, Path(client): Path<String>, call: Call) -> Response<Body> {
    let target = Ok(Target::Client(client));
    command(&node, &call, target, |target| unsubscribe_of(target, &call)).await.unwrap_or_else(|refusal| refused(&node, &refusal))
}

/// `POST /v1/connections/{id}/unsubscribe`
pub(crate) async fn unsubscribe_connection(State(node): State<SharedNode>, Path(connection): Path<String>, call: Call) -> Response<Body> {
    let target = connection_of(&connection).map(Target::Connection);
    command(&node, &call, target, |target| unsubscribe_of(target, &call)).await.unwrap_or_else(|refusal| refused(&node, &refusal))
}

/// Who may not do it learns nothing about what it asked for.
async fn command(
    node: &SharedNode,
    call: &Call,
    target: Result<Target, Refusal>,
    command: impl FnOnce(Target) -> Result<Command, Refusal>,
) -> Answer {
    let caller = auth::native(node, call).await?;
    caller.require_key(Operation::Admin)?;
    send(node, &caller.app, command(target?)?).await?;
    Ok(json("{}"))
}

fn unsubscribe_of(target: Target, call: &Call) -> Result<Command, Refusal> {
    let body: UnsubscribeBody = serde_json::from_slice(&call.body)
        .map_err(|error| Refusal::new(ErrorCode::InvalidRequest, format!("The body is not {{\"channel\": …}}: {error}.")))?;
    ChannelName::parse_with_server_to_user(&body.channel)?;
    Ok(Command::Unsubscribe { target, channel: body.channel })
}

/// Either protocol's spelling.
pub(crate) fn connection_of(text: &str) -> Result<ConnectionId, Refusal> {
    text.parse().or_else(|_| ConnectionId::from_socket_id(text)).map_err(|_| {
        Refusal::new(ErrorCode::NotFound, "This is no connection id: expected the 22 characters that connect answered, or a socket_id.")
    })
}
