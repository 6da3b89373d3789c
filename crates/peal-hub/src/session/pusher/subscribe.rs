//! Subscribing on the Pusher protocol. The order of the checks is fixed: name, limits, signature, shape of the member, presence limits.

use std::sync::Arc;

use peal_core::channel::Access;
use peal_core::{App, ChannelName, ErrorCode, Operation, Refusal, Topic, signature};
use peal_wire::pusher::{self, Identity};

use super::signing_key;
use crate::delivery::{Join, Progress, Replier, Want};
use crate::hub::Hub;
use crate::presence::Entering;
use crate::topic::Stage;

impl Hub {
    pub(super) fn pusher_subscribe(
        &mut self,
        slot: u32,
        channel: &str,
        auth: Option<&str>,
        channel_data: Option<&str>,
    ) -> Result<(), Refusal> {
        let channel = ChannelName::parse_with_server_to_user(channel)?;
        let Some(app) = self.app_of(slot) else { return Ok(()) };
        let topic = Topic::messages(app.id, channel.clone());
        if let Some(index) = self.topics.find(&topic)
            && let Some(stage) = self.stage(slot, index)
        {
            if stage != Stage::Joining {
                self.pusher_subscribed(slot, index, false);
            }
            return Ok(());
        }
        self.check_channel_count(slot, &app)?;
        let member = self.pusher_authorise(slot, &app, &channel, auth, channel_data)?;
        if channel.kind().access != Access::Public {
            self.pusher_authorised(slot);
        }
        let want = if channel.kind().cache { Want::Cached } else { Want::Live };
        let index = self.topic(&topic);
        self.subscriber_add(slot, index, Join::new(want, Replier::Pusher));
        if let Some(Identity { user_id, user_info }) = member {
            let presence = Topic::presence(app.id, channel);
            let users_max = Some(app.limits.presence_members);
            let entering = Entering { user: Arc::clone(&user_id), data: user_info, users_max, reply: None };
            // First, so that the answer waits for it even where the members are known already.
            if let Err(refusal) = self.member_enter(slot, &presence, Some(index), entering) {
                self.unsubscribe(slot, index);
                return Err(refusal);
            }
            self.watch_begin(slot, index, &presence, Some(user_id));
        }
        self.advance(slot, index);
        Ok(())
    }

    pub(crate) fn check_channel_count(&self, slot: u32, app: &App) -> Result<(), Refusal> {
        let held = self.connections.get(slot).map_or(0, |connection| connection.subs.len());
        let limit = app.limits.channels_per_connection;
        if held < limit as usize {
            return Ok(());
        }
        Err(Refusal::of(ErrorCode::ChannelsPerConnection).with_limit(u64::from(limit), held as u64 + 1))
    }

    /// Whether this connection may subscribe, and as whom.
    fn pusher_authorise(
        &self,
        slot: u32,
        app: &App,
        channel: &ChannelName,
        auth: Option<&str>,
        channel_data: Option<&str>,
    ) -> Result<Option<Identity>, Refusal> {
        let Some(session) = self.pusher_session(slot) else { return Err(Refusal::of(ErrorCode::NotConnected)) };
        if let Some(user) = channel.user() {
            if session.user.as_ref().is_some_and(|signed_in| &*signed_in.user_id == user) {
                return Ok(None);
            }
            return Err(Refusal::new(ErrorCode::NotAuthorised, "Only the user who signed in may subscribe to this channel."));
        }
        let access = channel.kind().access;
        if access == Access::Public {
            if session.user.is_none() && !app.rules.resolve(channel).anonymous {
                return Err(Refusal::new(
                    ErrorCode::AnonymousNotAllowed,
                    "The rule of this channel keeps anonymous clients out: allow them in the dashboard's rules, sign in, or use a private channel.",
                ));
            }
            return Ok(None);
        }
        let auth = auth.ok_or_else(|| Refusal::new(ErrorCode::CredentialsMissing, "This channel needs auth, signed by your server."))?;
        let (key, given) = signing_key(app, auth, self.now.wall_ms)?;
        let Some(id) = self.connections.get(slot).map(|connection| connection.id) else { return Err(ErrorCode::Internal.into()) };
        if !signature::pusher_channel_matches(&key.secret, id, channel.as_str(), channel_data, given) {
            return Err(Refusal::new(
                ErrorCode::SignatureInvalid,
                "The signature of auth does not match; sign socket_id:channel, and :channel_data if there is any, with the key's secret.",
            ));
        }
        if !key.capabilities.allows(Operation::Subscribe, channel) {
            return Err(Refusal::new(ErrorCode::NotAuthorised, "The key in auth does not allow subscribing to this channel."));
        }
        if access != Access::Presence {
            return Ok(None);
        }
        let member = match (channel_data, &session.user) {
            (Some(channel_data), _) => pusher::parse_channel_data(channel_data)?,
            (None, Some(user)) => user.clone(),
            (None, None) => return Err(Refusal::of(ErrorCode::PresenceDataInvalid)),
        };
        check_member_size(app, member.user_info.as_deref())?;
        Ok(Some(member))
    }

    /// Answers a subscribe; also one that is repeated.
    pub(crate) fn pusher_subscribed(&mut self, slot: u32, index: u32, cache_missed: bool) {
        let Some(channel) = self.channel_of(index) else { return };
        let watch = self.connections.get(slot).and_then(|connection| connection.sub(index)).map(|sub| sub.watch);
        let view = watch.and_then(|watch| self.topics.get(watch)).and_then(|topic| topic.presence()).map(|presence| &presence.view);
        let frame = match view {
            Some(view) => pusher::encode_subscription_succeeded_presence(channel.as_str(), view.users()),
            None => pusher::encode_subscription_succeeded(channel.as_str()),
        };
        self.push(slot, frame);
        self.watch_live(slot, index);
        if cache_missed {
            self.push(slot, pusher::encode_cache_miss(channel.as_str()));
        }
    }

    /// Refuses a subscription that was already accepted for joining, on either protocol.
    pub(crate) fn refuse_join(&mut self, slot: u32, index: u32, refusal: &Refusal) {
        let Some(channel) = self.channel_of(index) else { return };
        let Some(Progress::Joining(join)) = self.unsubscribe(slot, index) else { return };
        match join.replier {
            Replier::Pusher => self.pusher_refuse_subscription(slot, channel.as_str(), refusal),
            Replier::Native(requests) => {
                for request in requests {
                    self.refuse_request(slot, request, refusal);
                }
            }
        }
    }

    pub(super) fn pusher_unsubscribe(&mut self, slot: u32, channel: &str) {
        let Ok(channel) = ChannelName::parse_with_server_to_user(channel) else { return };
        let Some(app) = self.connections.get(slot).and_then(|connection| connection.app) else { return };
        if let Some(index) = self.topics.find(&Topic::messages(app, channel.clone())) {
            self.unsubscribe(slot, index);
            self.member_leave(slot, &Topic::presence(app, channel), None);
        }
    }
}

pub(crate) fn check_member_size(app: &App, data: Option<&str>) -> Result<(), Refusal> {
    let (limit, size) = (app.limits.presence_data_bytes as usize, data.map_or(0, str::len));
    if size <= limit {
        return Ok(());
    }
    Err(Refusal::of(ErrorCode::PresenceDataTooLarge).with_limit(limit as u64, size as u64))
}
