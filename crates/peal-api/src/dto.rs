//! The JSON of the API. Ids of apps travel as text, times as RFC 3339; no type here has a field for a secret but [`RevealedKey`].

use peal_core::Environment;
use peal_store::{AppInfo, KeyInfo, Org, SigningKey, User};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

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

#[derive(Deserialize, ToSchema)]
pub(crate) struct AppPatch {
    /// 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80)]
    pub(crate) name: String,
}

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

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Environment)]
pub(crate) enum EnvironmentBody {
    Development,
    Production,
}

#[derive(Serialize, ToSchema)]
#[schema(as = App)]
pub(crate) struct AppBody {
    /// Decimal digits, as text.
    id: String,
    name: String,
    environment: EnvironmentBody,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl From<AppInfo> for AppBody {
    fn from(app: AppInfo) -> Self {
        let environment = match app.environment {
            Environment::Development => EnvironmentBody::Development,
            Environment::Production => EnvironmentBody::Production,
        };
        AppBody { id: app.id.to_string(), name: app.name, environment, created_at: app.created_at }
    }
}

/// A key without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyBody {
    id: String,
    name: String,
    /// Channel pattern → operations.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<String>>)]
    capabilities: peal_core::Capabilities,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(required)]
    last_used_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(required)]
    expires_at: Option<OffsetDateTime>,
}

impl From<KeyInfo> for KeyBody {
    fn from(key: KeyInfo) -> Self {
        KeyBody {
            id: key.id.to_string(),
            name: key.name,
            capabilities: key.capabilities,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RevealedKey {
    id: String,
    secret: String,
}

impl From<SigningKey> for RevealedKey {
    fn from(key: SigningKey) -> Self {
        RevealedKey { id: key.id.to_string(), secret: key.secret.expose_secret().to_owned() }
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
