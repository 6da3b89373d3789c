//! Every change leaves an event in its own transaction, and the chain shows tampering.

use peal_store::{Paging, Revocation, StoreError};

use crate::common::{Bench, actor_of, rename};

#[tokio::test]
async fn each_change_is_written_down_with_who_and_what() {
    let bench = Bench::new().await;
    let made = bench.sign_up("ada@example.com").await;
    let actor = actor_of(&made);
    rename(&bench.store, made.org.id, made.app.id, "Chat", &actor).await.unwrap();
    bench.store.key_reveal(made.org.id, made.app.id, &made.key.id, &actor).await.unwrap();
    bench.store.revocation_add(made.app.id, &Revocation::Token("t-1".to_owned()), &actor).await.unwrap();
    bench.store.key_revoke(made.org.id, made.app.id, &made.key.id, &actor).await.unwrap();
    let events = bench.store.audit_list(made.org.id, Paging::first(10)).await.unwrap().items;
    let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["key.revoke", "tokens.revoke", "key.reveal", "app.update", "account.create"]);
    let rename = &events[3];
    assert_eq!(rename.actor_id, made.user.id.to_string());
    assert_eq!(rename.target, format!("app:{}", made.app.id));
    assert_eq!(rename.before.as_ref().unwrap()["name"], "My first app");
    assert_eq!(rename.after.as_ref().unwrap()["name"], "Chat");
}

#[tokio::test]
async fn without_the_event_there_is_no_change() {
    let bench = Bench::new().await;
    let made = bench.sign_up("ada@example.com").await;
    let version = bench.store.directory_version().await.unwrap();
    bench.sql("alter table audit_event add constraint full_disk check (action <> 'app.update')").await.unwrap();
    let refused = rename(&bench.store, made.org.id, made.app.id, "Chat", &actor_of(&made)).await;
    assert!(matches!(refused, Err(StoreError::Database(_))));
    assert_eq!(bench.store.app_get(made.org.id, made.app.id).await.unwrap().name, "My first app");
    assert_eq!(bench.store.directory_version().await.unwrap(), version);
}

#[tokio::test]
async fn the_table_refuses_updates_and_deletes() {
    let bench = Bench::new().await;
    bench.sign_up("ada@example.com").await;
    for sql in ["update audit_event set actor_id = 'x'", "delete from audit_event", "truncate audit_event"] {
        assert!(bench.sql(sql).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn the_chain_finds_what_was_edited_or_cut_out() {
    for (tampering, first_bad) in [
        ("update audit_event set after = '{\"name\":\"Chess\"}' where seq = 2", 2),
        ("update audit_event set actor_id = 'somebody' where seq = 3", 3),
        ("update audit_event set at = at + interval '1 microsecond' where seq = 1", 1),
        ("delete from audit_event where seq = 2", 2),
        ("delete from audit_event where seq = 3", 3),
    ] {
        let bench = Bench::new().await;
        let made = bench.sign_up("ada@example.com").await;
        for name in ["Chat", "Chess"] {
            rename(&bench.store, made.org.id, made.app.id, name, &actor_of(&made)).await.unwrap();
        }
        assert_eq!(bench.store.audit_verify(made.org.id).await.unwrap(), None);
        bench.sql("alter table audit_event disable trigger all").await.unwrap();
        bench.sql(tampering).await.unwrap();
        assert_eq!(bench.store.audit_verify(made.org.id).await.unwrap(), Some(first_bad), "{tampering}");
    }
}

#[tokio::test]
async fn concurrent_changes_of_one_org_keep_one_chain() {
    let bench = Bench::new().await;
    let made = bench.sign_up("ada@example.com").await;
    let renames: Vec<_> = (0..20)
        .map(|n| {
            let (store, actor, org, app) = (bench.store.clone(), actor_of(&made), made.org.id, made.app.id);
            tokio::spawn(async move { rename(&store, org, app, &format!("App {n}"), &actor).await })
        })
        .collect();
    for rename in renames {
        rename.await.unwrap().unwrap();
    }
    assert_eq!(bench.store.audit_list(made.org.id, Paging::first(100)).await.unwrap().items.len(), 21);
    assert_eq!(bench.store.audit_verify(made.org.id).await.unwrap(), None);
}
