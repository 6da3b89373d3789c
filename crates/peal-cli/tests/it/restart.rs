//! A development server starts many times on one data directory, and what a developer has pasted elsewhere goes on working.

use crate::peal::{Home, Peal, is_alive};

#[test]
fn twice_in_a_row_everything_is_the_same() {
    let home = Home::new();
    let first = Peal::start(&home, &[]);
    let (app, dashboard) = (first.ready["app"].clone(), first.ready["dashboard"]["password"].clone());
    assert!(first.stop().success());
    let second = Peal::start(&home, &[]);
    assert_eq!((&second.ready["app"], &second.ready["dashboard"]["password"]), (&app, &dashboard));
    assert!(second.stop().success());
}

#[test]
fn after_kill_9_the_left_postgres_is_adopted_and_stopped() {
    let home = Home::new();
    let first = Peal::start(&home, &[]);
    let app = first.ready["app"].clone();
    let postmaster = home.postmaster().unwrap();
    first.kill();
    assert!(is_alive(postmaster), "nobody has stopped it");

    let second = Peal::start(&home, &[]);
    assert_eq!(home.postmaster(), Some(postmaster), "a second server was started beside the left one");
    assert_eq!(second.ready["app"], app);
    assert!(second.stop().success());
    assert!(!is_alive(postmaster));
}

#[test]
fn after_kill_9_of_both_it_starts_again() {
    let home = Home::new();
    let first = Peal::start(&home, &[]);
    let postmaster = home.postmaster().unwrap();
    first.kill();
    crate::peal::send(postmaster, rustix::process::Signal::KILL);
    let second = Peal::start(&home, &[]);
    assert_ne!(home.postmaster(), Some(postmaster));
    assert!(second.stop().success());
}

#[test]
fn a_changed_seed_secret_takes_effect() {
    let home = Home::new();
    assert!(Peal::start(&home, &["--seed-app", "4321:key:old"]).stop().success());
    let again = Peal::start(&home, &["--seed-app", "4321:key:new"]);
    // key:new
    let headers = [("Authorization", "Basic a2V5Om5ldw=="), ("Content-Type", "application/json")];
    assert_eq!(crate::http::post(again.address("edge_url"), "/v1/channels/hello/messages", &headers, r#"{"data":1}"#).status, 200);
}
