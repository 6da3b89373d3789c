//! Signing up makes everything for the first message, or nothing.

use peal_core::{Environment, KeyKind};
use peal_store::{Paging, SeedApp, StoreError};
use secrecy::{ExposeSecret, SecretString};

use crate::common::{Bench, actor_of, sign_up};

#[tokio::test]
async fn it_makes_user_org_app_keys_and_session_at_once() {
    let bench = Bench::new().await;
    let made = bench.sign_up("Ada@Example.com").await;

    assert_eq!(made.user.email, "Ada@Example.com");
    assert_eq!(made.org.name, "Ada's team");
    assert_eq!((made.app.name.as_str(), made.app.environment), ("My first app", Environment::Development));
    assert!((9..=15).contains(&made.app.id.to_string().len()), "{}", made.app.id);
    assert_eq!(made.key.id.as_str().len(), 20);

    let directory = bench.store.directory_load(None).await.unwrap();
    let app = directory.apps.iter().find(|app| app.id == made.app.id).expect("edges see the app");
    assert_eq!(app.org, made.org.id);
    let kinds: Vec<KeyKind> = app.keys.iter().map(|key| key.kind).collect();
    assert_eq!(app.keys.len(), 2);
    assert!(kinds.contains(&KeyKind::Standard) && kinds.contains(&KeyKind::Console));
    assert!(app.rules.default.anonymous && app.rules.default.client_events, "a development app is open at first");

    let listed = bench.store.key_list(made.org.id, made.app.id, Paging::first(10)).await.unwrap().items;
    assert_eq!(listed.iter().map(|key| &key.id).collect::<Vec<_>>(), [&made.key.id], "the console key is hidden");
    let revealed = bench.store.key_reveal(made.org.id, made.app.id, &made.key.id, &actor_of(&made)).await.unwrap();
    assert_eq!(revealed.secret.expose_secret().len(), 43);
    assert_eq!(app.key(made.key.id.as_str()).unwrap().secret.expose_secret(), revealed.secret.expose_secret());
}

#[tokio::test]
async fn one_address_is_one_account_whatever_its_case() {
    let bench = Bench::new().await;
    bench.sign_up("ada@example.com").await;
    let version = bench.store.directory_version().await.unwrap();
    let again = bench.store.sign_up(&sign_up("ADA@example.COM")).await;
    assert!(matches!(again, Err(StoreError::EmailTaken)));
    assert_eq!(bench.count("select count(*) from org").await, 1, "nothing is left of the refused one");
    assert_eq!(bench.store.directory_version().await.unwrap(), version);
    assert!(bench.store.credentials_find("aDa@example.com").await.unwrap().is_some());
    assert!(bench.store.credentials_find("bob@example.com").await.unwrap().is_none());
}

#[tokio::test]
async fn the_same_address_from_many_browsers_makes_one_account() {
    let bench = Bench::new().await;
    let attempts = (0..8).map(|_| {
        let store = bench.store.clone();
        tokio::spawn(async move { store.sign_up(&sign_up("ada@example.com")).await.map(|_| ()) })
    });
    let mut made = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(()) => made += 1,
            Err(StoreError::EmailTaken) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn a_secret_is_nowhere_in_the_database() {
    let bench = Bench::new().await;
    let made = bench.sign_up("ada@example.com").await;
    let secret = bench.store.key_reveal(made.org.id, made.app.id, &made.key.id, &actor_of(&made)).await.unwrap().secret;
    let secret = secret.expose_secret();
    for table in ["api_key", "audit_event", "org_data_key", "session"] {
        let hits = bench
            .count(&format!(
                "select count(*) from {table} as t where t::text like '%{secret}%' or t::text like '%' || encode('{secret}', 'hex') || '%'"
            ))
            .await;
        assert_eq!(hits, 0, "{table}");
    }
    let token = made.session.token.expose();
    assert_eq!(bench.count(&format!("select count(*) from session as t where t::text like '%{token}%'")).await, 0);
}

#[tokio::test]
async fn seeding_twice_changes_nothing_and_a_changed_secret_is_taken() {
    let bench = Bench::new().await;
    let seed = |secret: &str| SeedApp {
        app_id: "1".parse().unwrap(),
        key_id: "app-key".parse().unwrap(),
        secret: SecretString::from(secret),
        name: "Seeded".to_owned(),
    };
    bench.store.app_seed(&seed("one")).await.unwrap();
    let version = bench.store.directory_version().await.unwrap();
    bench.store.app_seed(&seed("one")).await.unwrap();
    assert_eq!(bench.store.directory_version().await.unwrap(), version);

    bench.store.app_seed(&seed("two")).await.unwrap();
    let delta = bench.store.directory_load(Some(version)).await.unwrap();
    assert_eq!(delta.apps[0].key("app-key").unwrap().secret.expose_secret(), "two");

    bench.store.dev_account("dev@example.com", "hash-1", "1".parse().unwrap()).await.unwrap();
    bench.store.dev_account("dev@example.com", "hash-2", "1".parse().unwrap()).await.unwrap();
    let account = bench.store.credentials_find("dev@example.com").await.unwrap().unwrap();
    assert_eq!(account.password_hash, "hash-2");
    assert_eq!(bench.store.app_list(account.org.id, Paging::first(10)).await.unwrap().items[0].id.to_string(), "1");

    let stolen = SeedApp { app_id: "2".parse().unwrap(), ..seed("two") };
    assert!(matches!(bench.store.app_seed(&stolen).await, Err(StoreError::KeyIdTaken)));
}
