//! Channel names. The prefix decides the kind, the rest is the base name, and the part of the base name before the first `:`
//! or `.` is the namespace (DESIGN section 6, Pusher protocol 5).

use std::fmt;
use std::sync::Arc;

use crate::error::{ErrorCode, Refusal};

/// What a name's prefix says about a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ChannelKind {
    pub access: Access,
    /// Keeps its last event for new subscribers.
    pub cache: bool,
    /// The payload is end-to-end encrypted: relayed, never inspected.
    pub encrypted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Access {
    #[default]
    Public,
    Private,
    Presence,
}

/// A valid channel name: 1 to 164 characters of `A-Z a-z 0-9 _ - = @ , . ; :`.
///
/// The exceptions begin with `#`: Pusher's `#server-to-user-<id>`, which only [`ChannelName::server_to_user`] makes, and the channels
/// that Peal keeps for itself, which no client can name: [`ChannelName::online`] and [`ChannelName::cores`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(Arc<str>);

const LENGTH_MAX: usize = 164;
const SERVER_TO_USER: &str = "#server-to-user-";
const ONLINE: &str = "#online-";
const CORES: &str = "#cores";

/// Longest first, so that the first that matches is the whole prefix.
const PREFIXES: [(&str, ChannelKind); 7] = {
    use Access::{Presence, Private, Public};
    const fn kind(access: Access, cache: bool, encrypted: bool) -> ChannelKind {
        ChannelKind { access, cache, encrypted }
    }
    [
        ("private-encrypted-cache-", kind(Private, true, true)),
        ("private-encrypted-", kind(Private, false, true)),
        ("presence-cache-", kind(Presence, true, false)),
        ("private-cache-", kind(Private, true, false)),
        ("presence-", kind(Presence, false, false)),
        ("private-", kind(Private, false, false)),
        ("cache-", kind(Public, true, false)),
    ]
};

/// Whether a channel name may hold this byte.
#[must_use]
pub const fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'=' | b'@' | b',' | b'.' | b';' | b':')
}

impl ChannelName {
    /// # Errors
    /// `channel_name_invalid` with the length or the first forbidden character.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let refuse = |why: String| Err(Refusal::new(ErrorCode::ChannelNameInvalid, why));
        if name.is_empty() {
            return refuse("The channel name is empty; give 1 to 164 characters.".into());
        }
        if let Some(bad) = name.chars().find(|c| !c.is_ascii() || !is_name_byte(*c as u8)) {
            return refuse(format!("The channel name holds {bad:?}, which is not allowed; use only A-Z a-z 0-9 _ - = @ , . ; and :"));
        }
        if name.len() > LENGTH_MAX {
            return refuse(format!("The channel name has {} characters; at most {LENGTH_MAX} are allowed.", name.len()));
        }
        Ok(Self(name.into()))
    }

    /// Pusher's channel of one signed-in user. `user` follows the rules of channel names.
    pub fn server_to_user(user: &str) -> Result<Self, Refusal> {
        Self::parse(user)?;
        Ok(Self(format!("{SERVER_TO_USER}{user}").into()))
    }

    /// As [`Self::parse`], and `#server-to-user-<id>` as well (Pusher protocol 6).
    pub fn parse_with_server_to_user(name: &str) -> Result<Self, Refusal> {
        match name.strip_prefix(SERVER_TO_USER) {
            Some(user) => Self::server_to_user(user),
            None => Self::parse(name),
        }
    }

    /// Where the connections of a signed-in user are members. `user` follows the rules of channel names.
    pub fn online(user: &str) -> Result<Self, Refusal> {
        Self::parse(user)?;
        Ok(Self(format!("{ONLINE}{user}").into()))
    }

    /// Where cores that count subscriptions are members.
    #[must_use]
    pub fn cores() -> Self {
        Self(CORES.into())
    }

    /// Any name that [`Self::as_str`] can give.
    pub fn parse_any(name: &str) -> Result<Self, Refusal> {
        match name.strip_prefix(ONLINE) {
            Some(user) => Self::online(user),
            None if name == CORES => Ok(Self::cores()),
            None => Self::parse_with_server_to_user(name),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared text, for tables that hold many references to one name.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The user id, if this is a user's [`Self::online`].
    #[must_use]
    pub fn online_user(&self) -> Option<&str> {
        self.0.strip_prefix(ONLINE)
    }

    /// The user id, if this is a `#server-to-user-` channel.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.0.strip_prefix(SERVER_TO_USER)
    }

    #[must_use]
    pub fn kind(&self) -> ChannelKind {
        self.split().1
    }

    #[must_use]
    pub fn is_presence(&self) -> bool {
        self.kind().access == Access::Presence
    }

    #[must_use]
    pub fn is_public(&self) -> bool {
        self.kind().access == Access::Public && self.user().is_none()
    }

    /// What remains after the type prefix.
    #[must_use]
    pub fn base(&self) -> &str {
        self.split().0
    }

    /// The part of the base name before the first `:` or `.`; none if there is no such character.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        let base = self.base();
        base.find([':', '.']).map(|at| &base[..at])
    }

    fn split(&self) -> (&str, ChannelKind) {
        for (prefix, kind) in PREFIXES {
            if let Some(base) = self.0.strip_prefix(prefix) {
                return (base, kind);
            }
        }
        (&self.0, ChannelKind::default())
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for ChannelName {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(s: &str) -> ChannelName {
        ChannelName::parse(s).expect("a valid name")
    }

    #[test]
    fn the_longest_prefix_decides_the_kind() {
        assert!(name("private-encrypted-cache-a").kind().encrypted);
        assert!(name("private-encrypted-cache-a").kind().cache);
        assert_eq!(name("private-encrypted-a").base(), "a");
        assert_eq!(name("presence-encrypted-a").kind(), ChannelKind { access: Access::Presence, ..ChannelKind::default() });
        assert!(name("privates").is_public());
    }

    #[test]
    fn the_namespace_ends_at_the_first_separator_of_the_base_name() {
        assert_eq!(name("private-chat.room:1").namespace(), Some("chat"));
        assert_eq!(name("chat:1.2").namespace(), Some("chat"));
        assert_eq!(name("hello").namespace(), None);
    }

    #[test]
    fn names_of_165_characters_or_with_forbidden_ones_are_refused() {
        assert!(ChannelName::parse(&"a".repeat(164)).is_ok());
        for bad in ["", "a b", "a#b", "ä", "a/b", "#server-to-user-1", &"a".repeat(165)] {
            let refusal = ChannelName::parse(bad).expect_err(bad);
            assert_eq!(refusal.code, ErrorCode::ChannelNameInvalid);
        }
        assert_eq!(ChannelName::parse_with_server_to_user("#server-to-user-7").map(|c| c.user().map(str::to_owned)), Ok(Some("7".into())));
    }

    #[test]
    fn no_client_can_name_what_peal_keeps_for_itself_and_every_name_reads_back() {
        let online = ChannelName::online("ada").unwrap();
        assert_eq!((online.online_user(), online.user()), (Some("ada"), None));
        assert!(ChannelName::online("a b").is_err());
        for own in [online, ChannelName::cores()] {
            assert!(ChannelName::parse_with_server_to_user(own.as_str()).is_err());
            assert_eq!(ChannelName::parse_any(own.as_str()), Ok(own));
        }
        for name in [name("chat"), ChannelName::server_to_user("7").unwrap()] {
            assert_eq!(ChannelName::parse_any(name.as_str()), Ok(name));
        }
        assert!(ChannelName::parse_any("#other").is_err());
    }
}
