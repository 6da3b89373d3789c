//! Copies beside each other: possible on other ports and another data directory, and told so plainly otherwise.

use crate::peal::{Home, Peal, run};

#[test]
fn two_copies_run_beside_each_other() {
    let (one, other) = (Home::new(), Home::new());
    let first = Peal::start(&one, &[]);
    let second = Peal::start(&other, &[]);
    assert_ne!(first.url("database_url"), second.url("database_url"));
    assert_ne!(first.ready["app"]["secret"], second.ready["app"]["secret"]);
}

#[test]
fn a_second_on_the_same_data_directory_is_told_so() {
    let home = Home::new();
    let first = Peal::start(&home, &[]);
    let ports = ["--edge-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"];
    let refused = run(&[&["dev", "--data-dir", home.data().to_str().unwrap()][..], &ports].concat());
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("another peal dev") && refused.stderr.contains(&first.pid().to_string()), "{refused:?}");
    assert!(refused.stderr.contains("--data-dir"), "{refused:?}");
}

#[test]
fn a_second_on_the_same_ports_is_told_which_flag_to_change() {
    let home = Home::new();
    let first = Peal::start(&home, &["--ephemeral"]);
    for (flag, taken) in [("--edge-addr", "edge_url"), ("--api-addr", "api_url"), ("--admin-addr", "admin_url")] {
        let mut args = vec!["dev", "--ephemeral"];
        for other in ["--edge-addr", "--api-addr", "--admin-addr"] {
            args.extend([other, if other == flag { first.address(taken) } else { "127.0.0.1:0" }]);
        }
        let refused = run(&args);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("address in use") && refused.stderr.contains(flag), "{refused:?}");
    }
}
