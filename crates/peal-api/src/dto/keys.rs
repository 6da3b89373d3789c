//! Keys. Three types carry a secret: the answer to making, to rotating and to revealing one.

use std::time::Duration;

use peal_core::{Capabilities, ErrorCode, KeyKind, Operation, Operations, Refusal};
use peal_store::{KeyCreated, KeyInfo, KeyRotated, KeySettings, NewKey, SigningKey};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::names::{name_checked, origins_checked};

/// A key without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyBody {
    id: String,
    name: String,
    /// Channel pattern → operations.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<String>>)]
    capabilities: Capabilities,
    /// Origins that browsers may connect from; empty allows all.
    allowed_origins: Vec<String>,
    /// The e-mail address of who made it.
    #[schema(required)]
    created_by: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// To the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(required)]
    last_used_at: Option<OffsetDateTime>,
    /// The key is dead from then on.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(required)]
    expires_at: Option<OffsetDateTime>,
    /// The key that a rotation put in its place.
    #[schema(required)]
    replaced_by: Option<String>,
}

impl From<KeyInfo> for KeyBody {
    fn from(key: KeyInfo) -> Self {
        KeyBody {
            id: key.id.to_string(),
            name: key.name,
            capabilities: key.capabilities,
            allowed_origins: key.allowed_origins,
            created_by: key.created_by,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            replaced_by: key.replaced_by.map(|key| key.to_string()),
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

#[derive(Serialize, ToSchema)]
#[schema(as = CreatedKey)]
pub(crate) struct CreatedKeyBody {
    key: KeyBody,
    secret: String,
}

impl From<KeyCreated> for CreatedKeyBody {
    fn from(made: KeyCreated) -> Self {
        CreatedKeyBody { key: made.key.into(), secret: made.secret.expose_secret().to_owned() }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = RotatedKey)]
pub(crate) struct RotatedKeyBody {
    key: KeyBody,
    secret: String,
    /// The key that was replaced, with when it ends.
    old: KeyBody,
}

impl From<KeyRotated> for RotatedKeyBody {
    fn from(made: KeyRotated) -> Self {
        RotatedKeyBody { key: made.key.into(), secret: made.secret.expose_secret().to_owned(), old: made.old.into() }
    }
}

/// What keys are commonly for.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = KeyPreset)]
pub(crate) enum Preset {
    /// A server that does everything.
    Full,
    /// A server that publishes.
    Publish,
    /// Clients that listen, enter presence and read history.
    Subscribe,
    /// The capabilities that are given.
    Custom,
}

impl Preset {
    fn capabilities(self) -> Option<Capabilities> {
        let operations = match self {
            Preset::Full => Operations::ALL,
            Preset::Publish => Operations::of(&[Operation::Publish]),
            Preset::Subscribe => Operations::of(&[Operation::Subscribe, Operation::Presence, Operation::History]),
            Preset::Custom => return None,
        };
        Capabilities::from_pairs([("*", operations)]).ok()
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewKey)]
pub(crate) struct NewKeyForm {
    /// 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    preset: Preset,
    /// With the preset `custom`, and only then: channel pattern → operations.
    #[schema(value_type = Option<std::collections::BTreeMap<String, Vec<String>>>)]
    capabilities: Option<Value>,
    #[serde(default)]
    allowed_origins: Vec<String>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
}

impl NewKeyForm {
    pub(crate) fn checked(&self, now: OffsetDateTime) -> Result<NewKey, Refusal> {
        let wrong = |why: &str| Refusal::new(ErrorCode::InvalidRequest, why);
        let capabilities = match (self.preset.capabilities(), &self.capabilities) {
            (Some(preset), None) => preset,
            (None, Some(given)) => capabilities_checked(given)?,
            (Some(_), Some(_)) => return Err(wrong("Capabilities are given with the preset custom only.")),
            (None, None) => return Err(wrong("The preset custom needs capabilities.")),
        };
        if self.expires_at.is_some_and(|at| at <= now) {
            return Err(wrong("The key would have expired already; give a time in the future."));
        }
        Ok(NewKey {
            allowed_origins: origins_checked(&self.allowed_origins)?,
            expires_at: self.expires_at,
            ..NewKey::generate(&name_checked(&self.name)?, KeyKind::Standard, capabilities)
        })
    }
}

/// Names of operations and patterns are no secrets, so the sentence may repeat them.
fn capabilities_checked(given: &Value) -> Result<Capabilities, Refusal> {
    let wrong = |why: String| Refusal::new(ErrorCode::InvalidRequest, why);
    let capabilities = Capabilities::deserialize(given).map_err(|error| wrong(format!("The capabilities are not valid: {error}.")))?;
    capabilities.check().map_err(wrong)?;
    Ok(capabilities)
}

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
pub(crate) struct KeyPatch {
    /// 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80)]
    name: Option<String>,
    #[schema(value_type = Option<std::collections::BTreeMap<String, Vec<String>>>)]
    capabilities: Option<Value>,
    allowed_origins: Option<Vec<String>>,
    /// A time in the future; null for never.
    #[serde(default, deserialize_with = "given_time")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<OffsetDateTime>>,
}

/// Null is an answer too.
fn given_time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<OffsetDateTime>>, D::Error> {
    time::serde::rfc3339::option::deserialize(deserializer).map(Some)
}

impl KeyPatch {
    /// What to do to the key, once everything in it is valid.
    pub(crate) fn checked(&self, now: OffsetDateTime) -> Result<impl FnOnce(&mut KeySettings) + use<>, Refusal> {
        let expires_at = self.expires_at;
        if expires_at.flatten().is_some_and(|at| at <= now) {
            return Err(Refusal::new(
                ErrorCode::InvalidRequest,
                "The key would have expired already; give a time in the future, or revoke it.",
            ));
        }
        let name = self.name.as_deref().map(name_checked).transpose()?;
        let capabilities = self.capabilities.as_ref().map(capabilities_checked).transpose()?;
        let origins = self.allowed_origins.as_deref().map(origins_checked).transpose()?;
        Ok(move |settings: &mut KeySettings| {
            if let Some(name) = name {
                settings.name = name;
            }
            if let Some(capabilities) = capabilities {
                settings.capabilities = capabilities;
            }
            if let Some(origins) = origins {
                settings.allowed_origins = origins;
            }
            if let Some(expires_at) = expires_at {
                settings.expires_at = expires_at;
            }
        })
    }
}

/// Overlaps that the dashboard offers: none, an hour, a day, a week.
const OVERLAPS_S: [u64; 4] = [0, 3_600, 86_400, 604_800];

#[derive(Deserialize, ToSchema)]
#[schema(as = RotateKey)]
pub(crate) struct RotateForm {
    /// How many seconds both keys are good: 0, 3600, 86400 or 604800.
    overlap_s: u64,
}

impl RotateForm {
    pub(crate) fn overlap(&self) -> Result<Duration, Refusal> {
        if OVERLAPS_S.contains(&self.overlap_s) {
            return Ok(Duration::from_secs(self.overlap_s));
        }
        Err(Refusal::new(ErrorCode::InvalidRequest, "overlap_s is 0, 3600, 86400 or 604800."))
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = KeyTest)]
pub(crate) struct KeyTestForm {
    /// `subscribe`, `publish`, `presence`, `history`, `inspect` or `admin`.
    operation: String,
    pub(crate) channel: String,
}

impl KeyTestForm {
    pub(crate) fn operation(&self) -> Result<Operation, Refusal> {
        Operation::by_name(&self.operation).ok_or_else(|| {
            Refusal::new(ErrorCode::InvalidRequest, "The operation is subscribe, publish, presence, history, inspect or admin.")
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = KeyTestResult)]
pub(crate) struct KeyTestBody {
    pub(crate) allowed: bool,
    /// The pattern of the capabilities that allows it.
    #[schema(required)]
    pub(crate) by: Option<String>,
    /// A sentence.
    pub(crate) reason: String,
}
