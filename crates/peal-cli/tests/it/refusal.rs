//! What does not exist yet is refused with a sentence, before anything is started.

use crate::peal::run;

#[test]
fn features_of_later_releases_are_refused() {
    let refused = run(&["dev", "--ephemeral", "--seed-webhook", "4321=http://127.0.0.1"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--seed-webhook: webhooks arrive"), "{refused:?}");
}

#[test]
fn servers_say_what_they_miss() {
    for command in ["edge", "api", "migrate"] {
        let refused = run(&[command, "--keyring-file", "/nowhere/keyring"]);
        assert_ne!(refused.code, Some(0), "{refused:?}");
        let refused = run(&[command]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("PEAL_KEYRING"), "{refused:?}");
    }
}

#[test]
fn an_unusable_postgres_is_named() {
    let refused = run(&[
        "dev",
        "--ephemeral",
        "--postgres-bin",
        "/nowhere",
        "--edge-addr",
        "127.0.0.1:0",
        "--api-addr",
        "127.0.0.1:0",
        "--admin-addr",
        "127.0.0.1:0",
    ]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("/nowhere"), "{refused:?}");
}
