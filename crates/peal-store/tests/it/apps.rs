//! Apps: made with everything that their first message needs, changed under a lock, deleted for edges and people, not for the books.

use peal_core::plan::UNLIMITED;
use peal_core::{AppId, Environment, Features};
use peal_store::{Making, NewApp, Paging, SeedApp, StoreError};
use secrecy::ExposeSecret;

use crate::common::{Bench, actor_of, rename};

fn app(name: &str, environment: Environment) -> NewApp {
    NewApp { name: name.to_owned(), environment }
}

#[tokio::test]
async fn a_production_app_starts_closed_and_a_development_app_open() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let actor = actor_of(&ada);
    let making = Making { by: ada.user.id, actor: &actor, once: None };
    for environment in [Environment::Development, Environment::Production] {
        let made = |made: peal_store::AppCreated| made.app.id.to_string().into();
        let answered = bench.store.app_create(ada.org.id, &app("Chat", environment), making, made).await.unwrap();
        let id: AppId = answered.text.expose_secret().parse().unwrap();
        let apps = bench.store.directory_load(None).await.unwrap().apps;
        let served = apps.iter().find(|app| app.id == id).expect("edges have it");
        let open = environment == Environment::Development;
        assert_eq!((served.rules.default.anonymous, served.rules.default.client_events), (open, open));
        assert_eq!(served.features, Features { subscription_count: open, watchlist: open, authorized_connections: false });
        assert_eq!(served.keys.len(), 2, "a first key and the console's");
    }
    assert_eq!(bench.store.audit_list(ada.org.id, Paging::first(10)).await.unwrap().items[0].action, "app.create");
}

#[tokio::test]
async fn what_an_edit_leaves_alone_is_neither_written_nor_noted() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let (version, actor) = (bench.store.directory_version().await.unwrap(), actor_of(&ada));
    rename(&bench.store, ada.org.id, ada.app.id, "My first app", &actor).await.unwrap();
    assert_eq!(bench.store.directory_version().await.unwrap(), version);
    let pause = |settings: &mut peal_store::AppSettings, _: &_| {
        settings.paused = true;
        Ok(())
    };
    assert!(bench.store.app_update(ada.org.id, ada.app.id, &actor, pause).await.unwrap().paused);
    let event = bench.store.audit_list(ada.org.id, Paging::first(1)).await.unwrap().items.remove(0);
    assert_eq!((event.before, event.after), (Some(serde_json::json!({ "paused": false })), Some(serde_json::json!({ "paused": true }))));
    assert!(bench.store.directory_load(Some(version)).await.unwrap().apps[0].paused);
    let refused = bench.store.app_update(ada.org.id, ada.app.id, &actor, |_, _| Err("No.".to_owned())).await;
    assert!(matches!(refused, Err(StoreError::Invalid(why)) if why == "No."));
}

#[tokio::test]
async fn two_edits_of_different_settings_at_once_both_hold() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let (store, actor, org, id) = (&bench.store, actor_of(&ada), ada.org.id, ada.app.id);
    let count = store.app_update(org, id, &actor, |settings, _| {
        settings.features.subscription_count = false;
        Ok(())
    });
    let watch = store.app_update(org, id, &actor, |settings, _| {
        settings.features.watchlist = false;
        Ok(())
    });
    let (count, watch) = tokio::join!(count, watch);
    count.unwrap();
    watch.unwrap();
    assert_eq!(store.app_get(org, id).await.unwrap().features, Features::default());
}

#[tokio::test]
async fn a_deleted_app_is_gone_for_edges_and_people_and_its_name_stays_in_the_log() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let (version, actor) = (bench.store.directory_version().await.unwrap(), actor_of(&ada));
    bench.store.app_delete(ada.org.id, ada.app.id, &actor).await.unwrap();
    assert_eq!(bench.store.directory_load(Some(version)).await.unwrap().removed, [ada.app.id]);
    assert!(matches!(bench.store.app_get(ada.org.id, ada.app.id).await, Err(StoreError::NotFound("app"))));
    assert!(matches!(bench.store.app_delete(ada.org.id, ada.app.id, &actor).await, Err(StoreError::NotFound("app"))));
    assert!(bench.store.app_list(ada.org.id, Paging::first(10)).await.unwrap().items.is_empty());
    let event = bench.store.audit_list(ada.org.id, Paging::first(1)).await.unwrap().items.remove(0);
    assert_eq!((event.action.as_str(), event.before), ("app.delete", Some(serde_json::json!({ "name": "My first app" }))));
}

#[tokio::test]
async fn the_hundredth_app_is_the_last_also_when_two_ask_at_once() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let (store, actor, new) = (&bench.store, actor_of(&ada), app("Chat", Environment::Production));
    bench
        .sql(&format!(
            "insert into app (org_id, app_id, name, environment, version) \
             select '{}', 200000000 + n, 'Filler', 'production', 0 from generate_series(1, 98) n",
            ada.org.id
        ))
        .await
        .unwrap();
    let making = Making { by: ada.user.id, actor: &actor, once: None };
    let one = store.app_create(ada.org.id, &new, making, |_| String::new().into());
    let other = store.app_create(ada.org.id, &new, making, |_| String::new().into());
    let (one, other) = tokio::join!(one, other);
    let outcomes = [one.is_ok(), other.is_ok()];
    assert!(outcomes.contains(&true) && outcomes.contains(&false), "{outcomes:?}");
    let refused = store.app_create(ada.org.id, &new, making, |_| panic!("nothing is made")).await;
    assert!(matches!(refused, Err(StoreError::TooMany { what: "apps", limit: 100 })));
}

#[tokio::test]
async fn pages_hold_every_app_once_while_others_come_and_go() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    bench
        .sql(&format!(
            "insert into app (org_id, app_id, name, environment, version, created_at) \
             select '{}', 200000000 + n, 'App ' || n, 'production', 0, now() + (n / 3) * interval '1 second' from generate_series(1, 10) n",
            ada.org.id
        ))
        .await
        .unwrap();
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = bench.store.app_list(ada.org.id, Paging { after, limit: 3 }).await.unwrap();
        assert!(page.items.len() <= 3);
        names.extend(page.items.iter().map(|app| app.name.clone()));
        let Some(next) = page.next else { break };
        // The item that the page ended with disappears.
        bench.store.app_delete(ada.org.id, next, &actor_of(&ada)).await.unwrap();
        after = Some(next);
    }
    let wanted: Vec<String> = std::iter::once("My first app".to_owned()).chain((1..=10).map(|n| format!("App {n}"))).collect();
    assert_eq!(names, wanted);
}

#[tokio::test]
async fn a_plan_gives_limits_an_app_lowers_them_and_edges_get_what_holds() {
    let bench = Bench::new().await;
    let ada = bench.sign_up("ada@example.com").await;
    let served = async || bench.store.directory_load(None).await.unwrap().apps.remove(0).limits;
    assert_eq!((served().await.connections, served().await.messages_per_second), (Some(250), Some(500)), "the free plan");
    let tighten =
        |settings: &mut peal_store::AppSettings, plan: &peal_core::Plan| settings.limits.change(&plan.limits, "connections", Some(20));
    bench.store.app_update(ada.org.id, ada.app.id, &actor_of(&ada), tighten).await.unwrap();
    assert_eq!(served().await.connections, Some(20));
    bench.sql("update org set plan = 'pro'").await.unwrap();
    assert_eq!((served().await.connections, served().await.messages_per_second), (Some(20), Some(10_000)));
    bench.sql("update org set plan = 'no such plan'").await.unwrap();
    assert_eq!(served().await.messages_per_second, Some(500), "the default plan");
}

#[tokio::test]
async fn a_seeded_app_has_no_limits_of_a_plan_and_comes_back_whatever_was_done_to_it() {
    let bench = Bench::new().await;
    let seed = SeedApp {
        app_id: "123456789".parse().unwrap(),
        key_id: "seeded".parse().unwrap(),
        secret: "a seeded secret".to_owned().into(),
        name: "Seeded".to_owned(),
    };
    bench.store.app_seed(&seed).await.unwrap();
    let version = bench.store.directory_version().await.unwrap();
    bench.store.app_seed(&seed).await.unwrap();
    assert_eq!(bench.store.directory_version().await.unwrap(), version, "seeding again changes nothing");
    let expected = peal_core::Plans::built_in().get(UNLIMITED).unwrap().limits.clone();
    for damage in [
        "update app set deleted_at = now()",
        "update api_key set revoked_at = now() where kind = 'standard'",
        "update api_key set expires_at = now(), replaced_by = 'other' where kind = 'standard'",
    ] {
        bench.sql(damage).await.unwrap();
        bench.store.app_seed(&seed).await.unwrap();
        let app = bench.store.directory_load(None).await.unwrap().apps.remove(0);
        assert!(app.key("seeded").is_some_and(|key| key.expires_at_ms.is_none()), "{damage}");
        assert_eq!(app.limits, expected);
    }
}
