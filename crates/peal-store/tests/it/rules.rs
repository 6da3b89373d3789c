//! Rules are replaced whole, by whoever has read the present ones.

use peal_core::capability::Pattern;
use peal_core::{Retention, Rule, RuleSettings, Rules};
use peal_store::{Paging, StoreError, VersionedRules};

use crate::common::{Bench, actor_of};

fn rules(patterns: &[&str]) -> Rules {
    let rule = |pattern: &&str| Rule { pattern: Pattern::new(pattern).unwrap(), settings: RuleSettings::development() };
    Rules { ordered: patterns.iter().map(rule).collect(), default: RuleSettings::default() }
}

#[tokio::test]
async fn of_two_editors_the_second_is_told_and_loses_nothing_of_the_first() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let (store, actor, org, app) = (&bench.store, actor_of(&ada), ada.org.id, ada.app.id);
    let read = store.rules_get(org, app).await.unwrap();
    assert_eq!((read.version, read.rules.ordered.len()), (1, 0));
    let change = |patterns| VersionedRules { version: read.version, rules: rules(patterns) };
    let saved = store.rules_replace(org, app, &change(&["b", "a.*"]), &actor).await.unwrap();
    assert_eq!(saved.version, 2);
    let refused = store.rules_replace(org, app, &change(&["c"]), &actor).await;
    assert!(matches!(refused, Err(StoreError::VersionConflict { expected: 1, found: 2 })));
    assert_eq!(store.rules_get(org, app).await.unwrap(), saved);
    let event = store.audit_list(org, Paging::first(1)).await.unwrap().items.remove(0);
    assert_eq!(event.before.unwrap()["ordered"].as_array().unwrap().len(), 0);
    assert_eq!(event.after.unwrap()["ordered"][1]["pattern"], "a.*");
}

#[tokio::test]
async fn what_the_plan_does_not_allow_is_refused_and_after_a_downgrade_cut_on_the_edge_only() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let (store, actor, org, app) = (&bench.store, actor_of(&ada), ada.org.id, ada.app.id);
    let mut new = VersionedRules { version: 1, rules: rules(&["a"]) };
    new.rules.ordered[0].settings.history = Retention { count: 500, ttl_ms: 24 * 3_600_000 };
    let refused = store.rules_replace(org, app, &new, &actor).await;
    assert!(matches!(refused, Err(StoreError::Invalid(why)) if why.starts_with("Rule 1, a: history.ttl_ms is at most 7200000")));
    bench.sql("update org set plan = 'starter'").await.unwrap();
    store.rules_replace(org, app, &new, &actor).await.unwrap();
    bench.sql("update org set plan = 'free'").await.unwrap();
    let served = store.directory_load(None).await.unwrap().apps.remove(0).rules;
    assert_eq!(served.ordered[0].settings.history, Retention { count: 500, ttl_ms: 2 * 3_600_000 });
    assert_eq!(store.rules_get(org, app).await.unwrap().rules, new.rules, "what was asked for is kept");
}
