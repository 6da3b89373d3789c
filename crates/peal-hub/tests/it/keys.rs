//! Which keys the open connections stand on.

use crate::rig::*;

#[test]
fn a_key_is_in_use_while_it_has_a_connection_however_silent() {
    let mut rig = Rig::new();
    assert!(rig.hub.keys_in_use().is_empty());
    rig.open(native_open());
    assert!(rig.hub.keys_in_use().is_empty(), "who has not said who they are uses no key");
    let (ada, bob) = (rig.native("ada"), rig.pusher());
    let used = [(app_id(), KEY.parse().expect("a key id"))];
    assert!(rig.hub.keys_in_use().into_iter().eq(used.clone()), "once for both");
    rig.hub.closed(rig.now, ada);
    assert!(rig.hub.keys_in_use().into_iter().eq(used));
    rig.hub.closed(rig.now, bob);
    assert!(rig.hub.keys_in_use().is_empty());
}
