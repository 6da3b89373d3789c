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
async fn a_new_primary_key_reads_what_the_old_one_wrote() {
    let bench = Bench::new().await;
    let old = connect(&bench.url, Keyring::from_env(&format!("old:{KEY_A}")).unwrap()).await;
    old.keyring_check().await.unwrap();
    let made = old.sign_up(&crate::common::sign_up("ada@example.com")).await.unwrap();
    let rotated = connect(&bench.url, Keyring::from_env(&format!("new:{KEY_B},old:{KEY_A}")).unwrap()).await;
    rotated.keyring_check().await.unwrap();
    rotated.key_reveal(made.org.id, made.app.id, &made.key.id, &actor_of(&made)).await.expect("still readable");
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
