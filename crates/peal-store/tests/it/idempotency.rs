//! A request that makes something may be sent twice and is done once.

use std::sync::atomic::{AtomicU32, Ordering};

use peal_core::{Capabilities, KeyKind};
use peal_store::{Answered, Making, NewKey, Once, Paging, SignedUp, StoreError};
use secrecy::ExposeSecret;

use crate::common::{Bench, actor_of};

fn once(of: &SignedUp, name: &str, fingerprint: u8) -> Once {
    Once { user: of.user.id, name: name.to_owned(), fingerprint: [fingerprint; 32] }
}

/// Makes a key under a name; the answer is its secret.
async fn make(bench: &Bench, of: &SignedUp, once: &Once) -> Result<Answered, StoreError> {
    let new = NewKey::generate("Made", KeyKind::Standard, Capabilities::all());
    let actor = actor_of(of);
    let making = Making { by: of.user.id, actor: &actor, once: Some(once) };
    bench.store.key_create(of.org.id, of.app.id, &new, making, |made| made.secret).await
}

async fn keys(bench: &Bench, of: &SignedUp) -> usize {
    bench.store.key_list(of.org.id, of.app.id, Paging::first(100)).await.unwrap().items.len()
}

#[tokio::test]
async fn the_second_gets_the_first_answer_and_nothing_is_made() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let first = make(&bench, &ada, &once(&ada, "a", 1)).await.unwrap();
    let second = make(&bench, &ada, &once(&ada, "a", 1)).await.unwrap();
    assert_eq!((first.again, second.again), (false, true));
    assert_eq!(first.text.expose_secret(), second.text.expose_secret());
    assert_eq!(keys(&bench, &ada).await, 2);
    let other = make(&bench, &ada, &once(&ada, "b", 1)).await.unwrap();
    assert_ne!(first.text.expose_secret(), other.text.expose_secret());
    assert!(matches!(make(&bench, &ada, &once(&ada, "a", 2)).await, Err(StoreError::IdempotencyConflict)));
    assert_eq!(keys(&bench, &ada).await, 3);
}

#[tokio::test]
async fn copies_at_once_make_one_thing() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let (name, made) = (once(&ada, "a", 1), AtomicU32::new(0));
    let copy = async || {
        let answered = make(&bench, &ada, &name).await.unwrap();
        made.fetch_add(u32::from(!answered.again), Ordering::Relaxed);
        answered.text.expose_secret().to_owned()
    };
    let (a, b, c, d) = tokio::join!(copy(), copy(), copy(), copy());
    assert!([&b, &c, &d].iter().all(|text| **text == a));
    assert_eq!((made.load(Ordering::Relaxed), keys(&bench, &ada).await), (1, 2));
}

#[tokio::test]
async fn what_failed_was_not_done_and_may_be_asked_for_again() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    bench.sql("alter table audit_event add constraint full_disk check (action <> 'key.create')").await.unwrap();
    assert!(make(&bench, &ada, &once(&ada, "a", 1)).await.is_err());
    bench.sql("alter table audit_event drop constraint full_disk").await.unwrap();
    assert!(!make(&bench, &ada, &once(&ada, "a", 2)).await.unwrap().again);
}

#[tokio::test]
async fn a_name_belongs_to_its_user_and_is_forgotten_after_a_day() {
    let bench = Bench::new().await;
    let (ada, eve) = (bench.sign_up("ada@example.com").await, bench.sign_up("eve@example.com").await);
    make(&bench, &ada, &once(&ada, "a", 1)).await.unwrap();
    assert!(!make(&bench, &eve, &once(&eve, "a", 2)).await.unwrap().again);
    assert_eq!(bench.store.idempotency_prune().await.unwrap(), 0);
    bench.sql("update idempotency set at = now() - interval '24 hours'").await.unwrap();
    assert!(!make(&bench, &ada, &once(&ada, "a", 2)).await.unwrap().again, "also before it is pruned");
    assert_eq!(bench.store.idempotency_prune().await.unwrap(), 1, "hers is of now");
}

#[tokio::test]
async fn a_kept_answer_is_not_readable_in_the_database_and_opens_in_its_row_alone() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let secret = make(&bench, &ada, &once(&ada, "a", 1)).await.unwrap().text;
    make(&bench, &ada, &once(&ada, "b", 1)).await.unwrap();
    let hex: String = secret.expose_secret().bytes().map(|byte| format!("{byte:02x}")).collect();
    let found = format!("select count(*) from idempotency where position(decode('{hex}', 'hex') in ciphertext) > 0");
    assert_eq!(bench.count(&found).await, 0);
    bench
        .sql("update idempotency i set nonce = o.nonce, ciphertext = o.ciphertext from idempotency o where o.key_hash <> i.key_hash")
        .await
        .unwrap();
    assert!(matches!(make(&bench, &ada, &once(&ada, "a", 1)).await, Err(StoreError::SecretUnreadable { .. })));
}
