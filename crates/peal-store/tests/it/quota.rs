//! The month's quota: every billable message of all apps of an org counts once, and what was crossed is remembered.

use std::sync::Arc;

use peal_core::quota::{Quota, Standing, WhenUsedUp};
use peal_core::usage::{Batch, Metric, Row, Usage};
use peal_core::{AppId, Environment, Plans};
use peal_store::{FlushAnswer, Making, NewApp, SeedApp, SignedUp, Store, StoreOptions};
use secrecy::ExposeSecret;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::common::{Bench, actor_of};

const PLANS: &str = r#"
default = "small"
[[plan]]
id = "small"
title = "Small"
messages_per_month = 1000
when_used_up = "stop"
[[plan]]
id = "larger"
title = "Larger"
messages_per_month = 2000
when_used_up = "stop"
[[plan]]
id = "unlimited"
title = "Unlimited"
"#;

struct Quotas {
    bench: Bench,
    store: Store,
    source: Uuid,
    seq: i64,
}

impl Quotas {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let plans = Arc::new(Plans::parse(PLANS).unwrap());
        let options = StoreOptions { plans, ..StoreOptions::default() };
        let store = Store::connect(&bench.url, bench.keyring.clone(), options).await.unwrap();
        let source = Uuid::now_v7();
        store.usage_source_touch(source, "node", 0).await.unwrap();
        Self { bench, store, source, seq: 0 }
    }

    async fn sign_up(&self, email: &str) -> SignedUp {
        self.store.sign_up(&crate::common::sign_up(email)).await.unwrap()
    }

    /// Applies a batch twice, as a node does that has not heard the answer.
    async fn used(&mut self, rows: &[(AppId, Metric, u64)]) {
        self.seq += 1;
        let minute = OffsetDateTime::now_utc().unix_timestamp() as u64 / 60;
        let rows = rows.iter().map(|(app, metric, value)| Row { app: *app, minute, metric: *metric, value: *value }).collect();
        let usage = Usage { rows, ..Usage::default() }.merged(Usage::default());
        let batch = Batch { source: self.source, seq: self.seq, covers_to_ms: 0, usage };
        assert_eq!(self.store.usage_flush(&batch).await.unwrap(), FlushAnswer::Applied);
        assert_eq!(self.store.usage_flush(&batch).await.unwrap(), FlushAnswer::Duplicate);
    }

    async fn of(&self, app: AppId) -> Quota {
        self.store.quotas_of_apps(&[app]).await.unwrap()[0].1.expect("a quota")
    }

    async fn standing(&self, app: AppId) -> Standing {
        self.of(app).await.standing(now_s())
    }
}

fn now_s() -> u64 {
    OffsetDateTime::now_utc().unix_timestamp() as u64
}

#[tokio::test]
async fn all_apps_of_an_org_use_one_quota_and_nobody_elses() {
    let mut quotas = Quotas::new().await;
    let (ada, bob) = (quotas.sign_up("ada@example.com").await, quotas.sign_up("bob@example.com").await);
    let actor = actor_of(&ada);
    let (new, making) =
        (NewApp { name: "Second".into(), environment: Environment::Production }, Making { by: ada.user.id, actor: &actor, once: None });
    let made = quotas.store.app_create(ada.org.id, &new, making, |made| made.app.id.to_string().into()).await.unwrap();
    let second: AppId = made.text.expose_secret().parse().unwrap();
    quotas.used(&[(ada.app.id, Metric::MessagesIn, 100), (second, Metric::MessagesOut, 200), (bob.app.id, Metric::MessagesIn, 7)]).await;
    quotas.used(&[(ada.app.id, Metric::HistoryReads, 3), (ada.app.id, Metric::WebhookDeliveries, 4), (second, Metric::BytesIn, 999)]).await;
    quotas.used(&[(ada.app.id, Metric::ConnectionMs, 9_999), (ada.app.id, Metric::RejectedQuota, 50)]).await;
    let answer = quotas.store.quotas_of_apps(&[ada.app.id, second, bob.app.id, AppId::new(999).unwrap()]).await.unwrap();
    let mut used: Vec<_> = answer.iter().map(|(app, quota)| (*app, quota.unwrap().used)).collect();
    used.sort_unstable();
    let mut expected = vec![(ada.app.id, 307), (second, 307), (bob.app.id, 7)];
    expected.sort_unstable();
    assert_eq!(used, expected, "and nothing of an app that is not there");
    let (plan, read) = quotas.store.quota_read(ada.org.id).await.unwrap();
    assert_eq!((plan.id.as_str(), read.unwrap().used), ("small", 307));
}

#[tokio::test]
async fn a_crossing_is_written_once_and_the_grace_counts_from_it() {
    let mut quotas = Quotas::new().await;
    let ada = quotas.sign_up("ada@example.com").await;
    quotas.used(&[(ada.app.id, Metric::MessagesIn, 799)]).await;
    assert_eq!(quotas.standing(ada.app.id).await, Standing::Within);
    assert_eq!(quotas.bench.count("select count(*) from quota_crossing").await, 0);
    quotas.used(&[(ada.app.id, Metric::MessagesIn, 1)]).await;
    assert_eq!(quotas.standing(ada.app.id).await, Standing::Near);
    quotas.used(&[(ada.app.id, Metric::MessagesIn, 300)]).await;
    let (one, two) = tokio::join!(quotas.of(ada.app.id), quotas.of(ada.app.id));
    assert_eq!((one.used, one.used_up_at_s), (1_100, two.used_up_at_s));
    assert_eq!((one.included, one.when_used_up, one.standing(now_s())), (1_000, WhenUsedUp::Stop, Standing::Grace));
    assert_eq!(quotas.bench.count("select count(*) from quota_crossing where included = 1000 and percent in (80, 100)").await, 2);

    quotas.bench.sql("update quota_crossing set crossed_at = crossed_at - interval '25 hours'").await.unwrap();
    assert_eq!(quotas.standing(ada.app.id).await, Standing::Stopped);

    quotas.bench.sql("update org set plan = 'larger'").await.unwrap();
    assert_eq!(quotas.standing(ada.app.id).await, Standing::Within, "at once");
    quotas.used(&[(ada.app.id, Metric::MessagesOut, 1_200)]).await;
    assert_eq!(quotas.standing(ada.app.id).await, Standing::Grace, "with a grace of its own");
    quotas.used(&[(ada.app.id, Metric::MessagesOut, 700)]).await;
    assert_eq!(quotas.standing(ada.app.id).await, Standing::Stopped, "half as much again");
    let resets = OffsetDateTime::from_unix_timestamp(quotas.of(ada.app.id).await.resets_at_s as i64).unwrap();
    assert_eq!((resets.day(), resets.hour()), (1, 0));
    assert!(resets > OffsetDateTime::now_utc());
    quotas.bench.sql("update quota_used set month = month - interval '1 month'").await.unwrap();
    assert_eq!(quotas.of(ada.app.id).await.used, 0, "a month is a month");
}

#[tokio::test]
async fn seeded_apps_have_no_quota() {
    let mut quotas = Quotas::new().await;
    let app: AppId = "123456".parse().unwrap();
    let seed = SeedApp { app_id: app, key_id: "seeded".parse().unwrap(), secret: "secret".into(), name: "Seeded".into() };
    quotas.store.app_seed(&seed).await.unwrap();
    quotas.used(&[(app, Metric::MessagesOut, 50_000_000_000)]).await;
    assert_eq!(quotas.store.quotas_of_apps(&[app]).await.unwrap(), [(app, None)]);
}
