//! A wrong keyring is refused loudly, and a ciphertext opens only where it belongs.

use peal_store::{Keyring, StoreError};

use crate::common::{Bench, actor_of, connect};

const KEY_A: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const KEY_B: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

#[tokio::test]
async fn the_right_keyring_starts_again_and_a_stranger_does_not() {
    let bench = Bench::new().await;
    bench.sign_up("ada@example.com").await;
    connect(&bench.url, bench.keyring.clone()).await.migrate().await.expect("the same keyring is welcome");
    let stranger = connect(&bench.url, Keyring::ephemeral()).await;
    assert!(matches!(stranger.migrate().await, Err(StoreError::MasterKeyMissing { .. })));
    assert_eq!(bench.count("select count(*) from keyring_canary").await, 1, "the stranger left no mark");
}

#[tokio::test]
async fn a_key_of_the_right_name_and_wrong_bytes_is_refused() {
    let bench = Bench::new().await;
    let named_a = Keyring::from_env(&format!("main:{KEY_A}")).unwrap();
    connect(&bench.url, named_a).await.keyring_check().await.unwrap();
    let named_b = Keyring::from_env(&format!("main:{KEY_B}")).unwrap();
    let refused = connect(&bench.url, named_b).await.keyring_check().await;
    assert!(matches!(refused, Err(StoreError::MasterKeyWrong { kek_id }) if kek_id == "main"));
}

#[tokio::test]
async fn an_edge_with_the_wrong_keyring_loads_nothing_rather_than_apps_without_keys() {
    let bench = Bench::new().await;
    let named = |bytes: &str| Keyring::from_env(&format!("main:{bytes}")).unwrap();
    let right = connect(&bench.url, named(KEY_A)).await;
    right.keyring_check().await.unwrap();
    right.sign_up(&crate::common::sign_up("ada@example.com")).await.unwrap();
    let stranger = connect(&bench.url, Keyring::ephemeral()).await;
    for since in [None, Some(1)] {
        assert!(matches!(stranger.directory_load(since).await, Err(StoreError::MasterKeyMissing { .. })), "{since:?}");
    }
    let namesake = connect(&bench.url, named(KEY_B)).await;
    assert!(matches!(namesake.directory_load(None).await, Err(StoreError::MasterKeyWrong { .. })));
    assert_eq!(bench.count("select count(*) from keyring_canary where kek_id <> 'main'").await, 1, "a load plants nothing");
}

#[tokio::test]
async fn a_new_primary_key_reads_what_the_old_one_wrote_and_replaces_it() {
    let bench = Bench::new().await;
    let old = connect(&bench.url, Keyring::from_env(&format!("old:{KEY_A}")).unwrap()).await;
    old.keyring_check().await.unwrap();
    let made = old.sign_up(&crate::common::sign_up("ada@example.com")).await.unwrap();
    let rotated = connect(&bench.url, Keyring::from_env(&format!("new:{KEY_B},old:{KEY_A}")).unwrap()).await;
    rotated.keyring_check().await.unwrap();
    rotated.key_reveal(made.org.id, made.app.id, &made.key.id, &actor_of(&made)).await.expect("still readable");

    assert_eq!(rotated.data_keys_rewrap().await.unwrap(), 1);
    assert_eq!(rotated.data_keys_rewrap().await.unwrap(), 0, "once is enough");
    let new_alone = connect(&bench.url, Keyring::from_env(&format!("new:{KEY_B}")).unwrap()).await;
    new_alone.keyring_check().await.expect("the old key may go");
    new_alone.key_reveal(made.org.id, made.app.id, &made.key.id, &actor_of(&made)).await.expect("readable without it");
    assert!(matches!(old.keyring_check().await, Err(StoreError::MasterKeyMissing { kek_id }) if kek_id == "new"));
}

#[tokio::test]
async fn a_ciphertext_moved_to_another_row_does_not_open() {
    let bench = Bench::new().await;
    let (ada, eve) = (bench.sign_up("ada@example.com").await, bench.sign_up("eve@example.com").await);
    let moved = format!(
        "update api_key set nonce = source.nonce, ciphertext = source.ciphertext \
         from (select nonce, ciphertext from api_key where key_id = '{}') as source where key_id = '{}'",
        ada.key.id, eve.key.id
    );
    assert_eq!(bench.sql(&moved).await.unwrap(), 1);
    let stolen = bench.store.key_reveal(eve.org.id, eve.app.id, &eve.key.id, &actor_of(&eve)).await;
    assert!(matches!(stolen, Err(StoreError::SecretUnreadable { .. })));

    // Nor with the victim's data key moved along.
    bench
        .sql(&format!(
            "update org_data_key set nonce = source.nonce, wrapped_key = source.wrapped_key \
             from (select nonce, wrapped_key from org_data_key where org_id = '{}') as source where org_id = '{}'",
            ada.org.id, eve.org.id
        ))
        .await
        .unwrap();
    let stolen = bench.store.key_reveal(eve.org.id, eve.app.id, &eve.key.id, &actor_of(&eve)).await;
    assert!(matches!(stolen, Err(StoreError::SecretUnreadable { .. })));

    let directory = bench.store.directory_load(None).await.expect("the others load");
    let keys = |id| directory.apps.iter().find(|app| app.id == id).unwrap().keys.len();
    assert_eq!((keys(ada.app.id), keys(eve.app.id)), (2, 0));
}
