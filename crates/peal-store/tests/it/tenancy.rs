//! Another tenant's rows do not exist. Each call that takes an org is tried with the wrong one.

use std::time::Duration;

use peal_core::{Capabilities, KeyKind, Rules};
use peal_store::{Making, NewKey, Paging, StoreError, VersionedRules};

use crate::common::{Bench, actor_of, rename};

#[tokio::test]
async fn every_call_with_another_orgs_app_finds_nothing() {
    let bench = Bench::new().await;
    let (ada, eve) = (bench.sign_up("ada@example.com").await, bench.sign_up("eve@example.com").await);
    let (store, actor) = (&bench.store, actor_of(&eve));
    let (org, app, key) = (eve.org.id, ada.app.id, &ada.key.id);
    let new = NewKey::generate("Mine", KeyKind::Standard, Capabilities::all());
    let rules = VersionedRules { version: 1, rules: Rules::default() };
    let making = Making { by: eve.user.id, actor: &actor, once: None };
    let before = store.directory_version().await.unwrap();
    let answers = [
        ("app_get", store.app_get(org, app).await.err()),
        ("app_rename", rename(store, org, app, "Mine", &actor).await.err()),
        ("key_list", store.key_list(org, app, Paging::first(10)).await.err()),
        ("app_limits", store.app_limits(org, app).await.err()),
        ("app_delete", store.app_delete(org, app, &actor).await.err()),
        ("key_get", store.key_get(org, app, key).await.err()),
        ("key_get in an own app", store.key_get(org, eve.app.id, key).await.err()),
        ("key_create", store.key_create(org, app, &new, making, |_| panic!("nothing is made")).await.err()),
        ("key_update", store.key_update(org, app, key, &actor, |_| {}).await.err()),
        ("key_update in an own app", store.key_update(org, eve.app.id, key, &actor, |_| {}).await.err()),
        ("key_rotate", store.key_rotate(org, app, key, Duration::ZERO, making, |_| panic!("nothing is made")).await.err()),
        (
            "key_rotate in an own app",
            store.key_rotate(org, eve.app.id, key, Duration::ZERO, making, |_| panic!("nothing is made")).await.err(),
        ),
        ("key_revoke", store.key_revoke(org, app, key, &actor).await.err()),
        ("key_revoke in an own app", store.key_revoke(org, eve.app.id, key, &actor).await.err()),
        ("key_reveal", store.key_reveal(org, app, key, &actor).await.err()),
        ("key_reveal in an own app", store.key_reveal(org, eve.app.id, key, &actor).await.err()),
        ("console_key", store.console_key(org, app).await.err()),
        ("rules_get", store.rules_get(org, app).await.err()),
        ("rules_replace", store.rules_replace(org, app, &rules, &actor).await.err()),
        ("session_end", store.session_end(org, eve.user.id, ada.session.id, &actor).await.err()),
    ];
    for (call, error) in answers {
        assert!(matches!(error, Some(StoreError::NotFound(_))), "{call}: {error:?}");
    }
    assert_eq!(store.directory_version().await.unwrap(), before, "nothing changed");
    assert_eq!(store.app_list(org, Paging::first(10)).await.unwrap().items.len(), 1);
    assert_eq!(store.audit_list(org, Paging::first(10)).await.unwrap().items.len(), 1, "only her own sign-up");
}

#[tokio::test]
async fn the_console_key_is_one_per_app_and_never_revealed() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let console = bench.store.console_key(ada.org.id, ada.app.id).await.unwrap();
    assert_eq!(bench.store.console_key(ada.org.id, ada.app.id).await.unwrap().id, console.id);
    let refused = bench.store.key_reveal(ada.org.id, ada.app.id, &console.id, &actor_of(&ada)).await;
    assert!(matches!(refused, Err(StoreError::NotFound("key"))));
    assert!(matches!(bench.store.key_revoke(ada.org.id, ada.app.id, &console.id, &actor_of(&ada)).await, Err(StoreError::NotFound("key"))));
}
