//! The domain of Peal, pure: no I/O, no clock, no async. Everything that both the data plane and the control plane must agree on
//! lives here, so that there is one parser of a channel name, one signature check and one table of errors.
//!
//! Functions that depend on time take [`Now`] or seconds as an argument; nothing in this crate reads a clock.

pub mod app;
pub mod capability;
pub mod channel;
pub mod directory;
pub mod error;
pub mod exchange;
mod fan_out;
pub mod gate;
pub mod id;
pub mod json;
pub mod key;
pub mod limit;
pub mod network;
pub mod now;
pub mod plan;
pub mod position;
pub mod presence;
pub mod problem;
pub mod publication;
pub mod quota;
pub mod rule;
pub mod share;
pub mod signature;
pub mod token;
pub mod topic;
pub mod usage;

pub use app::{App, Environment, Features};
pub use capability::{Capabilities, Operation, Operations};
pub use channel::{ChannelKind, ChannelName};
pub use directory::Directory;
pub use error::{ErrorCode, Refusal};
pub use id::{AppId, ConnectionId, KeyId, MessageId, OrgId};
pub use key::{Key, KeyKind, KeySecret};
pub use limit::{Limits, Tightening};
pub use network::{Networks, NetworksError, TrustedProxies};
pub use now::Now;
pub use plan::{Plan, Plans};
pub use position::Position;
pub use presence::{Member, PresenceChange, PresenceOp};
pub use problem::{NativeError, Problem};
pub use publication::{Data, Draft, Message, Publication, PublicationKind};
pub use quota::Quota;
pub use rule::{Rule, RuleSettings, Rules};
pub use token::ClientToken;
pub use topic::{Durability, Lane, Retention, Topic};
