//! Commands to every core that has connections of an app (DESIGN 5.3), as publications on the app's control topic: ordered, repaired
//! after a gap, kept for ten minutes. The encoding carries a version, because two releases share one fleet while it is updated.

use std::collections::BTreeMap;

use bytes::Bytes;
use peal_core::{AppId, ChannelName, ConnectionId, ErrorCode, KeyId, Publication, PublicationKind, Refusal, Topic};
use serde::{Deserialize, Serialize};

use crate::hub::Hub;
use crate::session::native::Authority;
use crate::session::{Farewell, Session};

const VERSION: u8 = 1;

/// Which connections of an app are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Connection(ConnectionId),
    /// A native client id.
    Client(String),
    /// A user who signed in on the Pusher protocol.
    User(String),
    Key(KeyId),
    /// A token's `jti`.
    Token(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Close, with a code that says not to come back unchanged.
    Disconnect {
        target: Target,
    },
    Unsubscribe {
        target: Target,
        channel: String,
    },
    /// From one core to the others.
    Counts(Counts),
}

/// How many subscribe to channels on one core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The core, under the id with which it is a member of the cores that count.
    pub from: ConnectionId,
    /// Of this message, among those of this core in this app.
    pub number: u64,
    /// Channels of which the core wants to know what others have.
    pub asks: Vec<(String, u32)>,
    pub tells: Vec<(String, u32)>,
    /// By core, channels in which the asking one believes it to have subscriptions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub believed: BTreeMap<ConnectionId, Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Versioned {
    v: u8,
    #[serde(flatten)]
    command: Command,
}

#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("a control command of another version")]
    Version,
    #[error("a control command that cannot be read")]
    Json(#[from] serde_json::Error),
}

impl Command {
    /// # Errors
    /// Only if a command cannot be printed as JSON, which does not happen.
    pub fn encode(&self) -> Result<Bytes, ControlError> {
        Ok(serde_json::to_vec(&Versioned { v: VERSION, command: self.clone() })?.into())
    }

    /// # Errors
    /// Of another version, or not a command.
    pub fn decode(bytes: &[u8]) -> Result<Self, ControlError> {
        #[derive(Deserialize)]
        struct Version {
            v: u8,
        }
        if serde_json::from_slice::<Version>(bytes)?.v != VERSION {
            return Err(ControlError::Version);
        }
        Ok(serde_json::from_slice::<Versioned>(bytes)?.command)
    }
}

impl Hub {
    pub(crate) fn control(&mut self, app: AppId, publication: &Publication) {
        let PublicationKind::Control(bytes) = &publication.kind else { return };
        // A command of a later release is none of ours.
        let Ok(command) = Command::decode(bytes) else { return };
        match command {
            Command::Disconnect { target } => {
                for slot in self.targets(app, &target) {
                    self.close(slot, &Refusal::of(ErrorCode::DisconnectedByServer), Farewell::Clean);
                }
            }
            Command::Unsubscribe { target, channel } => {
                let Ok(channel) = ChannelName::parse_with_server_to_user(&channel) else { return };
                let Some(index) = self.topics.find(&Topic::messages(app, channel)) else { return };
                for slot in self.targets(app, &target) {
                    self.end_subscription(slot, index);
                }
            }
            Command::Counts(said) => self.counts_heard(app, said),
        }
    }

    fn targets(&self, app: AppId, target: &Target) -> Vec<u32> {
        let Some(entry) = self.apps.get(&app) else { return Vec::new() };
        let all = || entry.connections.iter().copied();
        let session = |slot: u32| self.connections.get(slot).map(|connection| &connection.session);
        match target {
            Target::Connection(id) => {
                self.handle_of(*id).map(|handle| handle.slot).filter(|slot| entry.connections.contains(slot)).into_iter().collect()
            }
            Target::Client(client) => entry.clients.get(client.as_str()).into_iter().flatten().copied().collect(),
            Target::User(user) => entry.users.get(user.as_str()).into_iter().flatten().copied().collect(),
            Target::Key(key) => all()
                .filter(|slot| match session(*slot) {
                    Some(Session::Pusher(session)) => session.key == *key,
                    Some(Session::Native(session)) => session.authority.key() == key,
                    _ => false,
                })
                .collect(),
            Target::Token(id) => all()
                .filter(|slot| match session(*slot) {
                    Some(Session::Native(session)) => {
                        matches!(&session.authority, Authority::Token(token) if token.token_id.as_ref() == Some(id))
                    }
                    _ => false,
                })
                .collect(),
        }
    }

    /// The app's server ends a subscription.
    fn end_subscription(&mut self, slot: u32, index: u32) {
        if self.stage(slot, index).is_none() {
            return;
        }
        let refusal = Refusal::of(ErrorCode::DisconnectedByServer);
        let Some(connection) = self.connections.get(slot) else { return };
        if !connection.pusher {
            return self.native_end(slot, index, &refusal);
        }
        let Some(topic) = self.topics.get(index).map(|entry| entry.topic.clone()) else { return };
        let Some(channel) = topic.channel().cloned() else { return };
        self.unsubscribe(slot, index);
        self.member_leave(slot, &Topic::presence(topic.app, channel.clone()), None);
        self.pusher_refuse_subscription(slot, channel.as_str(), &refusal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_back_and_one_of_another_version_is_refused() {
        let command = Command::Unsubscribe { target: Target::User("7".into()), channel: "private-a".into() };
        let bytes = command.encode().expect("prints");
        assert_eq!(&bytes[..], br#"{"v":1,"unsubscribe":{"target":{"user":"7"},"channel":"private-a"}}"#);
        assert_eq!(Command::decode(&bytes).expect("reads"), command);
        assert!(matches!(Command::decode(br#"{"v":2,"explode":{}}"#), Err(ControlError::Version)));
        assert!(Command::decode(b"[]").is_err());
    }
}
