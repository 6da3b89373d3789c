//! Capabilities: which operations on which channels. Keys have them, tokens narrow them.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::channel::{ChannelName, is_name_byte};

/// Patterns in one capability set. More is a mistake or an attack.
const PATTERNS_MAX: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Subscribe,
    Publish,
    Presence,
    History,
    /// Read occupancy, members and connections through REST.
    Inspect,
    /// Disconnect clients, revoke tokens.
    Admin,
}

const NAMES: [(Operation, &str); 6] = [
    (Operation::Subscribe, "subscribe"),
    (Operation::Publish, "publish"),
    (Operation::Presence, "presence"),
    (Operation::History, "history"),
    (Operation::Inspect, "inspect"),
    (Operation::Admin, "admin"),
];

impl Operation {
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(op, _)| *op)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(op, _)| op == self).map_or("", |(_, name)| name))
    }
}

/// A set of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Operations(u8);

impl Operations {
    pub const ALL: Self = Self(0b11_1111);

    #[must_use]
    pub fn of(operations: &[Operation]) -> Self {
        Self(operations.iter().fold(0, |set, op| set | 1 << *op as u8))
    }

    #[must_use]
    pub fn contains(self, operation: Operation) -> bool {
        self.0 & (1 << operation as u8) != 0
    }

    fn names(self) -> Vec<&'static str> {
        if self == Self::ALL {
            return vec!["*"];
        }
        NAMES.iter().filter(|(op, _)| self.contains(*op)).map(|(_, name)| *name).collect()
    }

    fn parse(names: &[String]) -> Result<Self, String> {
        let mut set = Self::default();
        for name in names {
            if name == "*" {
                return Ok(Self::ALL);
            }
            let op = Operation::by_name(name).ok_or_else(|| {
                format!("unknown operation {name:?}; known are subscribe, publish, presence, history, inspect, admin and *")
            })?;
            set.0 |= 1 << op as u8;
        }
        Ok(set)
    }
}

/// A channel pattern: `*` stands for any run of characters. A pattern that begins with a type prefix matches the full
/// name, any other the base name (DESIGN section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// 1 to 200 characters.
    pub fn new(pattern: &str) -> Result<Self, String> {
        if (1..=200).contains(&pattern.len()) {
            Ok(Self(pattern.into()))
        } else {
            Err(format!("a channel pattern has 1 to 200 characters, this one has {}", pattern.len()))
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first character that no channel name holds. A pattern that has one can match nothing, so whoever typed it made a mistake.
    #[must_use]
    pub fn odd_char(&self) -> Option<char> {
        self.0.chars().find(|c| *c != '*' && !u8::try_from(*c).is_ok_and(is_name_byte))
    }

    #[must_use]
    pub fn matches(&self, channel: &ChannelName) -> bool {
        const TYPES: [&str; 4] = ["private-", "presence-", "cache-", "encrypted-"];
        let full = TYPES.iter().any(|prefix| self.0.starts_with(prefix));
        wildcard(self.0.as_bytes(), if full { channel.as_str() } else { channel.base() }.as_bytes())
    }
}

/// Linear in practice, at most pattern × text: backtracks only to the last star.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((star_p, star_t)) = star {
            p = star_p + 1;
            t = star_t + 1;
            star = Some((star_p, star_t + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// Pairs of pattern and operations; a channel gets the union of all that match. As JSON an object `{"room.*": ["subscribe"]}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities(Vec<(Pattern, Operations)>);

impl Capabilities {
    /// Everything on every channel: what the first key of an app may do.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![(Pattern("*".into()), Operations::ALL)])
    }

    /// # Errors
    /// A sentence that says which pattern or operation is wrong.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, Operations)>) -> Result<Self, String> {
        pairs.into_iter().map(|(pattern, ops)| Ok((Pattern::new(pattern)?, ops))).collect::<Result<_, String>>().map(Self)
    }

    #[must_use]
    pub fn allows(&self, operation: Operation, channel: &ChannelName) -> bool {
        self.granting(operation, channel).is_some()
    }

    /// What people type is held to more than what is stored.
    ///
    /// # Errors
    /// A sentence about the first pattern that grants nothing.
    pub fn check(&self) -> Result<(), String> {
        if self.0.is_empty() {
            return Err("The capabilities are empty; give at least one channel pattern with an operation.".to_owned());
        }
        for (pattern, operations) in &self.0 {
            if *operations == Operations::default() {
                return Err(format!("The pattern {} has no operation.", pattern.as_str()));
            }
            if let Some(odd) = pattern.odd_char() {
                return Err(format!("The pattern {}: no channel name holds {odd:?}, so it would match none.", pattern.as_str()));
            }
        }
        Ok(())
    }

    /// The first pattern that grants the operation on the channel.
    #[must_use]
    pub fn granting(&self, operation: Operation, channel: &ChannelName) -> Option<&Pattern> {
        self.0.iter().find(|(pattern, ops)| ops.contains(operation) && pattern.matches(channel)).map(|(pattern, _)| pattern)
    }

    /// Whether the operation is granted on any channel at all.
    #[must_use]
    pub fn allows_somewhere(&self, operation: Operation) -> bool {
        self.0.iter().any(|(_, ops)| ops.contains(operation))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Pattern, Operations)> {
        self.0.iter().map(|(pattern, ops)| (pattern, *ops))
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(pattern, ops)| (pattern.as_str(), ops.names())))
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let map = std::collections::BTreeMap::<String, Vec<String>>::deserialize(d)?;
        if map.len() > PATTERNS_MAX {
            return Err(D::Error::custom(format!("{} patterns; at most {PATTERNS_MAX} are allowed", map.len())));
        }
        map.iter()
            .map(|(pattern, names)| Ok((Pattern::new(pattern)?, Operations::parse(names)?)))
            .collect::<Result<_, String>>()
            .map(Self)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, channel: &str) -> bool {
        Pattern::new(pattern).expect("a pattern").matches(&ChannelName::parse(channel).expect("a name"))
    }

    #[test]
    fn a_pattern_without_prefix_covers_every_kind_of_the_base_name() {
        assert!(matches("chat.*", "private-chat.room1"));
        assert!(matches("chat.*", "chat.room1"));
        assert!(!matches("private-chat.*", "chat.room1"));
        assert!(!matches("chat.*", "chats"));
        assert!(matches("*", "presence-x"));
        assert!(matches("a*b*c", "a-xx-b-yy-c"));
        assert!(!matches("a*b*c", "a-xx-b-yy"));
    }

    #[test]
    fn capabilities_that_grant_nothing_are_a_mistake() {
        let check = |text: &str| serde_json::from_str::<Capabilities>(text).expect("reads").check();
        assert_eq!(check(r#"{"room.*":["subscribe"]}"#), Ok(()));
        for (text, why) in [("{}", "empty"), (r#"{"a":[]}"#, "a has no operation"), (r#"{"a b":["*"]}"#, "holds ' '")] {
            assert!(check(text).expect_err(text).contains(why), "{text}");
        }
    }

    #[test]
    fn a_pattern_of_stars_is_not_exponential() {
        assert!(!matches(&format!("{}b", "*a".repeat(60)), &"a".repeat(164)));
    }

    #[test]
    fn capabilities_are_the_union_and_read_back() {
        let text = r#"{"room.*":["subscribe"],"room.1":["publish"]}"#;
        let caps: Capabilities = serde_json::from_str(text).expect("valid");
        let room = ChannelName::parse("room.1").expect("valid");
        assert!(caps.allows(Operation::Subscribe, &room) && caps.allows(Operation::Publish, &room));
        assert!(!caps.allows(Operation::History, &room));
        assert_eq!(serde_json::from_str::<Capabilities>(&serde_json::to_string(&caps).expect("prints")).expect("reads"), caps);
        assert!(serde_json::from_str::<Capabilities>(r#"{"a":["shout"]}"#).is_err());
    }
}
