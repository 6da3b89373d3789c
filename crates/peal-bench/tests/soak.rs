//! The soak, short: every kind of client comes and goes, nothing is lost or doubled, and the server is afterwards as it was. Whether memory
//! grows is for the hour to tell.

mod support;

use serde_json::Value;

use support::bench;

#[test]
fn a_server_is_as_it_was_once_everybody_has_left() {
    let report: Value = serde_json::from_str(&bench("soak", &["--minutes", "0.35", "--every", "2", "--clients", "60"])).unwrap();
    assert_eq!(report["wrong"], Value::Array(Vec::new()));
    for (what, at_least) in [("visits", 40), ("cuts", 20), ("published", 100), ("flooded", 100), ("history_pages", 5), ("received", 100)] {
        assert!(report["done"][what].as_u64().unwrap() >= at_least, "{what}: {report}");
    }
    assert!(report["done"]["seen"]["resumed"].as_u64().unwrap() >= 10, "{report}");
    let during = &report["samples"][1];
    for what in ["heap_bytes", "tasks", "files", "connections", "subscriptions", "topics", "members"] {
        assert!(during[what].as_u64().unwrap() > report["before"][what].as_u64().unwrap(), "{what} is not measured: {report}");
    }
    // These may fall: what is shared with another process counts in part, and the allocator gives back.
    for what in ["held_bytes", "pss_bytes"] {
        assert!(during[what].as_u64().unwrap() > 1_000_000, "{what} is not measured: {report}");
    }
}
