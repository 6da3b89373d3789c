//! With the answer to its batches a node hears where the orgs of their apps stand, also when Postgres was away in between.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use peal_core::usage::{Metric, Row, Usage};
use peal_core::{AppId, Quota};
use peal_meter::{Sender, Spool};
use peal_store::{SessionOrigin, SignUp};

use crate::common::{Bench, minute_now};

fn usage(app: AppId, metric: Metric, value: u64) -> Usage {
    Usage { rows: vec![Row { app, minute: minute_now(), metric, value }], ..Usage::default() }
}

/// An app, and where its org stands.
type Told = (AppId, Option<Quota>);

#[tokio::test]
async fn a_node_is_told_where_the_org_stands_once_its_batches_are_applied() {
    let bench = Bench::new().await;
    let origin = SessionOrigin { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), user_agent: "a test".into() };
    let sign_up =
        SignUp { email: "ada@example.com".into(), password_hash: "$argon2id$test".into(), origin, request_id: "req-1".into(), plan: None };
    let app = bench.store.sign_up(&sign_up).await.unwrap().app.id;
    let told: Arc<Mutex<Vec<Told>>> = Arc::default();
    let spool = Arc::new(Spool::open(None).unwrap());
    let hear = {
        let told = Arc::clone(&told);
        move |app, quota| told.lock().unwrap().push((app, quota))
    };
    let mut sender = Sender::new(Arc::clone(&spool), bench.store.clone(), "node 1").telling_quotas(hear);

    spool.append(usage(app, Metric::MessagesIn, 40), 1_000).unwrap();
    spool.append(usage(app, Metric::MessagesOut, 2), 2_000).unwrap();
    sender.send_all().await.unwrap();
    let heard = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(heard.iter().map(|(app, quota)| (*app, quota.unwrap().used)).collect::<Vec<_>>(), [(app, 42)], "once for both batches");

    bench.sql("alter table org rename to org_away").await;
    spool.append(usage(app, Metric::RejectedQuota, 7), 3_000).unwrap();
    sender.send_all().await.expect_err("the quota cannot be read");
    assert_eq!(spool.waiting(), 0, "the batch is applied all the same");
    bench.sql("alter table org_away rename to org").await;
    bench.sql("update org set plan = 'unlimited'").await;
    sender.send_all().await.unwrap();
    assert_eq!(*told.lock().unwrap(), [(app, None)], "later, and that there is none is told too");
}
