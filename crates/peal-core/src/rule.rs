//! Rules: an ordered list of patterns; the first that matches a channel decides, and a default rule stands last.

use serde::{Deserialize, Serialize};

use crate::capability::Pattern;
use crate::channel::ChannelName;
use crate::topic::Retention;

/// What holds for the channels that a rule matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleSettings {
    /// Never less than [`Retention::FLOOR`].
    pub history: Retention,
    /// Clients may send Pusher client events on private and presence channels.
    pub client_events: bool,
    /// A connection with only the public key id may subscribe to public channels.
    pub anonymous: bool,
    /// Grace before a lost connection leaves presence, in milliseconds; `None` is the protocol's own (DESIGN 5.4).
    pub presence_grace_ms: Option<u32>,
    /// Tighter than the app's limit, in bytes.
    pub message_bytes: Option<u32>,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self { history: Retention::FLOOR, client_events: false, anonymous: false, presence_grace_ms: None, message_bytes: None }
    }
}

impl RuleSettings {
    /// What development apps start with: everything that helps a first try.
    #[must_use]
    pub fn development() -> Self {
        Self { client_events: true, anonymous: true, ..Self::default() }
    }

    /// The history setting, never below the floor.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention { count: self.history.count.max(Retention::FLOOR.count), ttl_ms: self.history.ttl_ms.max(Retention::FLOOR.ttl_ms) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub pattern: Pattern,
    pub settings: RuleSettings,
}

/// An app's rules, in order, and the default for what none of them matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    pub ordered: Vec<Rule>,
    pub default: RuleSettings,
}

impl Rules {
    #[must_use]
    pub fn resolve(&self, channel: &ChannelName) -> &RuleSettings {
        self.ordered.iter().find(|rule| rule.pattern.matches(channel)).map_or(&self.default, |rule| &rule.settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_matches_wins() {
        let rule = |pattern: &str, client_events| Rule {
            pattern: Pattern::new(pattern).expect("a pattern"),
            settings: RuleSettings { client_events, ..RuleSettings::default() },
        };
        let rules = Rules { ordered: vec![rule("chat.vip", false), rule("chat.*", true)], default: RuleSettings::default() };
        let on = |name: &str| rules.resolve(&ChannelName::parse(name).expect("a name")).client_events;
        assert!(!on("private-chat.vip"));
        assert!(on("private-chat.x"));
        assert!(!on("other"));
    }
}
