//! How an app's limits are divided between the nodes of a fleet.
//!
//! Every node tells the others once a [`PERIOD_MS`] what its clients ask for, as far as it [matters](Demand::matters), and sets its part of a rate to its
//! part of the demand. Invariant: if all nodes know the same, the parts add up to the whole. What is not known yet lets a little too much through for a
//! period, never too little for good: who is not heard of for three periods has no part any more. Pure: `now` is an argument.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::id::AppId;

/// How often nodes report.
pub const PERIOD_MS: u64 = 2_000;
/// A node that was not heard of for so long does not count.
const FORGET_MS: u64 = 3 * PERIOD_MS;
/// Apps in one report, those with the most demand.
const APPS_MAX: usize = 512;
/// What is less than this part of a limit is not told.
const NEGLIGIBLE: u64 = 64;
/// Of a rate, this part is divided equally, so that a node whose clients are new does not begin with nothing.
const EQUAL: f64 = 0.25;

/// What the clients of an app ask of one node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// Messages that somebody wanted to publish in the last period.
    pub asked: u32,
    /// Open connections.
    pub open: u32,
    /// What the node owes the app's subscribers, if that is so much that publishers are refused.
    pub debt: u64,
}

impl Demand {
    /// Whether others need to know of it, by the app's limits of messages per second and of connections.
    #[must_use]
    pub fn matters(&self, per_second: Option<u32>, connections: Option<u32>) -> bool {
        let near = |count: u64, limit: Option<u32>, periods: u64| {
            limit.is_some_and(|limit| count * NEGLIGIBLE >= u64::from(limit) * periods && count > 0)
        };
        self.debt > 0 || near(self.asked.into(), per_second, PERIOD_MS / 1_000) || near(self.open.into(), connections, 1)
    }
}

/// One node's word.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report(Vec<(AppId, Demand)>);

impl Report {
    /// At most 512 apps, those with the most demand.
    #[must_use]
    pub fn new(mut apps: Vec<(AppId, Demand)>) -> Self {
        if apps.len() > APPS_MAX {
            apps.select_nth_unstable_by_key(APPS_MAX, |(_, demand)| std::cmp::Reverse((demand.debt, demand.asked, demand.open)));
            apps.truncate(APPS_MAX);
        }
        Self(apps)
    }

    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Numbers in lists: there is nothing that could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Apps whose publishers the node refuses, with what it owes their subscribers.
    pub fn debts(&self) -> impl Iterator<Item = (AppId, u64)> {
        self.0.iter().filter(|(_, demand)| demand.debt > 0).map(|(app, demand)| (*app, demand.debt))
    }

    /// `None` if it is none: of another version, perhaps.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// What the other nodes together said of an app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// Those with demand for its rate.
    pub nodes: u32,
    pub asked: u64,
    pub open: u32,
    /// The worst of them.
    pub debt: u64,
}

impl Elsewhere {
    /// This node's part of a rate, above 0 and at most 1.
    #[must_use]
    pub fn share(&self, asked: u32) -> f64 {
        if self.asked == 0 {
            return 1.0;
        }
        let (nodes, asked) = (f64::from(self.nodes) + 1.0, f64::from(asked));
        EQUAL / nodes + (1.0 - EQUAL) * asked / (asked + self.asked as f64)
    }
}

/// The last words of the other nodes, by their tags.
#[derive(Debug, Default)]
pub struct Others(HashMap<Arc<str>, Heard>);

#[derive(Debug)]
struct Heard {
    at_ms: u64,
    apps: FxHashMap<AppId, Demand>,
}

impl Others {
    pub fn hear(&mut self, now_ms: u64, node: &Arc<str>, report: Report) {
        self.0.insert(Arc::clone(node), Heard { at_ms: now_ms, apps: report.0.into_iter().collect() });
    }

    /// Those that have said nothing for three periods.
    pub fn forget_silent(&mut self, now_ms: u64) {
        self.0.retain(|_, heard| now_ms.saturating_sub(heard.at_ms) < FORGET_MS);
    }

    #[must_use]
    pub fn of(&self, app: AppId) -> Elsewhere {
        self.0.values().filter_map(|heard| heard.apps.get(&app)).fold(Elsewhere::default(), |sum, demand| Elsewhere {
            nodes: sum.nodes + u32::from(demand.asked > 0),
            asked: sum.asked + u64::from(demand.asked),
            open: sum.open.saturating_add(demand.open),
            debt: sum.debt.max(demand.debt),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;
    use crate::gate::{DELIVERY_COST, Gate};

    fn app() -> AppId {
        AppId::new(7).expect("an id")
    }

    fn asked(asked: u32) -> Report {
        Report::new(vec![(app(), Demand { asked, ..Demand::default() })])
    }

    /// The share of each node that knows what all others said.
    fn shares(demands: &[u32]) -> Vec<f64> {
        let share = |own: usize| {
            let mut others = Others::default();
            for (node, demand) in demands.iter().enumerate().filter(|(node, _)| *node != own) {
                others.hear(0, &node.to_string().into(), asked(*demand));
            }
            others.of(app()).share(demands[own])
        };
        (0..demands.len()).map(share).collect()
    }

    proptest! {
        #[test]
        fn the_parts_of_nodes_with_demand_add_up_to_the_whole(demands in prop::collection::vec(1_u32..1_000_000, 1..40)) {
            let shares = shares(&demands);
            let sum: f64 = shares.iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
            prop_assert!(shares.iter().all(|share| *share > 0.0 && *share <= 1.0), "{shares:?}");
        }

        #[test]
        fn a_node_without_demand_adds_little(demands in prop::collection::vec(prop_oneof![Just(0_u32), 1_u32..1_000_000], 1..40)) {
            let busy = demands.iter().filter(|demand| **demand > 0).count();
            let sum: f64 = shares(&demands).iter().zip(&demands).filter(|(_, demand)| **demand > 0).map(|(share, _)| share).sum();
            prop_assert!(busy == 0 || (sum - 1.0).abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn more_demand_is_a_larger_part_and_new_demand_begins_with_some() {
        let shares = shares(&[300, 100, 0]);
        assert!(shares[0] > shares[1] && shares[1] > shares[2] && shares[2] > 0.05, "{shares:?}");
    }

    #[test]
    fn who_is_alone_has_all_and_who_is_silent_is_forgotten() {
        let mut others = Others::default();
        assert!((others.of(app()).share(0) - 1.0).abs() < f64::EPSILON);
        others.hear(1_000, &"a".into(), asked(100));
        others.hear(4_000, &"b".into(), asked(50));
        others.hear(5_000, &"b".into(), Report::default());
        assert_eq!(others.of(app()), Elsewhere { nodes: 1, asked: 100, ..Elsewhere::default() });
        others.forget_silent(1_000 + FORGET_MS - 1);
        assert_eq!(others.of(app()).asked, 100);
        others.forget_silent(1_000 + FORGET_MS);
        assert_eq!(others.of(app()), Elsewhere::default());
    }

    #[test]
    fn connections_are_summed_and_the_worst_debt_counts() {
        let mut others = Others::default();
        for (node, open, debt) in [("a", 3, 10), ("b", 4, 90), ("c", 0, 20)] {
            others.hear(0, &node.into(), Report::new(vec![(app(), Demand { asked: 0, open, debt })]));
        }
        assert_eq!(others.of(app()), Elsewhere { nodes: 0, asked: 0, open: 7, debt: 90 });
    }

    #[test]
    fn publishers_of_one_node_hear_of_a_backlog_on_another() {
        let (here, there) = (Gate::default(), Gate::default());
        (0..1_000).for_each(|_| there.owe(1_000 * DELIVERY_COST));
        let tell = || {
            let mut others = Others::default();
            let told = Report::new(vec![(app(), there.take_demand())]).encode();
            others.hear(0, &"there".into(), Report::decode(&told).expect("a report"));
            here.set_elsewhere(0, None, &others.of(app()), 1.0);
        };
        tell();
        let refusal = here.admit(0, None, 1).expect_err("the other node is behind");
        assert_eq!(refusal.code, ErrorCode::FanOutBehind);
        there.pay(900_000 * DELIVERY_COST, 900);
        tell();
        assert!(here.admit(0, None, 1).is_ok());
    }

    #[test]
    fn what_is_little_is_not_told_and_a_report_has_room_for_the_busiest() {
        let asked = |asked| Demand { asked, ..Demand::default() };
        assert!(!asked(1).matters(Some(1_000), None) && asked(32).matters(Some(1_000), None));
        assert!(!asked(1_000_000).matters(None, None) && Demand { debt: 1, ..asked(0) }.matters(None, None));
        assert!(Demand { open: 2, ..asked(0) }.matters(None, Some(100)) && !Demand { open: 1, ..asked(0) }.matters(None, Some(100)));
        assert!(!asked(0).matters(Some(1), Some(1)));
        let id = |id: usize| AppId::new(id as i64 + 1).expect("an id");
        let report = Report::new((0..2_000).map(|n| (id(n), asked(n as u32))).collect());
        assert_eq!(report.0.len(), APPS_MAX);
        assert!(report.0.iter().all(|(_, demand)| demand.asked >= 1_488));
    }

    #[test]
    fn a_report_is_read_as_it_was_written_and_nonsense_is_none() {
        let report = asked(3);
        assert_eq!(Report::decode(&report.encode()), Some(report));
        for nonsense in [&b"12345678"[..], b"", b"[[0,{}]]", b"{\"a\":1}", b"[[7,{\"asked\":-1}]]"] {
            assert_eq!(Report::decode(nonsense), None, "{nonsense:?}");
        }
    }
}
