//! Keys: rotated with an overlap, revoked for good, and known to be in use or not.

use std::time::Duration;

use peal_core::{Capabilities, KeyKind};
use peal_store::{KeyRotated, KeyUsed, Making, NewKey, Paging, SignedUp, StoreError};
use secrecy::SecretString;

use crate::common::{Bench, actor_of};

async fn rotate(bench: &Bench, ada: &SignedUp, overlap: Duration) -> Result<KeyRotated, StoreError> {
    let (actor, mut rotated) = (actor_of(ada), None);
    let making = Making { by: ada.user.id, actor: &actor, once: None };
    let answer = |made: KeyRotated| {
        rotated = Some(made);
        SecretString::default()
    };
    bench.store.key_rotate(ada.org.id, ada.app.id, &ada.key.id, overlap, making, answer).await?;
    Ok(rotated.expect("it was answered"))
}

async fn served(bench: &Bench, key: &str) -> Option<peal_core::Key> {
    bench.store.directory_load(None).await.unwrap().apps[0].key(key).cloned()
}

#[tokio::test]
async fn both_keys_are_good_during_the_overlap_and_edges_know_until_when() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    bench.sql("update api_key set allowed_origins = '{https://app.example}', capabilities = '{\"a\":[\"publish\"]}'").await.unwrap();
    let KeyRotated { key, old, .. } = rotate(&bench, &ada, Duration::from_secs(3_600)).await.unwrap();
    assert_eq!((&old.id, old.replaced_by.as_ref()), (&ada.key.id, Some(&key.id)));
    assert_eq!((key.name.as_str(), &key.allowed_origins, &key.capabilities), ("First key", &old.allowed_origins, &old.capabilities));
    assert_eq!((key.expires_at, key.created_by.as_deref()), (None, Some("ada@example.com")));
    let until = old.expires_at.expect("it ends") - key.created_at;
    assert_eq!(until.whole_seconds(), 3_600);
    assert!(served(&bench, key.id.as_str()).await.is_some());
    let served_old = served(&bench, old.id.as_str()).await.expect("still good");
    assert_eq!(served_old.expires_at_ms, old.expires_at.map(|at| (at.unix_timestamp_nanos() / 1_000_000) as u64));
    assert!(matches!(rotate(&bench, &ada, Duration::ZERO).await, Err(StoreError::KeyReplaced)));
}

#[tokio::test]
async fn without_an_overlap_the_old_key_is_dead_at_once() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let KeyRotated { key, .. } = rotate(&bench, &ada, Duration::ZERO).await.unwrap();
    assert!(served(&bench, ada.key.id.as_str()).await.is_none());
    assert!(served(&bench, key.id.as_str()).await.is_some());
}

#[tokio::test]
async fn a_key_that_would_end_sooner_anyway_keeps_its_end_and_its_lifetime_is_passed_on() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    bench.sql("update api_key set created_at = now() - interval '89 days 23 hours', expires_at = now() + interval '1 hour'").await.unwrap();
    let KeyRotated { key, old, .. } = rotate(&bench, &ada, Duration::from_secs(7 * 86_400)).await.unwrap();
    assert!((old.expires_at.unwrap() - key.created_at).whole_seconds() <= 3_600);
    assert_eq!((key.expires_at.unwrap() - key.created_at).whole_days(), 90);
}

#[tokio::test]
async fn the_last_use_only_moves_forward_and_wakes_no_edge() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let version = bench.store.directory_version().await.unwrap();
    let used = |at_ms: u64| KeyUsed { key: ada.key.id.clone(), at_ms };
    let last = async || {
        let key = bench.store.key_get(ada.org.id, ada.app.id, &ada.key.id).await.unwrap();
        key.last_used_at.map(|at| at.unix_timestamp_nanos() / 1_000_000)
    };
    assert_eq!(last().await, None);
    bench.store.keys_used(ada.app.id, &[used(1_000), used(3_001), used(2_000)]).await.unwrap();
    assert_eq!(last().await, Some(3_001));
    let nobody = KeyUsed { key: "nobody".parse().unwrap(), at_ms: 9_000 };
    bench.store.keys_used(ada.app.id, &[used(2_500), nobody]).await.unwrap();
    assert_eq!(last().await, Some(3_001));
    let eve = bench.sign_up("eve@example.com").await;
    bench.store.keys_used(eve.app.id, &[used(9_000)]).await.unwrap();
    assert_eq!(last().await, Some(3_001), "another app's edge says nothing about it");
    assert_eq!(bench.store.directory_version().await.unwrap(), version + 1, "only the sign-up");
}

#[tokio::test]
async fn an_app_has_a_hundred_keys_at_most_and_pages_show_them_all() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let actor = actor_of(&ada);
    let making = Making { by: ada.user.id, actor: &actor, once: None };
    bench
        .sql(
            "insert into api_key (app_id, key_id, org_id, name, capabilities, nonce, ciphertext) \
             select app_id, 'filler' || n, org_id, 'Filler', '{}', nonce, ciphertext from api_key, generate_series(1, 99) n \
             where kind = 'standard'",
        )
        .await
        .unwrap();
    let new = NewKey::generate("One more", KeyKind::Standard, Capabilities::all());
    let refused = bench.store.key_create(ada.org.id, ada.app.id, &new, making, |_| panic!("nothing is made")).await;
    assert!(matches!(refused, Err(StoreError::TooMany { what: "keys", limit: 100 })));
    let (mut seen, mut after) = (std::collections::BTreeSet::new(), None);
    loop {
        let page = bench.store.key_list(ada.org.id, ada.app.id, Paging { after, limit: 30 }).await.unwrap();
        seen.extend(page.items.into_iter().map(|key| key.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 100);
}
