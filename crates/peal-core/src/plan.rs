//! Plans: named sets of limits, read from a TOML file (METERING 2.2). An org has a plan; its apps have the plan's limits, which they may
//! tighten.
//!
//! The file built in is `plan/plans.toml`; an operator may give another. Parsing is strict, because a misspelt limit would be no limit.

use serde::Deserialize;
use toml::{Table, Value};

use crate::limit::{LIMITS, LimitInfo, Limits};
use crate::quota::WhenUsedUp;

const BUILT_IN: &str = include_str!("plan/plans.toml");
/// The plan of seeded apps and of a development server.
pub const UNLIMITED: &str = "unlimited";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// As stored with the org: 1 to 40 of `a-z 0-9 _ -`.
    pub id: String,
    pub title: String,
    /// Messages of a month that the price covers; `None` for no quota.
    pub messages_per_month: Option<u64>,
    /// What happens once those are used.
    pub when_used_up: WhenUsedUp,
    pub limits: Limits,
}

/// All plans, cheapest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plans {
    default: Plan,
    all: Vec<Plan>,
}

/// Why a file of plans was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlansError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default: String,
    plan: Vec<PlanRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanRow {
    id: String,
    title: String,
    messages_per_month: Option<u64>,
    #[serde(default)]
    when_used_up: WhenUsedUp,
    #[serde(default)]
    limits: Table,
}

impl Plans {
    /// # Errors
    /// A sentence that names the plan and the limit that are wrong.
    pub fn parse(text: &str) -> Result<Self, PlansError> {
        let file: File = toml::from_str(text).map_err(|error| PlansError(error.to_string().trim_end().to_owned()))?;
        let all = file.plan.into_iter().map(plan).collect::<Result<Vec<_>, _>>()?;
        if let Some(twice) = all.iter().enumerate().find(|(at, plan)| all[..*at].iter().any(|other| other.id == plan.id)) {
            return Err(PlansError(format!("the plan {:?} is there twice", twice.1.id)));
        }
        let default = all.iter().find(|plan| plan.id == file.default);
        let default = default.ok_or_else(|| PlansError(format!("the default plan {:?} is not in the file", file.default)))?.clone();
        Ok(Plans { default, all })
    }

    /// # Panics
    /// Never: a test reads the file that is built in.
    #[must_use]
    pub fn built_in() -> Self {
        Plans::parse(BUILT_IN).expect("the plans that are built in are valid")
    }

    pub fn iter(&self) -> impl Iterator<Item = &Plan> {
        self.all.iter()
    }

    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Plan> {
        self.all.iter().find(|plan| plan.id == id)
    }

    /// The plan of new orgs, and of those whose plan is no longer in the file.
    #[must_use]
    pub fn default_plan(&self) -> &Plan {
        &self.default
    }

    /// The named plan, or the default one.
    #[must_use]
    pub fn get_or_default(&self, id: &str) -> &Plan {
        self.get(id).unwrap_or(&self.default)
    }
}

impl Default for Plans {
    fn default() -> Self {
        Plans::built_in()
    }
}

fn plan(row: PlanRow) -> Result<Plan, PlansError> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    if !(1..=40).contains(&row.id.len()) || !row.id.bytes().all(good) {
        return Err(PlansError(format!("the plan's id {:?} is not 1 to 40 of a-z 0-9 _ and -", row.id)));
    }
    let mut limits = Limits::default();
    for (name, value) in &row.limits {
        limit(&mut limits, name, value).map_err(|why| PlansError(format!("plan {:?}: {why}", row.id)))?;
    }
    let PlanRow { id, title, messages_per_month, when_used_up, .. } = row;
    Ok(Plan { id, title, messages_per_month, when_used_up, limits })
}

fn limit(limits: &mut Limits, name: &str, value: &Value) -> Result<(), String> {
    let info = LimitInfo::by_name(name).ok_or_else(|| {
        let known: Vec<&str> = LIMITS.iter().map(|info| info.name).collect();
        format!("there is no limit {name:?}; the limits are {}", known.join(", "))
    })?;
    match value {
        Value::Integer(number) => {
            let number = u64::try_from(*number).ok().filter(|number| *number >= info.least);
            let number = number.ok_or_else(|| format!("{name} is at least {}", info.least))?;
            info.set(limits, number);
            if info.get(limits) == Some(number) { Ok(()) } else { Err(format!("{name} is at most {}", u32::MAX)) }
        }
        Value::String(none) if none == "none" => {
            if info.clear(limits) {
                Ok(())
            } else {
                Err(format!("{name} always has a limit; give a number"))
            }
        }
        _ => Err(format!("{name} is a number, or \"none\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plans_that_are_built_in_are_the_published_ones() {
        let plans = Plans::built_in();
        let rows: Vec<_> = plans
            .iter()
            .map(|plan| {
                let Limits { connections, messages_per_second, history_ttl_ms, .. } = plan.limits;
                (plan.id.as_str(), plan.messages_per_month, connections, messages_per_second, history_ttl_ms / 3_600_000)
            })
            .collect();
        let million = 1_000_000;
        let published = [
            ("free", Some(10 * million), Some(250), Some(500), 2),
            ("starter", Some(40 * million), Some(2_000), Some(2_500), 24),
            ("pro", Some(200 * million), Some(10_000), Some(10_000), 72),
            ("scale", Some(1_000 * million), Some(50_000), Some(50_000), 72),
            ("unlimited", None, None, None, 72),
        ];
        assert_eq!(rows, published);
        assert_eq!(plans.default_plan().id, "free");
        let stopping: Vec<_> = plans.iter().filter(|plan| plan.when_used_up == WhenUsedUp::Stop).map(|plan| plan.id.as_str()).collect();
        assert_eq!(stopping, ["free"], "whoever pays goes on");
        let unlimited = plans.get(UNLIMITED).expect("seeded apps need it");
        assert_eq!(unlimited.limits, Limits { client_publishes_per_second: None, ..Limits::default() }, "only the protocols' own limits");
        assert_eq!(plans.get_or_default("gone").id, "free");
    }

    #[test]
    fn a_mistake_is_named() {
        let with = |limits: &str| format!("default = \"a\"\n[[plan]]\nid = \"a\"\ntitle = \"A\"\n[plan.limits]\n{limits}\n");
        assert!(Plans::parse(&with("connections = 5\nmessages_per_second = \"none\"")).is_ok());
        for (limits, why) in [
            ("conections = 5", "there is no limit \"conections\""),
            ("connections = -1", "connections is at least 0"),
            ("message_bytes = 0", "message_bytes is at least 1"),
            ("message_bytes = \"none\"", "message_bytes always has a limit"),
            ("message_bytes = 5000000000", "message_bytes is at most 4294967295"),
            ("connections = true", "connections is a number"),
        ] {
            let refused = Plans::parse(&with(limits)).expect_err(limits).to_string();
            assert!(refused.starts_with("plan \"a\": ") && refused.contains(why), "{refused}");
        }
        for text in [
            "",
            "default = \"b\"\n[[plan]]\nid = \"a\"\ntitle = \"A\"",
            &with("").replace("id =", "price = 5\nid ="),
            &with("").replace("id = \"a\"", "id = \"A b\""),
        ] {
            assert!(Plans::parse(text).is_err(), "{text}");
        }
        let twice = format!("{}\n[[plan]]\nid = \"a\"\ntitle = \"A\"", with(""));
        assert!(Plans::parse(&twice).expect_err("twice").to_string().contains("twice"));
    }
}
