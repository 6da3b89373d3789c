//! Limits of an app: what the plan sets, and what the app itself may tighten.
//!
//! Every limit is a field of [`Limits`] and a row of [`LIMITS`]; a test holds the two together. The row knows how the limit is called,
//! what happens when it is reached and how it is read and set, so that plan files, the page of the documentation, the API and an app's
//! own tightening need no list of their own.

mod address;
mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use address::{ADDRESS_LIMITS, AddressLimitInfo, AddressLimits, BURST_S, HARD_FACTOR, NETWORK_FACTOR};
pub use table::{LIMITS, LimitInfo, Unit};

/// `None` means no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Open connections of the app over all nodes.
    pub connections: Option<u32>,
    /// Messages accepted per second over all nodes.
    pub messages_per_second: Option<u32>,
    /// Bytes of one message's data on the native and Ably wires.
    pub message_bytes: u32,
    /// Bytes of `data` in Pusher's REST calls and client events.
    pub pusher_data_bytes: u32,
    pub channels_per_connection: u32,
    /// Distinct users in one presence channel on the Pusher wire.
    pub presence_members: u32,
    /// Bytes of a member's data.
    pub presence_data_bytes: u32,
    /// Pusher client events per second and connection.
    pub client_events_per_second: u32,
    /// Native publishes and presence changes per second and connection.
    pub client_publishes_per_second: Option<u32>,
    /// The longest history that a rule may ask for, in milliseconds.
    pub history_ttl_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            messages_per_second: None,
            message_bytes: 65_536,
            pusher_data_bytes: 10_240,
            channels_per_connection: 200,
            presence_members: 100,
            presence_data_bytes: 1_024,
            client_events_per_second: 10,
            client_publishes_per_second: Some(50),
            history_ttl_ms: 72 * 3_600_000,
        }
    }
}

impl Limits {
    /// These limits, each replaced by the app's own where that is lower.
    #[must_use]
    pub fn tightened(&self, by: &Tightening) -> Self {
        let mut limits = self.clone();
        for (info, own) in by.iter() {
            if info.get(&limits).is_none_or(|value| own < value) {
                info.set(&mut limits, own);
            }
        }
        limits
    }
}

/// The limits that an app sets for itself, by name. It can only lower what the plan gives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tightening(BTreeMap<String, Option<u64>>);

impl Tightening {
    /// Sets a limit, or with `None` takes the plan's again.
    ///
    /// # Errors
    /// A sentence, when there is no such limit or the plan allows less.
    pub fn change(&mut self, plan: &Limits, name: &str, own: Option<u64>) -> Result<(), String> {
        let info = LimitInfo::by_name(name).ok_or_else(|| {
            let known: Vec<&str> = LIMITS.iter().map(|info| info.name).collect();
            format!("There is no limit {name:?}; the limits are {}.", known.join(", "))
        })?;
        let Some(own) = own else {
            self.0.remove(name);
            return Ok(());
        };
        if own < info.least {
            return Err(format!("{name} is at least {}.", info.least));
        }
        match info.get(plan) {
            Some(value) if own > value => Err(format!("{name} is at most {value}, which is what the plan allows.")),
            _ if u32::try_from(own).is_err() && info.unit != Unit::Milliseconds => Err(format!("{name} is at most {}.", u32::MAX)),
            _ => {
                self.0.insert(name.to_owned(), Some(own));
                Ok(())
            }
        }
    }

    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Option::is_some)
    }

    /// What is set, among the limits that this release knows.
    fn iter(&self) -> impl Iterator<Item = (&'static LimitInfo, u64)> {
        self.0.iter().filter_map(|(name, own)| Some((LimitInfo::by_name(name)?, (*own)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_a_row_of_the_table_and_reads_back_what_is_set() {
        let fields = serde_json::to_value(Limits::default()).expect("prints");
        let fields: Vec<&String> = fields.as_object().expect("an object").keys().collect();
        let mut rows: Vec<&str> = LIMITS.iter().map(|info| info.name).collect();
        rows.sort_unstable();
        let mut sorted: Vec<&str> = fields.iter().map(|name| name.as_str()).collect();
        sorted.sort_unstable();
        assert_eq!(rows, sorted);
        for info in LIMITS {
            let mut limits = Limits::default();
            info.set(&mut limits, 77);
            let printed = serde_json::to_value(&limits).expect("prints");
            assert_eq!((info.get(&limits), printed[info.name].as_u64()), (Some(77), Some(77)), "{}", info.name);
            assert_eq!(info.clear(&mut limits), info.get(&limits).is_none(), "{}", info.name);
        }
    }

    #[test]
    fn an_app_lowers_what_its_plan_gives_and_never_raises_it() {
        let plan = Limits { connections: Some(100), ..Limits::default() };
        let mut own = Tightening::default();
        assert!(own.change(&plan, "connections", Some(101)).is_err());
        assert!(own.change(&plan, "conections", Some(1)).is_err());
        assert!(own.change(&plan, "message_bytes", Some(0)).is_err());
        own.change(&plan, "connections", Some(50)).expect("less is fine");
        own.change(&plan, "messages_per_second", Some(9)).expect("so is a limit where the plan has none");
        let limits = plan.tightened(&own);
        assert_eq!((limits.connections, limits.messages_per_second, limits.message_bytes), (Some(50), Some(9), 65_536));
        let downgraded = Limits { connections: Some(10), ..Limits::default() };
        assert_eq!(downgraded.tightened(&own).connections, Some(10), "the plan's own holds when it is lower");
        own.change(&plan, "connections", None).expect("taken back");
        assert_eq!(plan.tightened(&own).connections, Some(100));
    }

    #[test]
    fn a_limit_of_a_newer_release_is_ignored() {
        let own: Tightening = serde_json::from_str(r#"{"telepaths":3,"connections":null,"presence_members":5}"#).expect("reads");
        assert_eq!(Limits::default().tightened(&own), Limits { presence_members: 5, ..Limits::default() });
    }
}
