//! Sessions end when they should. Time is moved by ageing rows, never by waiting.

use peal_store::{Paging, PasswordChange, SessionToken, StoreError};

use crate::common::{Bench, actor_of, origin};

#[tokio::test]
async fn a_session_speaks_for_its_member_until_it_is_deleted() {
    let bench = Bench::new().await;
    let made = bench.sign_up("ada@example.com").await;
    let token = SessionToken::parse(made.session.token.expose()).unwrap();
    let session = bench.store.session_resolve(&token).await.unwrap().expect("it is live");
    assert_eq!((session.user.id, session.org.id), (made.user.id, made.org.id));
    assert!(session.is_sudo(), "the password has just been given");
    bench.store.session_delete(&token).await.unwrap();
    assert!(bench.store.session_resolve(&token).await.unwrap().is_none());
    bench.store.session_delete(&token).await.expect("twice is fine");
}

#[tokio::test]
async fn it_ends_14_days_after_its_last_use_and_60_days_after_its_creation() {
    let bench = Bench::new().await;
    let made = bench.sign_up("ada@example.com").await;
    let token = &made.session.token;
    for (alive, aged) in [
        (true, "last_seen_at = now() - interval '13 days 23 hours'"),
        (false, "last_seen_at = now() - interval '14 days 1 second'"),
        (true, "last_seen_at = now(), created_at = now() - interval '59 days 23 hours'"),
        (false, "last_seen_at = now(), created_at = now() - interval '60 days 1 second'"),
    ] {
        bench.sql(&format!("update session set {aged}")).await.unwrap();
        assert_eq!(bench.store.session_resolve(token).await.unwrap().is_some(), alive, "{aged}");
    }
    assert_eq!(bench.store.session_prune().await.unwrap(), 1);
}

#[tokio::test]
async fn sudo_mode_ends_after_15_minutes_and_comes_back_on_demand() {
    let bench = Bench::new().await;
    let made = bench.sign_up("ada@example.com").await;
    bench.sql("update session set sudo_until = sudo_until - interval '15 minutes 1 second'").await.unwrap();
    let session = bench.store.session_resolve(&made.session.token).await.unwrap().unwrap();
    assert!(!session.is_sudo());
    bench.store.session_sudo(made.user.id, session.id).await.unwrap();
    assert!(bench.store.session_resolve(&made.session.token).await.unwrap().unwrap().is_sudo());

    let other = bench.sign_up("bob@example.com").await;
    let foreign = bench.store.session_sudo(other.user.id, session.id).await;
    assert!(matches!(foreign, Err(StoreError::NotFound(_))), "nobody raises another's session");
}

#[tokio::test]
async fn a_visit_is_written_once_a_minute_at_most() {
    let bench = Bench::new().await;
    let made = bench.sign_up("ada@example.com").await;
    bench.sql("update session set last_seen_at = now() - interval '59 seconds'").await.unwrap();
    bench.store.session_resolve(&made.session.token).await.unwrap().unwrap();
    let stale = "select count(*) from session where last_seen_at < now() - interval '50 seconds'";
    assert_eq!(bench.count(stale).await, 1);
    bench.sql("update session set last_seen_at = now() - interval '61 seconds'").await.unwrap();
    bench.store.session_resolve(&made.session.token).await.unwrap().unwrap();
    assert_eq!(bench.count(stale).await, 0);
}

#[tokio::test]
async fn signing_in_again_replaces_the_browsers_session_and_leaves_the_others() {
    let bench = Bench::new().await;
    let made = bench.sign_up("ada@example.com").await;
    let phone = bench.store.session_create(made.user.id, &origin(), None).await.unwrap();
    let again = bench.store.session_create(made.user.id, &origin(), Some(&made.session.token)).await.unwrap();
    assert!(bench.store.session_resolve(&made.session.token).await.unwrap().is_none());
    for live in [&phone.token, &again.token] {
        assert!(bench.store.session_resolve(live).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_removed_member_is_signed_out() {
    let bench = Bench::new().await;
    let made = bench.sign_up("ada@example.com").await;
    bench.sql("delete from org_member").await.unwrap();
    assert!(bench.store.session_resolve(&made.session.token).await.unwrap().is_none());
}

#[tokio::test]
async fn a_person_sees_their_browsers_and_ends_one_or_all_others() {
    let bench = Bench::new().await;
    let (ada, eve) = (bench.sign_up("ada@example.com").await, bench.sign_up("eve@example.com").await);
    let (store, actor) = (&bench.store, actor_of(&ada));
    let phone = store.session_create(ada.user.id, &origin(), None).await.unwrap();
    let laptop = store.session_create(ada.user.id, &origin(), None).await.unwrap();
    let ids = async || store.session_list(ada.user.id).await.unwrap().into_iter().map(|device| device.session).collect::<Vec<_>>();
    assert_eq!(ids().await.len(), 3);
    store.session_end(ada.org.id, ada.user.id, phone.id, &actor).await.unwrap();
    assert!(!ids().await.contains(&phone.id));
    let gone = store.session_end(ada.org.id, ada.user.id, phone.id, &actor).await;
    assert!(matches!(gone, Err(StoreError::NotFound("session"))));
    assert_eq!(store.session_end_others(ada.org.id, ada.user.id, laptop.id, &actor).await.unwrap(), 1);
    assert_eq!(ids().await, [laptop.id]);
    assert!(store.session_resolve(&eve.session.token).await.unwrap().is_some());
}

#[tokio::test]
async fn a_new_password_ends_every_session_but_the_one_it_was_given_in() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let (store, actor, origin) = (&bench.store, actor_of(&ada), origin());
    let phone = store.session_create(ada.user.id, &origin, None).await.unwrap();
    let change =
        PasswordChange { org: ada.org.id, user: ada.user.id, origin: &origin, old_hash: "$argon2id$test", new_hash: "$argon2id$new" };
    let fresh = store.password_change(&change, &actor).await.unwrap();
    for old in [&phone.token, &ada.session.token] {
        assert!(store.session_resolve(old).await.unwrap().is_none());
    }
    assert!(store.session_resolve(&fresh.token).await.unwrap().is_some());
    assert!(store.password_change(&change, &actor).await.is_err(), "the hash that it was checked against is gone");
    let event = store.audit_list(ada.org.id, Paging::first(1)).await.unwrap().items.remove(0);
    assert_eq!((event.action.as_str(), event.actor_email.as_deref()), ("password.change", Some("ada@example.com")));
}
