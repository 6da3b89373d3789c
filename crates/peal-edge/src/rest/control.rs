//! What a server may do to connections: end a user's, end one, revoke tokens. Commands go through the app's control topic, so they
//! reach every node; revocations are rows in Postgres as well.

use axum::body::Body;
use axum::extract::{Path, State};
use http::Response;
use peal_core::exchange::Publish;
use peal_core::{App, Draft, Durability, ErrorCode, Operation, PublicationKind, Refusal, Retention, Topic};
use peal_hub::control::{Command, Target};
use peal_store::{Actor, Revocation, StoreError};
use serde::Deserialize;

use super::auth::{self, Caller};
use super::clients::connection_of;
use super::publish::{broker_refusal, new_message_id};
use super::{Answer, Call, json, refused};
use crate::node::SharedNode;

/// Closes every connection that is *signed in* as this user (Pusher protocol 6).
pub(crate) async fn terminate_connections(
    State(node): State<SharedNode>,
    Path((app, user)): Path<(String, String)>,
    call: Call,
) -> Response<Body> {
    terminate(&node, Some(&app), user, &call).await.unwrap_or_else(|refusal| refused(&node, &refusal))
}

/// The Python library posts to a path without the app (a bug of its 3.3.4); the key says which app is meant.
pub(crate) async fn terminate_connections_by_key(State(node): State<SharedNode>, Path(user): Path<String>, call: Call) -> Response<Body> {
    terminate(&node, None, user, &call).await.unwrap_or_else(|refusal| refused(&node, &refusal))
}

async fn terminate(node: &SharedNode, app: Option<&str>, user: String, call: &Call) -> Answer {
    let caller = auth::pusher(node, app, call).await?;
    caller.require_key(Operation::Admin)?;
    send(node, &caller.app, Command::Disconnect { target: Target::User(user) }).await?;
    Ok(json("{}"))
}

/// `POST /v1/connections/{id}/disconnect`
pub(crate) async fn disconnect(State(node): State<SharedNode>, Path(connection): Path<String>, call: Call) -> Response<Body> {
    disconnect_one(&node, &connection, &call).await.unwrap_or_else(|refusal| refused(&node, &refusal))
}

async fn disconnect_one(node: &SharedNode, connection: &str, call: &Call) -> Answer {
    let caller = auth::native(node, call).await?;
    caller.require_key(Operation::Admin)?;
    let connection = connection_of(connection)?;
    send(node, &caller.app, Command::Disconnect { target: Target::Connection(connection) }).await?;
    Ok(json("{}"))
}

/// Clocks may differ by so much.
const ISSUED_BEFORE_AHEAD_S: u64 = 30;

/// What to revoke: exactly one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationBody {
    client_id: Option<String>,
    token_id: Option<String>,
    /// Unix seconds.
    issued_before: Option<u64>,
}

/// `POST /v1/apps/{app}/revocations`
pub(crate) async fn revoke(State(node): State<SharedNode>, Path(app): Path<String>, call: Call) -> Response<Body> {
    revoke_in(&node, &app, &call).await.unwrap_or_else(|refusal| refused(&node, &refusal))
}

async fn revoke_in(node: &SharedNode, app: &str, call: &Call) -> Answer {
    let caller = auth::native(node, call).await?;
    same_app(&caller, app)?;
    caller.require_key(Operation::Admin)?;
    let actor = Actor::key(caller.key_id(), call.client, None);
    let revocation = revocation(&call.body, node.now().wall_s())?;
    node.store.revocation_add(caller.app.id, &revocation, &actor).await.map_err(|error| store_refusal(&error))?;
    node.directory.refresh().await;
    Ok(json("{}"))
}

fn same_app(caller: &Caller, app: &str) -> Result<(), Refusal> {
    if app == caller.app.id.to_string() { Ok(()) } else { Err(Refusal::of(ErrorCode::NotFound)) }
}

/// A client's revocation covers what was issued up to this second; tokens issued from the next one on are good again.
fn revocation(body: &[u8], now_s: u64) -> Result<Revocation, Refusal> {
    let invalid = |why: String| Refusal::new(ErrorCode::InvalidRequest, why);
    let body: RevocationBody = serde_json::from_slice(body).map_err(|error| invalid(format!("The body is not a revocation: {error}.")))?;
    // A revocation cannot be taken back, and one with milliseconds would lock every client out for ever.
    if body.issued_before.is_some_and(|at| at > now_s + ISSUED_BEFORE_AHEAD_S) {
        return Err(invalid(format!(
            "issued_before is in Unix seconds and at most {ISSUED_BEFORE_AHEAD_S} seconds ahead; the time here is {now_s}."
        )));
    }
    match (body.client_id, body.token_id, body.issued_before) {
        (Some(client_id), None, issued_before) => Ok(Revocation::Client { client_id, issued_before: issued_before.unwrap_or(now_s + 1) }),
        (None, Some(token_id), None) => Ok(Revocation::Token(token_id)),
        (None, None, Some(issued_before)) => Ok(Revocation::IssuedBefore(issued_before)),
        _ => Err(invalid("Give client_id (with or without issued_before), or token_id, or issued_before alone.".into())),
    }
}

fn store_refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::NotFound(_) => Refusal::of(ErrorCode::NotFound),
        error => {
            tracing::error!(%error, "a revocation could not be stored");
            Refusal::of(ErrorCode::Unavailable).retry_after(1_000)
        }
    }
}

/// Publishes a command on the app's control topic.
pub(crate) async fn send(node: &SharedNode, app: &App, command: Command) -> Result<(), Refusal> {
    let command = command.encode().map_err(|error| {
        tracing::error!(%error, "a control command could not be encoded");
        Refusal::of(ErrorCode::Internal)
    })?;
    let draft = Draft {
        id: new_message_id(node.now()),
        idempotent: false,
        origin: None,
        client_id: None,
        ephemeral: false,
        client_event: false,
        kind: PublicationKind::Control(command),
    };
    let publish = Publish { topic: Topic::control(app.id), draft, retention: Retention::CONTROL, durability: Durability::Fast };
    node.mux.publish(vec![publish], None).await.into_iter().try_for_each(|result| result.map(drop)).map_err(|error| broker_refusal(&error))
}
