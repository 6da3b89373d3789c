//! The Pusher protocol's session (protocol notes 1 to 6): what a client's frames do. The frames themselves are `peal-wire`'s.

mod client_event;
mod signin;
mod subscribe;
mod watchlist;

use std::sync::Arc;

use peal_core::{App, AppId, ErrorCode, Key, KeyId, KeyKind, Refusal};
use peal_wire::pusher::{self, ClientFrame, Identity};

use super::{Farewell, Session};
use crate::action::Action;
use crate::hub::Hub;
use crate::rate::Rate;

pub(crate) use subscribe::check_member_size;

#[derive(Debug)]
pub(crate) struct PusherOpening {
    pub(crate) key: String,
    pub(crate) version: Option<String>,
    pub(crate) origin: Option<String>,
    pub(crate) deadline_ms: u64,
}

#[derive(Debug)]
pub(crate) struct PusherSession {
    pub(crate) key: KeyId,
    /// Who signed in.
    pub(crate) user: Option<Identity>,
    pub(crate) client_events: Rate,
    pub(crate) members: Vec<u32>,
    /// Until when it must sign in or subscribe to a private or presence channel, where the app asks that of everyone; `None` once it has.
    pub(crate) authorise_by_ms: Option<u64>,
    /// The users that it watches.
    pub(crate) watchlist: Option<Box<watchlist::Watchlist>>,
}

impl Hub {
    /// Judges a connection that is opening. An unknown key may be a new one: the directory is asked once.
    pub(crate) fn pusher_open(&mut self, slot: u32, refreshed: bool) {
        let Some(connection) = self.connections.get(slot) else { return };
        let Session::PusherOpening(opening) = &connection.session else { return };
        match self.pusher_accept(opening) {
            Ok((app, key)) => self.pusher_established(slot, &app, key),
            Err(refusal) if matches!(refusal.code, ErrorCode::UnknownKey | ErrorCode::DirectoryStale) && !refreshed => {
                if let Some(handle) = self.connections.handle(slot) {
                    self.act(Action::RefreshDirectory(handle));
                }
            }
            Err(refusal) => self.close(slot, &refusal, Farewell::Clean),
        }
    }

    fn pusher_accept(&self, opening: &PusherOpening) -> Result<(Arc<App>, KeyId), Refusal> {
        match opening.version.as_deref() {
            None => return Err(Refusal::of(ErrorCode::ProtocolMissing)),
            Some("4" | "5" | "6" | "7") => {}
            Some(_) => return Err(Refusal::new(ErrorCode::ProtocolVersion, "Only versions 4 to 7 of the Pusher protocol are supported.")),
        }
        let (app, key) = self.directory.resolve_key(&opening.key, self.now.wall_ms)?;
        if key.kind == KeyKind::Console {
            return Err(Refusal::of(ErrorCode::UnknownKey));
        }
        key.check_origin(opening.origin.as_deref())?;
        self.app_admit(app)?;
        Ok((Arc::clone(app), key.id.clone()))
    }

    fn pusher_established(&mut self, slot: u32, app: &Arc<App>, key: KeyId) {
        let authorise_by_ms = self.now.mono_ms + self.config.pusher_authorise_timeout_ms;
        let Some(connection) = self.connections.get_mut(slot) else { return };
        connection.session = Session::Pusher(Box::new(PusherSession {
            key,
            user: None,
            client_events: Rate::default(),
            members: Vec::new(),
            authorise_by_ms: app.features.authorized_connections.then_some(authorise_by_ms),
            watchlist: None,
        }));
        let frame = pusher::encode_connection_established(&connection.id.socket_id(), self.config.pusher_activity_timeout_s);
        self.app_join(slot, app);
        self.tab_open(slot);
        self.totals.open(true);
        self.greet(slot, frame);
        self.arm_connection(slot);
    }

    pub(crate) fn pusher_text(&mut self, slot: u32, text: &str) {
        if !matches!(self.connections.get(slot).map(|connection| &connection.session), Some(Session::Pusher(_))) {
            return self.push_error(slot, &Refusal::new(ErrorCode::NotConnected, "Wait for pusher:connection_established."));
        }
        match pusher::decode(text) {
            Err(refusal) => self.bad_frame(slot, &refusal),
            Ok(ClientFrame::Ping) => self.push(slot, pusher::encode_pong()),
            Ok(ClientFrame::Pong) => {}
            Ok(ClientFrame::Subscribe { channel, auth, channel_data }) => {
                if let Err(refusal) = self.pusher_subscribe(slot, &channel, auth.as_deref(), channel_data.as_deref()) {
                    self.pusher_refuse_subscription(slot, &channel, &refusal);
                }
            }
            Ok(ClientFrame::Unsubscribe { channel }) => self.pusher_unsubscribe(slot, &channel),
            Ok(ClientFrame::Signin { auth, user_data }) => {
                if let Err(refusal) = self.pusher_signin(slot, &auth, &user_data) {
                    self.push_error(slot, &refusal);
                }
            }
            Ok(ClientFrame::ClientEvent { event, channel, data }) => {
                if let Err(refusal) = self.client_event(slot, &channel, &event, data) {
                    self.count_refused(slot, &refusal);
                    self.push_error(slot, &refusal);
                }
            }
        }
    }

    /// Both spellings of a refusal: pusher-js tells the channel of the first, other libraries know the second.
    pub(crate) fn pusher_refuse_subscription(&mut self, slot: u32, channel: &str, refusal: &Refusal) {
        self.push(slot, pusher::encode_subscription_error(channel, refusal));
        self.push_error(slot, refusal);
    }

    /// The app's server vouched for this connection.
    pub(super) fn pusher_authorised(&mut self, slot: u32) {
        if let Some(Session::Pusher(session)) = self.connections.get_mut(slot).map(|connection| &mut connection.session) {
            session.authorise_by_ms = None;
        }
    }

    /// The app asks of every connection from now on that its server vouches for it, or no longer does.
    pub(crate) fn authorisation_switched(&mut self, app: AppId, on: bool) {
        let by_ms = self.now.mono_ms + self.config.pusher_authorise_timeout_ms;
        let slots: Vec<u32> = self.apps.get(&app).into_iter().flat_map(|entry| &entry.connections).copied().collect();
        for slot in slots {
            let vouched = self.is_vouched_for(slot);
            if let Some(Session::Pusher(session)) = self.connections.get_mut(slot).map(|connection| &mut connection.session) {
                session.authorise_by_ms = (on && !vouched).then_some(by_ms);
            }
            self.arm_connection(slot);
        }
    }

    fn is_vouched_for(&self, slot: u32) -> bool {
        let subs = self.connections.get(slot).map_or(&[][..], |connection| &connection.subs);
        let mut channels = subs.iter().filter_map(|sub| self.topics.get(sub.topic)?.topic.channel());
        self.pusher_session(slot).is_some_and(|session| session.user.is_some()) || channels.any(|channel| !channel.is_public())
    }

    pub(crate) fn pusher_session(&self, slot: u32) -> Option<&PusherSession> {
        match &self.connections.get(slot)?.session {
            Session::Pusher(session) => Some(session),
            _ => None,
        }
    }
}

/// The key and the signature of an `auth` text `KEY:HEX`. The dashboard's own keys sign nothing here.
fn signing_key<'a>(app: &'a App, auth: &'a str, wall_ms: u64) -> Result<(&'a Key, &'a str), Refusal> {
    let refuse = |why: &str| Refusal::new(ErrorCode::SignatureInvalid, why);
    let (key, signature) = auth.split_once(':').ok_or_else(|| refuse("auth must be the key, a colon and the signature in hex."))?;
    let key = app.key(key).filter(|key| key.is_live(wall_ms) && key.kind == KeyKind::Standard);
    Ok((key.ok_or_else(|| refuse("The key in auth is not a live key of this app."))?, signature))
}
