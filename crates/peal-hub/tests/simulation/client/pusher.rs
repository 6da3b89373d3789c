//! A Pusher client: no positions, no resume. Within one connection nothing may be missing; if it would be, the connection is closed.

use peal_core::ConnectionId;
use peal_core::signature::{hmac_hex, pusher_channel_text};
use serde_json::Value;

use super::{Channel, Ctx, Entered, Held, Out};
use crate::app;
use crate::roster::Roster;

#[derive(Debug)]
pub(super) struct Pusher {
    connection: Option<ConnectionId>,
    channels: Vec<Channel>,
    user: String,
}

impl Pusher {
    pub(super) fn new(index: usize, channels: usize) -> Self {
        let channels = std::iter::repeat_with(Channel::default).take(channels).collect();
        Self { connection: None, channels, user: format!("user{}", index / 2) }
    }

    pub(super) fn disconnected(&mut self) {
        self.connection = None;
        self.channels.iter_mut().for_each(|channel| *channel = Channel::default());
    }

    /// In a presence channel whoever is subscribed is a member.
    pub(super) fn member(&self, channel: usize) -> (Entered, String) {
        let connection = self.connection.map(|id| id.to_string()).unwrap_or_default();
        let entered = match self.channels[channel].held {
            Held::On if self.channels[channel].roster.is_some() => Entered::Yes,
            Held::Asked => Entered::Unsure,
            _ => Entered::No,
        };
        (entered, format!("{}/{connection}", self.user))
    }

    pub(super) fn act(&mut self, ctx: &mut Ctx<'_>, out: &mut Vec<Out>) {
        let Some(connection) = self.connection else { return };
        if ctx.healing {
            for channel in 0..self.channels.len() {
                if self.channels[channel].held == Held::Off {
                    self.subscribe(channel, connection, ctx, out);
                }
            }
            return;
        }
        let channel = ctx.rng.index(self.channels.len());
        let name = ctx.channels[channel].as_str().to_owned();
        match (ctx.rng.below(10), self.channels[channel].held) {
            (0..=4, Held::Off) => self.subscribe(channel, connection, ctx, out),
            (0, Held::On) => {
                // Not answered: what is under way may still arrive, so the channel is left alone from here on.
                self.channels[channel].held = Held::Leaving;
                out.push(Out::Text(format!(r#"{{"event":"pusher:unsubscribe","data":{{"channel":"{name}"}}}}"#)));
            }
            (5..=6, Held::On) if !ctx.channels[channel].is_public() => {
                let text = ctx.fresh_text(true);
                out.push(Out::Text(format!(r#"{{"event":"client-said","channel":"{name}","data":"{text}"}}"#)));
            }
            (8, _) => out.push(Out::Text(r#"{"event":"pusher:ping","data":{}}"#.into())),
            _ => {}
        }
    }

    fn subscribe(&mut self, channel: usize, connection: ConnectionId, ctx: &Ctx<'_>, out: &mut Vec<Out>) {
        let name = &ctx.channels[channel];
        self.channels[channel].held = Held::Asked;
        let data = name.is_presence().then(|| format!(r#"{{"user_id":"{}"}}"#, self.user));
        let mut body = serde_json::json!({ "channel": name.as_str() });
        if !name.is_public() {
            let signature = hmac_hex(&app::secret(), pusher_channel_text(connection, name.as_str(), data.as_deref()).as_bytes());
            body["auth"] = Value::String(format!("{}:{signature}", app::KEY));
        }
        if let Some(data) = data {
            body["channel_data"] = Value::String(data);
        }
        out.push(Out::Text(serde_json::json!({ "event": "pusher:subscribe", "data": body }).to_string()));
    }

    pub(super) fn receive(&mut self, text: &str, ctx: &mut Ctx<'_>, out: &mut Vec<Out>) -> Result<(), String> {
        let value: Value = serde_json::from_str(text).map_err(|why| format!("not JSON ({why}): {text}"))?;
        self.event(&value, ctx, out).map_err(|why| format!("{why}\n    at {text}"))
    }

    fn event(&mut self, value: &Value, ctx: &mut Ctx<'_>, out: &mut Vec<Out>) -> Result<(), String> {
        match value["event"].as_str().ok_or("an event has a name")? {
            "pusher:connection_established" => {
                let data = inner(value)?;
                let socket_id = data["socket_id"].as_str().ok_or("it tells the socket id")?;
                self.connection = Some(ConnectionId::from_socket_id(socket_id).map_err(|why| why.to_string())?);
                Ok(())
            }
            "pusher:ping" => {
                out.push(Out::Text(r#"{"event":"pusher:pong","data":{}}"#.into()));
                Ok(())
            }
            "pusher:pong" | "pusher:cache_miss" => Ok(()),
            "pusher:error" | "pusher:subscription_error" if !ctx.is_calm() => {
                if let Some(name) = value["channel"].as_str() {
                    let channel = ctx.channel(name)?;
                    self.channels[channel] = Channel::default();
                }
                Ok(())
            }
            "pusher_internal:subscription_succeeded" => {
                let channel = ctx.channel(value["channel"].as_str().unwrap_or_default())?;
                if self.channels[channel].held != Held::Asked {
                    return Err("an answer to no question".into());
                }
                self.channels[channel].held = Held::On;
                self.channels[channel].roster = roster(value, ctx.channels[channel].is_presence())?;
                self.channels[channel].view.subscribed(&ctx.truth(channel, self.connection), ctx.channels[channel].kind().cache);
                Ok(())
            }
            change @ ("pusher_internal:member_added" | "pusher_internal:member_removed") => self.presence(change, value, ctx),
            "said" | "client-said" => self.message(value, ctx),
            _ => Err("an unexpected event".into()),
        }
    }

    fn presence(&mut self, change: &str, value: &Value, ctx: &Ctx<'_>) -> Result<(), String> {
        let channel = ctx.channel(value["channel"].as_str().unwrap_or_default())?;
        if self.channels[channel].held == Held::Leaving {
            return Ok(());
        }
        let roster = self.channels[channel].roster.as_mut().ok_or("a change of members without a snapshot")?;
        let data = inner(value)?;
        let user = data["user_id"].as_str().ok_or("a member has a user id")?;
        if change.ends_with("added") { roster.enter(user.to_owned()) } else { roster.leave(user) }
    }

    fn message(&mut self, value: &Value, ctx: &Ctx<'_>) -> Result<(), String> {
        let name = value["channel"].as_str().ok_or("an event tells its channel")?;
        let channel = ctx.channel(name)?;
        match self.channels[channel].held {
            Held::On => {}
            Held::Leaving => return Ok(()),
            held @ (Held::Off | Held::Asked) => return Err(format!("an event on {name}, which is {held:?}")),
        }
        let text = value["data"].as_str().ok_or("data is a string")?.trim_matches('"');
        let truth = ctx.truth(channel, self.connection);
        let view = &mut self.channels[channel].view;
        if text.starts_with('e') { view.ephemeral(&truth, text) } else { view.message_by_text(&truth, text) }
    }

    pub(super) fn complete(&self, ctx: &Ctx<'_>) -> Result<(), String> {
        for (at, channel) in self.channels.iter().enumerate() {
            let name = &ctx.channels[at];
            match channel.held {
                Held::On => {
                    channel.view.complete(&ctx.truth(at, self.connection)).map_err(|why| format!("{name}: {why}"))?;
                    if let Some(roster) = &channel.roster {
                        let users = ctx.members(at).users().into_iter().map(str::to_owned).collect();
                        roster.expect(&users).map_err(|why| format!("{name}: {why}"))?;
                    }
                }
                // Unsubscribed on this connection while the faults lasted.
                Held::Leaving => {}
                held @ (Held::Off | Held::Asked) => return Err(format!("{name} is {held:?} although all is well again")),
            }
        }
        Ok(())
    }
}

/// An event's data is JSON in a string.
fn inner(value: &Value) -> Result<Value, String> {
    let text = value["data"].as_str().ok_or("data is JSON in a string")?;
    serde_json::from_str(text).map_err(|why| format!("data is JSON in a string ({why})"))
}

/// The members in the answer to a subscribe, on presence channels alone.
fn roster(value: &Value, is_presence: bool) -> Result<Option<Roster>, String> {
    let presence = &inner(value)?["presence"];
    match (presence["ids"].as_array(), is_presence) {
        (None, false) => Ok(None),
        (Some(ids), true) => {
            let users = ids.iter().map(|id| id.as_str().unwrap_or_default().to_owned());
            let roster = Roster::snapshot(users)?;
            if presence["count"].as_u64() != Some(roster.len() as u64) {
                return Err(format!("the snapshot counts {}, but holds {}", presence["count"], roster.len()));
            }
            Ok(Some(roster))
        }
        _ => Err("presence belongs into the answer on presence channels, and on no others".into()),
    }
}
