//! `connect` (protocol 2): who the client is and what it may do. A refused one is answered and then closed with the code of its error.

use std::sync::Arc;

use peal_core::{App, ErrorCode, KeyKind, Refusal, token};
use peal_wire::native::{self, Connect, Credentials};

use super::{Authority, NativeSession};
use crate::action::Action;
use crate::hub::Hub;
use crate::rate::Rate;
use crate::session::{Farewell, Session};

/// Credentials that wait for the directory.
pub(crate) enum Presented {
    Token(String),
    Key(String),
}

impl std::fmt::Debug for Presented {
    /// Tokens are never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token",
            Self::Key(_) => "Key",
        })
    }
}

impl Hub {
    pub(crate) fn native_connect(&mut self, slot: u32, id: u64, connect: &Connect<'_>) {
        let Some(Session::NativeOpening(opening)) = self.connections.get(slot).map(|connection| &connection.session) else { return };
        if opening.waiting.is_some() {
            return self.refuse_request(slot, id, &Refusal::of(ErrorCode::AlreadyConnected));
        }
        match connect.credentials() {
            Ok(Credentials::Token(token)) => self.native_present(slot, id, Presented::Token(token.to_owned()), false),
            Ok(Credentials::Key(key)) => self.native_present(slot, id, Presented::Key(key.to_owned()), false),
            Err(refusal) => self.native_refuse_connect(slot, id, &refusal),
        }
    }

    /// The directory was loaded again: judge what waited for it.
    pub(crate) fn native_connect_again(&mut self, slot: u32) {
        let Some(Session::NativeOpening(opening)) = self.connections.get_mut(slot).map(|connection| &mut connection.session) else {
            return;
        };
        if let Some((id, presented)) = opening.waiting.take() {
            self.native_present(slot, id, presented, true);
        }
    }

    fn native_present(&mut self, slot: u32, id: u64, presented: Presented, refreshed: bool) {
        match self.native_accept(slot, &presented) {
            Ok((app, authority)) => self.native_connected(slot, id, &app, authority),
            Err(refusal) if matches!(refusal.code, ErrorCode::UnknownKey | ErrorCode::DirectoryStale) && !refreshed => {
                let Some(handle) = self.connections.handle(slot) else { return };
                if let Some(Session::NativeOpening(opening)) = self.connections.get_mut(slot).map(|connection| &mut connection.session) {
                    opening.waiting = Some((id, presented));
                    self.act(Action::RefreshDirectory(handle));
                }
            }
            Err(refusal) => self.native_refuse_connect(slot, id, &refusal),
        }
    }

    fn native_accept(&self, slot: u32, presented: &Presented) -> Result<(Arc<App>, Authority), Refusal> {
        let Some(Session::NativeOpening(opening)) = self.connections.get(slot).map(|connection| &connection.session) else {
            return Err(Refusal::of(ErrorCode::AlreadyConnected));
        };
        let origin = opening.origin.as_deref();
        match presented {
            Presented::Token(text) => {
                let (app, key) = self.directory.resolve_key(&token::key_id(text)?, self.now.wall_ms)?;
                key.check_origin(origin)?;
                let token = token::verify(app, text, self.now)?;
                self.app_admit(app)?;
                Ok((Arc::clone(app), Authority::Token(Box::new(token))))
            }
            Presented::Key(id) => {
                let (app, key) = self.directory.resolve_key(id, self.now.wall_ms)?;
                if key.kind == KeyKind::Console {
                    return Err(Refusal::of(ErrorCode::UnknownKey));
                }
                key.check_origin(origin)?;
                if !app.rules.default.anonymous && !app.rules.ordered.iter().any(|rule| rule.settings.anonymous) {
                    return Err(Refusal::of(ErrorCode::AnonymousNotAllowed));
                }
                self.app_admit(app)?;
                Ok((Arc::clone(app), Authority::Anonymous(key.id.clone())))
            }
        }
    }

    fn native_connected(&mut self, slot: u32, id: u64, app: &Arc<App>, authority: Authority) {
        let client = authority.client_id().cloned();
        let expires_ms = match &authority {
            Authority::Token(token) => Some(token.expires_at_s * 1_000),
            Authority::Anonymous(_) => None,
        };
        let Some(connection) = self.connections.get_mut(slot) else { return };
        let connection_id = connection.id;
        connection.session = Session::Native(Box::new(NativeSession {
            authority,
            publishes: Rate::default(),
            reads: Rate::default(),
            published: false,
            members: Vec::new(),
            channel_tokens: Vec::new(),
            expiring_told: false,
        }));
        self.app_join(slot, app);
        self.tab_open(slot);
        self.totals.open(false);
        if let (Some(client), Some(entry)) = (&client, self.apps.get_mut(&app.id)) {
            crate::apps::index(&mut entry.clients, client, slot, true);
        }
        self.greet(slot, native::encode_connected(id, connection_id, client.as_deref(), self.config.native_ping_ms, expires_ms));
        self.arm_connection(slot);
    }

    fn native_refuse_connect(&mut self, slot: u32, id: u64, refusal: &Refusal) {
        self.refuse_request(slot, id, refusal);
        self.finish(slot, refusal.code.info().close, &refusal.detail, Farewell::Clean, Some(refusal.code));
    }
}
