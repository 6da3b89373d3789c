//! Settings that are stored as JSON, read by whichever of two adjacent releases shares the database.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::StoreError;

/// A setting that only a newer release knows is ignored by the older one, although the types themselves refuse unknown names (which is
/// right for what people type).
pub(crate) fn settings<T: Default + Serialize + DeserializeOwned>(what: &str, mut stored: Value) -> Result<T, StoreError> {
    let malformed = |error| StoreError::malformed(what, error);
    if let (Value::Object(stored), Value::Object(known)) = (&mut stored, serde_json::to_value(T::default()).map_err(malformed)?) {
        stored.retain(|name, _| known.contains_key(name));
    }
    serde_json::from_value(stored).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use peal_core::{Durability, Features, Retention, RuleSettings};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_of_a_newer_release_is_ignored_and_the_rest_kept() {
        let read: Features = settings("features", json!({ "watchlist": true, "telepathy": 3 })).unwrap();
        assert_eq!(read, Features { watchlist: true, ..Features::default() });
        assert!(settings::<Features>("features", json!({ "watchlist": "yes" })).is_err());
    }

    #[test]
    fn every_setting_of_a_rule_is_read_as_it_was_written() {
        let written = RuleSettings {
            history: Retention { count: 500, ttl_ms: 3_600_000 },
            client_events: true,
            anonymous: true,
            presence_grace_ms: Some(0),
            message_bytes: Some(100),
            durability: Durability::Replicated,
        };
        let stored = serde_json::to_value(&written).unwrap();
        assert_eq!(settings::<RuleSettings>("rule", stored).unwrap(), written);
    }
}
