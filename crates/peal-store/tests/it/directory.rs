//! An edge that follows versions never misses a change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use peal_core::capability::Pattern;
use peal_core::{App, AppId, Rule, RuleSettings, Rules};
use peal_store::{Keyring, Revocation, Store, StoreError, StoreOptions, VersionedRules};

use crate::common::{Bench, actor_of, connect, rename};

/// What an edge keeps: it merges deltas exactly as they come.
#[derive(Default)]
struct Follower {
    version: Option<i64>,
    apps: BTreeMap<AppId, App>,
}

impl Follower {
    async fn follow(&mut self, store: &Store) {
        let delta = store.directory_load(self.version).await.expect("the load succeeds");
        if delta.complete {
            self.apps.clear();
        }
        for app in delta.apps {
            self.apps.insert(app.id, app);
        }
        for app in delta.removed {
            self.apps.remove(&app);
        }
        self.version = Some(delta.version);
    }

    fn names(&self) -> BTreeMap<AppId, String> {
        self.apps.iter().map(|(id, app)| (*id, app.name.clone())).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_version_is_missed_under_concurrent_writers() {
    let bench = Bench::new().await;
    let mut owners = Vec::new();
    for n in 0..6 {
        owners.push(bench.sign_up(&format!("user{n}@example.com")).await);
    }
    let start = bench.store.directory_version().await.unwrap();
    let writing = Arc::new(AtomicBool::new(true));
    let reader = {
        let (store, writing) = (bench.store.clone(), writing.clone());
        tokio::spawn(async move {
            let mut follower = Follower::default();
            let mut loads = 0;
            while writing.load(Ordering::Acquire) {
                follower.follow(&store).await;
                loads += 1;
            }
            follower.follow(&store).await;
            (follower, loads)
        })
    };
    let writers: Vec<_> = owners
        .iter()
        .map(|owner| {
            let (store, actor, org, app) = (bench.store.clone(), actor_of(owner), owner.org.id, owner.app.id);
            tokio::spawn(async move {
                for n in 0..25 {
                    rename(&store, org, app, &format!("Name {n}"), &actor).await.expect("the rename succeeds");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    writing.store(false, Ordering::Release);
    let (follower, loads) = reader.await.unwrap();
    let mut fresh = Follower::default();
    fresh.follow(&bench.store).await;
    assert!(loads > 5, "the reader read while the writers wrote ({loads} loads)");
    assert_eq!(follower.names(), fresh.names());
    assert_eq!(fresh.version, Some(start + 6 * 25), "one version per change, none skipped");
}

#[tokio::test]
async fn a_writer_that_commits_late_is_not_overtaken() {
    let bench = Bench::new().await;
    let (ada, eve) = (bench.sign_up("ada@example.com").await, bench.sign_up("eve@example.com").await);
    let before = bench.store.directory_version().await.unwrap();
    // A writer that has taken its version and not committed.
    let mut slow = sqlx::PgPool::connect(&bench.url).await.unwrap().begin().await.unwrap();
    sqlx::query("update config_version set version = version + 1").execute(&mut *slow).await.unwrap();
    let (store, actor, org, app) = (bench.store.clone(), actor_of(&eve), eve.org.id, eve.app.id);
    let fast = tokio::spawn(async move { rename(&store, org, app, "Overtaker", &actor).await });
    while bench
        .count("select count(*) from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database()")
        .await
        == 0
    {
        assert!(!fast.is_finished(), "the second writer waits for the first");
    }
    assert_eq!(bench.store.directory_version().await.unwrap(), before, "and nobody sees a version in between");
    slow.commit().await.unwrap();
    fast.await.unwrap().unwrap();
    let delta = bench.store.directory_load(Some(before)).await.unwrap();
    assert_eq!(delta.version, before + 2);
    assert_eq!(delta.apps.iter().map(|app| app.id).collect::<Vec<_>>(), [eve.app.id], "unchanged apps stay out: {}", ada.app.id);
}

#[tokio::test]
async fn a_delta_carries_keys_rules_and_revocations_of_the_changed_app() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let actor = actor_of(&ada);
    let rules = Rules {
        ordered: ["chat.vip", "chat.*"]
            .map(|pattern| Rule { pattern: Pattern::new(pattern).unwrap(), settings: RuleSettings::development() })
            .to_vec(),
        default: RuleSettings::default(),
    };
    let versioned = VersionedRules { version: 1, rules: rules.clone() };
    bench.store.rules_replace(ada.org.id, ada.app.id, &versioned, &actor).await.unwrap();
    let client = |issued_before| Revocation::Client { client_id: "bob".to_owned(), issued_before };
    for revocation in
        [client(200), client(100), Revocation::Token("jti".to_owned()), Revocation::IssuedBefore(300), Revocation::Key(ada.key.id.clone())]
    {
        bench.store.revocation_add(ada.app.id, &revocation, &actor).await.unwrap();
    }
    let since = bench.store.directory_version().await.unwrap();
    assert!(bench.store.directory_load(Some(since)).await.unwrap().apps.is_empty());

    let app = bench.store.directory_load(Some(since - 1)).await.unwrap().apps.remove(0);
    assert_eq!(app.rules, rules);
    assert_eq!(app.revocations.clients, [("bob".to_owned(), 200)], "the later time holds");
    assert_eq!(app.revocations.token_ids, ["jti"]);
    assert_eq!(app.revocations.issued_before, Some(300));
    assert_eq!(app.revocations.keys, std::slice::from_ref(&ada.key.id));

    bench.store.key_revoke(ada.org.id, ada.app.id, &ada.key.id, &actor).await.unwrap();
    let app = bench.store.directory_load(Some(since)).await.unwrap().apps.remove(0);
    assert!(app.key(ada.key.id.as_str()).is_none(), "a revoked key is gone");
}

#[tokio::test]
async fn revocations_are_pruned_when_their_tokens_are_dead_and_not_before() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    bench.store.revocation_add(ada.app.id, &Revocation::Token("jti".to_owned()), &actor_of(&ada)).await.unwrap();
    assert_eq!(bench.count("select count(*) from revocation where expires_at > now() + interval '24 hours 30 seconds'").await, 1);
    bench.sql("update revocation set expires_at = expires_at - interval '25 hours' + interval '5 minutes'").await.unwrap();
    assert_eq!(bench.store.revocation_prune().await.unwrap(), 0);
    bench.sql("update revocation set expires_at = now()").await.unwrap();
    assert_eq!(bench.store.revocation_prune().await.unwrap(), 1);
}

#[tokio::test]
async fn a_deleted_app_is_removed_and_a_database_gone_back_in_time_is_loaded_whole() {
    let bench = Bench::new().await;
    let (ada, eve) = (bench.sign_up("ada@example.com").await, bench.sign_up("eve@example.com").await);
    let mut follower = Follower::default();
    follower.follow(&bench.store).await;
    bench
        .sql(&format!(
            "with next as (update config_version set version = version + 1 returning version) \
             update app set deleted_at = now(), version = next.version from next where app_id = {}",
            ada.app.id
        ))
        .await
        .unwrap();
    follower.follow(&bench.store).await;
    assert_eq!(follower.apps.keys().collect::<Vec<_>>(), [&eve.app.id]);

    let ahead = bench.store.directory_version().await.unwrap() + 5;
    let delta = bench.store.directory_load(Some(ahead)).await.unwrap();
    assert!(delta.complete);
    assert_eq!(delta.apps.len(), 1);
}

#[tokio::test]
async fn a_listener_wakes_on_a_committed_change() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let mut listener = bench.store.directory_listen();
    listener.changed().await; // it has connected: whatever happened before may have been missed
    rename(&bench.store, ada.org.id, ada.app.id, "Chat", &actor_of(&ada)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), listener.changed()).await.expect("the notification arrives");
}

#[tokio::test]
async fn a_store_starts_without_postgres_and_says_that_it_is_away() {
    let options = StoreOptions { acquire_timeout: Duration::from_millis(200), ..StoreOptions::default() };
    let store = Store::connect("postgres://nobody@127.0.0.1:9/none", Keyring::ephemeral(), options).await.unwrap();
    let error = store.directory_version().await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
}

#[tokio::test]
async fn a_schema_that_is_too_old_is_refused_and_a_newer_one_is_not() {
    let bench = Bench::new().await;
    bench.store.schema_version_check().await.unwrap();
    bench
        .sql(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'tomorrow', true, '', 0)",
        )
        .await
        .unwrap();
    bench.store.schema_version_check().await.expect("a newer schema is fine");
    connect(&bench.url, bench.keyring.clone()).await.migrate().await.expect("and migrating again too");
    bench.sql("delete from _sqlx_migrations where version >= 4").await.unwrap();
    assert!(matches!(bench.store.schema_version_check().await, Err(StoreError::SchemaTooOld { found: 3, .. })));
}
