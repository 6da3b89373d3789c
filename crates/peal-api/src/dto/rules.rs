//! Rules.

use peal_core::capability::Pattern;
use peal_core::{Durability, ErrorCode, Refusal, Retention, Rule, RuleSettings, Rules};
use peal_store::VersionedRules;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much of a channel is kept.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = History)]
pub(crate) struct HistoryBody {
    /// Messages. At least 100 are kept, whatever is asked for.
    count: u32,
    /// Milliseconds. Messages are kept for at least 2 minutes.
    ttl_ms: u64,
}

impl From<Retention> for HistoryBody {
    fn from(Retention { count, ttl_ms }: Retention) -> Self {
        HistoryBody { count, ttl_ms }
    }
}

/// What holds for the channels that a rule matches. What is left out has its default.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RuleSettings)]
pub(crate) struct RuleSettingsBody {
    #[schema(required)]
    history: HistoryBody,
    /// Clients may send client events on private and presence channels.
    #[schema(required)]
    client_events: bool,
    /// A client with only the public key id may subscribe to public channels.
    #[schema(required)]
    anonymous: bool,
    /// Milliseconds before a lost connection leaves presence; null for the protocol's own.
    #[schema(required)]
    presence_grace_ms: Option<u32>,
    /// Lower than the app's limit, or null.
    #[schema(required)]
    message_bytes: Option<u32>,
    /// When a publish is answered.
    #[schema(required)]
    durability: DurabilityBody,
}

/// `fast`: once the message is stored. `replicated`: once a replica of the Redis primary has it too; without one, publishes are stored
/// and answered with `stored_not_confirmed`.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Durability)]
pub(crate) enum DurabilityBody {
    Fast,
    Replicated,
}

impl From<Durability> for DurabilityBody {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Fast => Self::Fast,
            Durability::Replicated => Self::Replicated,
        }
    }
}

impl From<DurabilityBody> for Durability {
    fn from(body: DurabilityBody) -> Self {
        match body {
            DurabilityBody::Fast => Self::Fast,
            DurabilityBody::Replicated => Self::Replicated,
        }
    }
}

impl Default for RuleSettingsBody {
    fn default() -> Self {
        RuleSettings::default().into()
    }
}

impl From<RuleSettings> for RuleSettingsBody {
    fn from(settings: RuleSettings) -> Self {
        let RuleSettings { history, client_events, anonymous, presence_grace_ms, message_bytes, durability } = settings;
        RuleSettingsBody {
            history: history.into(),
            client_events,
            anonymous,
            presence_grace_ms,
            message_bytes,
            durability: durability.into(),
        }
    }
}

impl From<RuleSettingsBody> for RuleSettings {
    fn from(body: RuleSettingsBody) -> Self {
        let RuleSettingsBody { history, client_events, anonymous, presence_grace_ms, message_bytes, durability } = body;
        let history = Retention { count: history.count, ttl_ms: history.ttl_ms };
        RuleSettings { history, client_events, anonymous, presence_grace_ms, message_bytes, durability: durability.into() }
    }
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rule)]
pub(crate) struct RuleBody {
    /// A channel pattern; `*` stands for any run of characters.
    #[schema(min_length = 1, max_length = 200)]
    pattern: String,
    settings: RuleSettingsBody,
}

/// The whole list: the first pattern that matches a channel decides, and the default stands last.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Rules)]
pub(crate) struct RulesBody {
    /// Counts replacements. Hand back the one that was read.
    version: i64,
    ordered: Vec<RuleBody>,
    default: RuleSettingsBody,
}

impl From<VersionedRules> for RulesBody {
    fn from(VersionedRules { version, rules }: VersionedRules) -> Self {
        let body = |rule: Rule| RuleBody { pattern: rule.pattern.as_str().to_owned(), settings: rule.settings.into() };
        RulesBody { version, ordered: rules.ordered.into_iter().map(body).collect(), default: rules.default.into() }
    }
}

impl RulesBody {
    pub(crate) fn checked(self) -> Result<VersionedRules, Refusal> {
        Ok(VersionedRules { version: self.version, rules: Rules { ordered: ordered(self.ordered)?, default: self.default.into() } })
    }
}

fn ordered(bodies: Vec<RuleBody>) -> Result<Vec<Rule>, Refusal> {
    let rule = |(at, body): (usize, RuleBody)| {
        let wrong = |why| Refusal::new(ErrorCode::InvalidRequest, format!("Rule {}: {why}.", at + 1));
        Ok(Rule { pattern: Pattern::new(&body.pattern).map_err(wrong)?, settings: body.settings.into() })
    };
    bodies.into_iter().enumerate().map(rule).collect()
}

#[derive(Deserialize, ToSchema)]
#[schema(as = RuleTest)]
pub(crate) struct RuleTestForm {
    pub(crate) channel: String,
    /// Tried in place of the saved list.
    ordered: Option<Vec<RuleBody>>,
    /// Tried in place of the saved default.
    default: Option<RuleSettingsBody>,
}

impl RuleTestForm {
    /// The rules to try: those given, else those saved.
    pub(crate) fn rules(self, saved: Rules) -> Result<Rules, Refusal> {
        Ok(Rules {
            ordered: self.ordered.map_or(Ok(saved.ordered), ordered)?,
            default: self.default.map_or(saved.default, RuleSettings::from),
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = WinningRule)]
pub(crate) struct WinnerBody {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) pattern: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RuleTestResult)]
pub(crate) struct RuleTestBody {
    /// Null when the default rule holds.
    #[schema(required)]
    pub(crate) rule: Option<WinnerBody>,
    /// As they take effect.
    pub(crate) settings: RuleSettingsBody,
    /// A sentence.
    pub(crate) why: String,
}
