//! The `info` parameter: which attributes of a channel a server wants to know, and their values.

use peal_core::channel::Access;
use peal_core::{ChannelName, ErrorCode, Refusal};

/// Attributes that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Info {
    pub user_count: bool,
    pub subscription_count: bool,
    pub cache: bool,
}

impl Info {
    /// A comma-separated list. Empty parts are ignored.
    ///
    /// # Errors
    /// `info_not_available` for an attribute that does not exist.
    pub fn parse(list: &str) -> Result<Self, Refusal> {
        let mut info = Self::default();
        for attribute in list.split(',').map(str::trim).filter(|attribute| !attribute.is_empty()) {
            match attribute {
                "user_count" => info.user_count = true,
                "subscription_count" => info.subscription_count = true,
                "cache" => info.cache = true,
                _ => {
                    return refuse("`info` knows user_count, subscription_count and cache; nothing else.");
                }
            }
        }
        Ok(info)
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether this channel has these attributes.
    ///
    /// # Errors
    /// `info_not_available`.
    pub fn check(self, channel: &ChannelName) -> Result<(), Refusal> {
        let kind = channel.kind();
        match kind.access == Access::Presence {
            true if self.subscription_count => refuse("Presence channels have user_count instead of subscription_count."),
            false if self.user_count => refuse("Only presence- channels have a user_count."),
            _ if self.cache && !kind.cache => refuse("Only cache channels have a cache."),
            true | false => Ok(()),
        }
    }

    /// Whether a list of the channels that begin with `prefix` can tell these attributes.
    ///
    /// # Errors
    /// `info_not_available`.
    pub fn check_list(self, prefix: Option<&str>) -> Result<(), Refusal> {
        let presence = prefix.is_some_and(|prefix| prefix.starts_with("presence-"));
        if self.user_count && !presence {
            return refuse("user_count needs a filter_by_prefix that begins with presence-");
        }
        if self.subscription_count && presence {
            return refuse("Presence channels have user_count instead of subscription_count.");
        }
        if self.cache { refuse("The cache can be asked of one channel at a time.") } else { Ok(()) }
    }
}

fn refuse<T>(why: &str) -> Result<T, Refusal> {
    Err(Refusal::new(ErrorCode::InfoNotAvailable, why))
}

/// Values of a channel's attributes; what is `None` was not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    pub user_count: Option<u64>,
    pub subscription_count: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_belong_to_kinds_of_channels() {
        let check = |list: &str, channel: &str| {
            Info::parse(list).and_then(|info| info.check(&ChannelName::parse(channel).expect("a name"))).is_ok()
        };
        assert!(check("user_count", "presence-a") && !check("user_count", "private-a"));
        assert!(check("subscription_count", "a") && !check("subscription_count", "presence-a"));
        assert!(check("cache", "presence-cache-a") && !check("cache", "presence-a"));
        assert!(check("", "a") && !check("nonsense", "a"));
        let list = |list: &str, prefix| Info::parse(list).and_then(|info| info.check_list(prefix)).is_ok();
        assert!(list("user_count", Some("presence-")) && !list("user_count", None) && !list("user_count", Some("private-")));
        assert!(list("subscription_count", None) && !list("cache", None));
    }
}
