//! What is revoked closes what it opened, at the next directory.

use peal_core::{App, Directory};
use serde_json::json;

use crate::rig::*;

fn change(rig: &mut Rig, change: impl FnOnce(&mut App)) {
    let mut app = app();
    change(&mut app);
    rig.hub.directory(rig.now, directory(app));
    rig.run();
}

#[test]
fn a_revoked_key_closes_its_connections_on_both_protocols() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.pusher());
    change(&mut rig, |app| app.keys = vec![key("another")]);
    assert_eq!(rig.closed_with(ada), Some(4008));
    assert_eq!(rig.closed_with(bob), Some(4009));
    rig.assert_empty();
}

#[test]
fn a_key_that_expires_closes_at_that_moment() {
    let mut rig = Rig::new();
    let bob = rig.pusher();
    let at = rig.now.wall_ms + 5_000;
    change(&mut rig, |app| app.keys[0].expires_at_ms = Some(at));
    rig.after(4_999);
    rig.nothing(bob);
    rig.after(1);
    assert_eq!(rig.closed_with(bob), Some(4009));
    rig.assert_empty();
}

#[test]
fn revoked_tokens_close_with_get_a_fresh_one_and_others_stay() {
    let mut rig = Rig::new();
    let (ada, bob) = (rig.native("ada"), rig.native("bob"));
    change(&mut rig, |app| app.revocations.clients = vec![("ada".into(), 2_000_000_000)]);
    assert_eq!(rig.closed_with(ada), Some(4402));
    assert_eq!(rig.ask(bob, json!({"ping": {}}))["ok"], json!({}));
    change(&mut rig, |app| app.revocations.issued_before = Some(1));
    assert_eq!(rig.closed_with(bob), Some(4402), "a token without iat counts as old");
    rig.assert_empty();
}

#[test]
fn a_paused_app_and_a_removed_one_close_everything() {
    let mut rig = Rig::new();
    let ada = rig.native("ada");
    change(&mut rig, |app| app.paused = true);
    assert_eq!(rig.closed_with(ada), Some(4003));
    let mut rig = Rig::new();
    let ada = rig.pusher();
    rig.hub.directory(rig.now, Directory::default().into());
    rig.run();
    assert_eq!(rig.closed_with(ada), Some(4001));
    rig.assert_empty();
}

#[test]
fn a_revoked_channel_token_ends_its_subscription_only() {
    let mut rig = Rig::new();
    let ada = rig.open(native_open());
    let token = rig.token(|claims| {
        claims.sub = Some("ada".into());
        claims.cap = None;
    });
    rig.ask(ada, json!({"connect": {"token": token}}));
    let for_room = rig.token(|claims| {
        claims.ch = Some("private-room".into());
        claims.cap = None;
        claims.jti = Some("t-1".into());
    });
    rig.ask(ada, json!({"subscribe": {"channel": "private-room", "token": for_room}}));
    change(&mut rig, |app| app.revocations.token_ids = vec!["t-1".into()]);
    assert_eq!(rig.next(ada)["unsubscribed"]["error"]["name"], "token_revoked");
    assert_eq!(rig.ask(ada, json!({"ping": {}}))["ok"], json!({}));
    rig.assert_empty();
}
