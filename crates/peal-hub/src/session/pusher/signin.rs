//! Signing in (protocol notes 6): a connection becomes that of a user, whom the app's server vouched for.

use std::sync::Arc;

use peal_core::{ErrorCode, Refusal, signature};
use peal_wire::pusher;

use super::signing_key;
use crate::hub::Hub;
use crate::session::Session;

impl Hub {
    pub(super) fn pusher_signin(&mut self, slot: u32, auth: &str, user_data: &str) -> Result<(), Refusal> {
        let Some(app) = self.app_of(slot) else { return Ok(()) };
        let (key, given) = signing_key(&app, auth, self.now.wall_ms)?;
        let Some(connection) = self.connections.get_mut(slot) else { return Ok(()) };
        if !signature::hmac_matches(&key.secret, signature::pusher_user_text(connection.id, user_data).as_bytes(), given) {
            return Err(Refusal::new(
                ErrorCode::SignatureInvalid,
                "The signature of auth does not match; sign socket_id::user::user_data with the key's secret.",
            ));
        }
        let signed_in = pusher::parse_user_data(user_data)?;
        let Session::Pusher(session) = &mut connection.session else { return Ok(()) };
        if session.user.as_ref().is_some_and(|user| user.user_id != signed_in.identity.user_id) {
            return Err(Refusal::new(ErrorCode::NotAuthorised, "This connection is signed in as another user already."));
        }
        let user = Arc::clone(&signed_in.identity.user_id);
        session.user = Some(signed_in.identity);
        if let Some(entry) = self.apps.get_mut(&app.id) {
            crate::apps::index(&mut entry.users, &user, slot, true);
        }
        self.pusher_authorised(slot);
        self.push(slot, pusher::encode_signin_success(user_data));
        if app.features.watchlist {
            if signed_in.watchlist_truncated {
                self.push_error(slot, &Refusal::of(ErrorCode::WatchlistTruncated));
            }
            self.user_enter(slot, app.id, &user);
            self.watchlist_begin(slot, app.id, signed_in.watchlist);
        }
        Ok(())
    }
}
