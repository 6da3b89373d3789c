//! Rules: an ordered list of patterns; the first that matches a channel decides, and a default rule stands last.

use serde::{Deserialize, Serialize};

use crate::capability::Pattern;
use crate::channel::ChannelName;
use crate::limit::Limits;
use crate::topic::{Durability, Retention};

/// Rules of one app. They are tried in order for each channel, so a long list is a slow one.
pub const RULES_MAX: usize = 100;
/// Messages that a rule may keep of one channel.
pub const HISTORY_COUNT_MAX: u32 = 10_000;
/// Longest grace before a lost connection leaves presence.
pub const PRESENCE_GRACE_MS_MAX: u32 = 120_000;

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
    pub durability: Durability,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self {
            history: Retention::FLOOR,
            client_events: false,
            anonymous: false,
            presence_grace_ms: None,
            message_bytes: None,
            durability: Durability::Fast,
        }
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

    /// These settings where the app's limits allow less, as after a change to a smaller plan.
    #[must_use]
    pub fn within(&self, limits: &Limits) -> Self {
        let history = Retention { ttl_ms: self.history.ttl_ms.min(limits.history_ttl_ms), ..self.history };
        Self { history, message_bytes: self.message_bytes.map(|bytes| bytes.min(limits.message_bytes)), ..self.clone() }
    }

    /// # Errors
    /// A sentence about the first setting that is out of bounds.
    pub fn check(&self, limits: &Limits) -> Result<(), String> {
        let Self { history, client_events: _, anonymous: _, presence_grace_ms, message_bytes, durability: _ } = self;
        if history.count > HISTORY_COUNT_MAX {
            return Err(format!("history.count is at most {HISTORY_COUNT_MAX}."));
        }
        if history.ttl_ms > limits.history_ttl_ms {
            return Err(format!("history.ttl_ms is at most {}, which is what the plan allows.", limits.history_ttl_ms));
        }
        if presence_grace_ms.is_some_and(|ms| ms > PRESENCE_GRACE_MS_MAX) {
            return Err(format!("presence_grace_ms is at most {PRESENCE_GRACE_MS_MAX}."));
        }
        if message_bytes.is_some_and(|bytes| !(1..=limits.message_bytes).contains(&bytes)) {
            return Err(format!("message_bytes is between 1 and {}, which is what the plan allows.", limits.message_bytes));
        }
        Ok(())
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
        self.winner(channel).map_or(&self.default, |at| &self.ordered[at].settings)
    }

    /// The index of the rule that decides about a channel; `None` when it is the default.
    #[must_use]
    pub fn winner(&self, channel: &ChannelName) -> Option<usize> {
        self.ordered.iter().position(|rule| rule.pattern.matches(channel))
    }

    /// Every setting where the app's limits allow less.
    #[must_use]
    pub fn within(&self, limits: &Limits) -> Self {
        let ordered =
            self.ordered.iter().map(|Rule { pattern, settings }| Rule { pattern: pattern.clone(), settings: settings.within(limits) });
        Self { ordered: ordered.collect(), default: self.default.within(limits) }
    }

    /// What people type is held to more than what is stored: a pattern that can match nothing, or that stands twice, is a mistake.
    ///
    /// # Errors
    /// A sentence that names the first rule that is wrong.
    pub fn check(&self, limits: &Limits) -> Result<(), String> {
        if self.ordered.len() > RULES_MAX {
            return Err(format!("There are {} rules; at most {RULES_MAX} are allowed.", self.ordered.len()));
        }
        for (at, rule) in self.ordered.iter().enumerate() {
            let (number, pattern) = (at + 1, rule.pattern.as_str());
            let wrong = |why: String| Err(format!("Rule {number}, {pattern}: {why}"));
            if let Some(odd) = rule.pattern.odd_char() {
                return wrong(format!("no channel name holds {odd:?}, so it would match none."));
            }
            if let Some(first) = self.ordered[..at].iter().position(|other| other.pattern == rule.pattern) {
                return wrong(format!("rule {} has the same pattern and wins.", first + 1));
            }
            rule.settings.check(limits).or_else(wrong)?;
        }
        self.default.check(limits).map_err(|why| format!("The default rule: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(pattern: &str, settings: RuleSettings) -> Rule {
        Rule { pattern: Pattern::new(pattern).expect("a pattern"), settings }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_rule() {
        let limits = Limits { history_ttl_ms: 7_200_000, ..Limits::default() };
        let settings = RuleSettings::default;
        let history = |count, ttl_ms| RuleSettings { history: Retention { count, ttl_ms }, ..settings() };
        for (ordered, why) in [
            (vec![rule("chat *", settings())], "Rule 1, chat *: no channel name holds ' '"),
            (vec![rule("chät", settings())], "no channel name holds 'ä'"),
            (vec![rule("a", settings()), rule("b", settings()), rule("a", settings())], "Rule 3, a: rule 1 has the same pattern"),
            (vec![rule("a", history(10_001, 0))], "history.count is at most 10000"),
            (vec![rule("a", history(1, 7_200_001))], "history.ttl_ms is at most 7200000"),
            (vec![rule("a", RuleSettings { message_bytes: Some(0), ..settings() })], "message_bytes is between 1 and 65536"),
            (vec![rule("a", RuleSettings { presence_grace_ms: Some(120_001), ..settings() })], "presence_grace_ms is at most 120000"),
            ((0..101).map(|n| rule(&format!("a{n}"), settings())).collect(), "There are 101 rules; at most 100"),
        ] {
            let refused = Rules { ordered, default: settings() }.check(&limits).expect_err(why);
            assert!(refused.contains(why), "{refused}");
        }
        let default = history(1, 7_200_001);
        assert!(Rules { ordered: vec![], default }.check(&limits).expect_err("too long").starts_with("The default rule: "));
        assert_eq!(Rules { ordered: vec![rule("chat.*", history(10_000, 7_200_000))], default: settings() }.check(&limits), Ok(()));
    }

    #[test]
    fn a_smaller_plan_shortens_what_rules_had_asked_for() {
        let long =
            RuleSettings { history: Retention { count: 500, ttl_ms: 86_400_000 }, message_bytes: Some(60_000), ..RuleSettings::default() };
        let limits = Limits { history_ttl_ms: 7_200_000, message_bytes: 10_000, ..Limits::default() };
        let cut =
            RuleSettings { history: Retention { count: 500, ttl_ms: 7_200_000 }, message_bytes: Some(10_000), ..RuleSettings::default() };
        let rules = Rules { ordered: vec![rule("a", long)], default: RuleSettings::default() };
        assert_eq!(rules.within(&limits), Rules { ordered: vec![rule("a", cut)], default: RuleSettings::default() });
    }

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
