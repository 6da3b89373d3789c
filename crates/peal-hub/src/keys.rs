//! Which keys this core's connections stand on, so that a key with silent connections does not look unused.

use std::collections::BTreeSet;

use peal_core::{AppId, KeyId};

use crate::hub::Hub;
use crate::session::Session;

impl Hub {
    /// The keys of open connections, each once. Looks at every connection, so it is for now and then.
    #[must_use]
    pub fn keys_in_use(&self) -> BTreeSet<(AppId, KeyId)> {
        let mut used = BTreeSet::<(AppId, &KeyId)>::new();
        for (_, connection) in self.connections.iter() {
            let key = match &connection.session {
                Session::Pusher(session) => &session.key,
                Session::Native(session) => session.authority.key(),
                Session::PusherOpening(_) | Session::NativeOpening(_) | Session::Over => continue,
            };
            used.extend(connection.app.map(|app| (app, key)));
        }
        used.into_iter().map(|(app, key)| (app, key.clone())).collect()
    }
}
