//! The JSON of the API. Ids of apps travel as text, times as RFC 3339; no type has a field for a secret but those of [`keys`] that
//! are named for it.

mod account;
mod apps;
mod keys;
mod limits;
mod rules;

use std::fmt::Display;

use peal_store::{Org, User};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

pub(crate) use account::{AuditEventBody, DeviceBody, EndedBody, OrgPatch, PasswordForm, RoleBody};
pub(crate) use apps::{AppBody, AppPatch, CreatedAppBody, NewAppForm};
pub(crate) use keys::{CreatedKeyBody, KeyBody, KeyPatch, KeyTestBody, KeyTestForm, NewKeyForm, RevealedKey, RotateForm, RotatedKeyBody};
pub(crate) use limits::{LimitBody, LimitsBody, PlanBody};
pub(crate) use rules::{RuleTestBody, RuleTestForm, RulesBody, WinnerBody};

/// An e-mail address and a password.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Credentials {
    pub(crate) email: String,
    #[schema(value_type = String, min_length = 10)]
    pub(crate) password: SecretString,
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct Reauthentication {
    #[schema(value_type = String)]
    pub(crate) password: SecretString,
}

/// No fields: the request is an empty object.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Nothing {}

#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserBody {
    id: String,
    email: String,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        UserBody { id: user.id.to_string(), email: user.email }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Org)]
pub(crate) struct OrgBody {
    id: String,
    name: String,
}

impl From<Org> for OrgBody {
    fn from(org: Org) -> Self {
        OrgBody { id: org.id.to_string(), name: org.name }
    }
}

/// One page of a list. `next_cursor` is null on the last.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page<T> {
    items: Vec<T>,
    #[schema(required)]
    next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that fits one page.
    pub(crate) fn of<U: Into<T>>(items: Vec<U>) -> Self {
        Page { items: items.into_iter().map(Into::into).collect(), next_cursor: None }
    }
}

impl<T, U: Into<T>, C: Display> From<peal_store::Page<U, C>> for Page<T> {
    fn from(page: peal_store::Page<U, C>) -> Self {
        Page { next_cursor: page.next.map(|next| next.to_string()), ..Page::of(page.items) }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = SignedUp)]
pub(crate) struct SignedUpBody {
    pub(crate) user: UserBody,
    pub(crate) org: OrgBody,
    pub(crate) app: AppBody,
    pub(crate) key: KeyBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub(crate) struct SignedInBody {
    pub(crate) user: UserBody,
    pub(crate) org: OrgBody,
}

/// Who is signed in, and what the dashboard needs to begin.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionBody {
    pub(crate) user: UserBody,
    pub(crate) org: OrgBody,
    /// What the user may do in the org.
    pub(crate) role: RoleBody,
    pub(crate) apps: Vec<AppBody>,
    /// Where the data plane is.
    pub(crate) edge_url: String,
    /// A development server.
    pub(crate) dev: bool,
    /// Until when dangerous actions need no password.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(required)]
    pub(crate) sudo_until: Option<OffsetDateTime>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Sudo)]
pub(crate) struct SudoBody {
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) sudo_until: OffsetDateTime,
}

/// A client token for the dashboard's own connection to the edge.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleToken)]
pub(crate) struct ConsoleTokenBody {
    pub(crate) token: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) edge_url: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthBody {
    pub(crate) status: &'static str,
}
