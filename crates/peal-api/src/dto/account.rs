//! The org, its audit log, and a person's browsers.

use peal_core::Refusal;
use peal_store::{AuditEvent, Device, Role, SessionId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::names::name_checked;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
pub(crate) enum RoleBody {
    Owner,
    Admin,
    Developer,
    Billing,
    Viewer,
}

impl From<Role> for RoleBody {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => RoleBody::Owner,
            Role::Admin => RoleBody::Admin,
            Role::Developer => RoleBody::Developer,
            Role::Billing => RoleBody::Billing,
            Role::Viewer => RoleBody::Viewer,
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct OrgPatch {
    /// 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
}

impl OrgPatch {
    pub(crate) fn name(&self) -> Result<String, Refusal> {
        name_checked(&self.name)
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = PasswordChange)]
pub(crate) struct PasswordForm {
    #[schema(value_type = String)]
    pub(crate) current: SecretString,
    #[schema(value_type = String, min_length = 10)]
    pub(crate) new: SecretString,
}

/// A browser that is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Device)]
pub(crate) struct DeviceBody {
    id: String,
    /// The one that asks.
    current: bool,
    #[schema(required)]
    ip: Option<String>,
    user_agent: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// To the minute.
    #[serde(with = "time::serde::rfc3339")]
    last_seen_at: OffsetDateTime,
}

impl DeviceBody {
    pub(crate) fn of(device: Device, asking: SessionId) -> Self {
        DeviceBody {
            id: device.session.to_string(),
            current: device.session == asking,
            ip: device.ip.map(|ip| ip.to_string()),
            user_agent: device.user_agent,
            created_at: device.created_at,
            last_seen_at: device.last_seen_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Ended)]
pub(crate) struct EndedBody {
    /// How many sessions there were.
    pub(crate) ended: u64,
}

/// Who did something.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditActor)]
pub(crate) struct ActorBody {
    /// `user`, `key`, `operator` or `system`.
    #[serde(rename = "type")]
    kind: String,
    id: String,
    /// Of a user who still has an account.
    #[schema(required)]
    email: Option<String>,
}

/// One change, as it was written in the transaction of the change.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct AuditEventBody {
    /// Counts within the org, without gaps.
    id: i64,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    actor: ActorBody,
    /// What was done, such as `key.revoke`.
    action: String,
    /// To what, as `kind:id`.
    target: String,
    /// What changed, as it was.
    #[schema(required, value_type = Option<Object>)]
    before: Option<Value>,
    /// What changed, as it became.
    #[schema(required, value_type = Option<Object>)]
    after: Option<Value>,
    #[schema(required)]
    ip: Option<String>,
    #[schema(required)]
    request_id: Option<String>,
}

impl From<AuditEvent> for AuditEventBody {
    fn from(event: AuditEvent) -> Self {
        AuditEventBody {
            id: event.seq,
            at: event.at,
            actor: ActorBody { kind: event.actor_type, id: event.actor_id, email: event.actor_email },
            action: event.action,
            target: event.target,
            before: event.before,
            after: event.after,
            ip: event.ip,
            request_id: event.request_id,
        }
    }
}
