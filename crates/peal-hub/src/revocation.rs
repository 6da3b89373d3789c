//! A new directory: apps that are gone or paused, keys and tokens that are revoked close what they opened (DESIGN section 6).

use std::sync::Arc;

use peal_core::{App, AppId, ClientToken, Directory, ErrorCode, Features, Now, Refusal};

use crate::hub::Hub;
use crate::session::native::Authority;
use crate::session::{Farewell, Session};

impl Hub {
    /// The configuration changed. Only connections of apps that differ from the last directory are looked at.
    pub fn directory(&mut self, now: Now, directory: Arc<Directory>) {
        self.now = now;
        self.directory = directory;
        for id in self.apps.keys().copied().collect::<Vec<_>>() {
            let Some(entry) = self.apps.get_mut(&id) else { continue };
            let slots: Vec<u32> = entry.connections.iter().copied().collect();
            let features = entry.app.features;
            let refusal = match self.directory.app(id) {
                Some(app) if Arc::ptr_eq(app, &entry.app) => continue,
                Some(app) => {
                    entry.app = Arc::clone(app);
                    app.paused.then_some(ErrorCode::AppPaused)
                }
                None => Some(ErrorCode::UnknownKey),
            };
            for slot in slots {
                if let Some(code) = refusal.or_else(|| self.revoked(slot)) {
                    self.close(slot, &Refusal::of(code), Farewell::Clean);
                } else {
                    self.end_revoked_channel_tokens(slot);
                    self.arm_connection(slot);
                }
            }
            self.features_changed(id, features);
        }
    }

    /// What a switch means for who is there already.
    fn features_changed(&mut self, app: AppId, before: Features) {
        let Some(now) = self.apps.get(&app).map(|entry| entry.app.features) else { return };
        if now.subscription_count != before.subscription_count {
            self.count_switched(app, now.subscription_count);
        }
        if now.watchlist != before.watchlist {
            self.watchlist_switched(app, now.watchlist);
        }
        if now.authorized_connections != before.authorized_connections {
            self.authorisation_switched(app, now.authorized_connections);
        }
    }

    fn revoked(&self, slot: u32) -> Option<ErrorCode> {
        let connection = self.connections.get(slot)?;
        let app = &self.apps.get(&connection.app?)?.app;
        let key = match &connection.session {
            Session::Pusher(session) => &session.key,
            Session::Native(session) => session.authority.key(),
            Session::PusherOpening(_) | Session::NativeOpening(_) | Session::Over => return None,
        };
        if app.key(key.as_str()).is_none_or(|key| !key.is_live(self.now.wall_ms)) {
            return Some(ErrorCode::KeyRevoked);
        }
        match &connection.session {
            Session::Native(session) => match &session.authority {
                Authority::Token(token) if covered(app, token) => Some(ErrorCode::TokenRevoked),
                _ => None,
            },
            _ => None,
        }
    }

    fn end_revoked_channel_tokens(&mut self, slot: u32) {
        let Some(app) = self.app_of(slot) else { return };
        let wall_ms = self.now.wall_ms;
        let dead = |token: &ClientToken| covered(&app, token) || app.key(token.key.as_str()).is_none_or(|key| !key.is_live(wall_ms));
        let Some(session) = self.native_session_mut(slot) else { return };
        let count = session.channel_tokens.len();
        session.channel_tokens.retain(|token| !dead(token));
        if session.channel_tokens.len() < count {
            self.end_uncovered(slot, &Refusal::of(ErrorCode::TokenRevoked));
        }
    }
}

fn covered(app: &App, token: &ClientToken) -> bool {
    app.revocations.cover(&token.key, token.client_id.as_deref(), token.token_id.as_deref(), token.issued_at_s)
}
