//! Apps.

use std::collections::BTreeMap;

use peal_core::{Environment, Features, Plan, Refusal};
use peal_store::{AppCreated, AppInfo, AppSettings, NewApp};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::KeyBody;
use crate::names::name_checked;

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Environment)]
pub(crate) enum EnvironmentBody {
    Development,
    Production,
}

impl From<Environment> for EnvironmentBody {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Development => EnvironmentBody::Development,
            Environment::Production => EnvironmentBody::Production,
        }
    }
}

impl From<EnvironmentBody> for Environment {
    fn from(environment: EnvironmentBody) -> Self {
        match environment {
            EnvironmentBody::Development => Environment::Development,
            EnvironmentBody::Production => Environment::Production,
        }
    }
}

/// Optional features of the Pusher protocol.
#[derive(Serialize, ToSchema)]
#[schema(as = Features)]
pub(crate) struct FeaturesBody {
    /// Tell subscribers how many they are, and answer `info=subscription_count`.
    subscription_count: bool,
    /// Tell signed-in clients which of up to 100 users are online.
    watchlist: bool,
    /// Close connections that neither sign in nor subscribe to a private or presence channel within 30 seconds.
    authorized_connections: bool,
}

impl From<Features> for FeaturesBody {
    fn from(features: Features) -> Self {
        let Features { subscription_count, watchlist, authorized_connections } = features;
        FeaturesBody { subscription_count, watchlist, authorized_connections }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = App)]
pub(crate) struct AppBody {
    /// Decimal digits, as text.
    id: String,
    name: String,
    environment: EnvironmentBody,
    /// Nothing connects and nothing is published.
    paused: bool,
    features: FeaturesBody,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl From<AppInfo> for AppBody {
    fn from(app: AppInfo) -> Self {
        AppBody {
            id: app.id.to_string(),
            name: app.name,
            environment: app.environment.into(),
            paused: app.paused,
            features: app.features.into(),
            created_at: app.created_at,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewApp)]
pub(crate) struct NewAppForm {
    /// 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    environment: EnvironmentBody,
}

impl NewAppForm {
    pub(crate) fn checked(&self) -> Result<NewApp, Refusal> {
        Ok(NewApp { name: name_checked(&self.name)?, environment: self.environment.into() })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApp)]
pub(crate) struct CreatedAppBody {
    app: AppBody,
    /// May do everything; its secret is revealed on demand.
    key: KeyBody,
}

impl From<AppCreated> for CreatedAppBody {
    fn from(made: AppCreated) -> Self {
        CreatedAppBody { app: made.app.into(), key: made.key.into() }
    }
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct FeaturesPatch {
    subscription_count: Option<bool>,
    watchlist: Option<bool>,
    authorized_connections: Option<bool>,
}

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
pub(crate) struct AppPatch {
    /// 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80)]
    name: Option<String>,
    /// Within two seconds connections close and publishes are refused.
    paused: Option<bool>,
    features: Option<FeaturesPatch>,
    /// Limits lower than the plan's, by name; null takes the plan's again.
    limits: Option<BTreeMap<String, Option<u64>>>,
}

impl AppPatch {
    /// # Errors
    /// `invalid_request` for what needs no look at the app.
    pub(crate) fn checked(mut self) -> Result<Self, Refusal> {
        self.name = self.name.as_deref().map(name_checked).transpose()?;
        Ok(self)
    }

    /// # Errors
    /// A sentence about the first limit that cannot be.
    pub(crate) fn apply(self, settings: &mut AppSettings, plan: &Plan) -> Result<(), String> {
        let FeaturesPatch { subscription_count, watchlist, authorized_connections } = self.features.unwrap_or_default();
        let features = &mut settings.features;
        features.subscription_count = subscription_count.unwrap_or(features.subscription_count);
        features.watchlist = watchlist.unwrap_or(features.watchlist);
        features.authorized_connections = authorized_connections.unwrap_or(features.authorized_connections);
        settings.paused = self.paused.unwrap_or(settings.paused);
        if let Some(name) = self.name {
            settings.name = name;
        }
        for (name, own) in self.limits.unwrap_or_default() {
            settings.limits.change(&plan.limits, &name, own)?;
        }
        Ok(())
    }
}
