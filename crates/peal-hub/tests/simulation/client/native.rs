//! A native client (docs/protocol.md): resumes with the position it stands at, and checks every word of the answers.

use std::collections::BTreeMap;

use peal_core::{ConnectionId, Position};
use serde_json::Value;

use super::{Channel, Ctx, Entered, Held, Out};
use crate::app;
use crate::roster::Roster;
use crate::view::{Reply, View};

/// How old a publication must be in a calm run to have surely reached every hub.
const SETTLED_MS: u64 = 1_000;

/// How long a hub may take to repair what it missed.
const EXCUSED_MS: u64 = 30_000;

#[derive(Debug, Clone)]
enum Asked {
    Connect,
    Subscribe {
        channel: usize,
        position: Option<Position>,
        rewind: bool,
        at_ms: u64,
    },
    /// For a channel that is held: changes nothing but whether presence is told.
    Again {
        channel: usize,
    },
    Unsubscribe {
        channel: usize,
    },
    Publish {
        channel: usize,
        text: String,
        echo: bool,
        ephemeral: bool,
    },
    Enter {
        channel: usize,
    },
    Leave {
        channel: usize,
    },
    Ping,
}

#[derive(Debug)]
pub(super) struct Native {
    client_id: String,
    token: String,
    connection: Option<ConnectionId>,
    channels: Vec<Channel>,
    next_id: u64,
    asked: BTreeMap<u64, Asked>,
    /// Publishes whose answer was an error or never came; a repeat with the same id must do no harm.
    unsure: Vec<(usize, String)>,
}

impl Native {
    pub(super) fn new(index: usize, channels: usize) -> Self {
        Self {
            client_id: client_id(index),
            token: token(index),
            connection: None,
            channels: std::iter::repeat_with(Channel::default).take(channels).collect(),
            next_id: 0,
            asked: BTreeMap::new(),
            unsure: Vec::new(),
        }
    }

    pub(super) fn connected(&mut self, out: &mut Vec<Out>) {
        let connect = format!(r#"{{"token":"{}","client":"simulation","version":1}}"#, self.token);
        self.ask("connect", &connect, Asked::Connect, out);
    }

    pub(super) fn disconnected(&mut self) {
        self.connection = None;
        for asked in std::mem::take(&mut self.asked).into_values() {
            if let Asked::Publish { channel, text, ephemeral: false, .. } = asked {
                self.unsure.push((channel, text));
            }
        }
        for channel in &mut self.channels {
            channel.held = Held::Off;
            channel.roster = None;
            channel.entered = Entered::No;
        }
    }

    pub(super) fn client_id(&self) -> Option<&str> {
        self.connection.map(|_| self.client_id.as_str())
    }

    pub(super) fn member(&self, channel: usize) -> (Entered, String) {
        let connection = self.connection.map(|id| id.to_string()).unwrap_or_default();
        (self.channels[channel].entered, format!("{}/{connection}", self.client_id))
    }

    fn ask(&mut self, operation: &str, body: &str, asked: Asked, out: &mut Vec<Out>) {
        self.next_id += 1;
        self.asked.insert(self.next_id, asked);
        out.push(Out::Text(format!(r#"{{"id":{},"{operation}":{body}}}"#, self.next_id)));
    }

    pub(super) fn act(&mut self, ctx: &mut Ctx<'_>, out: &mut Vec<Out>) {
        if self.connection.is_none() {
            return;
        }
        if ctx.healing {
            for channel in 0..self.channels.len() {
                if self.channels[channel].held == Held::Off {
                    self.subscribe(channel, true, ctx, out);
                }
            }
            return;
        }
        let channel = ctx.rng.index(self.channels.len());
        if self.channels[channel].held == Held::On && ctx.rng.permille(ctx.profile.moves) {
            return self.move_about(channel, ctx, out);
        }
        match (ctx.rng.below(10), self.channels[channel].held) {
            (0..=4, Held::Off) => self.subscribe(channel, false, ctx, out),
            (0, Held::On) => {
                self.channels[channel].held = Held::Leaving;
                // Leaves presence at once, whatever is answered later to what was asked before.
                for asked in self
                    .asked
                    .values_mut()
                    .filter(|asked| matches!(asked, Asked::Enter { channel: at } | Asked::Leave { channel: at } if *at == channel))
                {
                    *asked = Asked::Ping;
                }
                self.ask("unsubscribe", &named(ctx, channel, ""), Asked::Unsubscribe { channel }, out);
            }
            (1, Held::On) => {
                let presence = format!(r#","presence":{}"#, ctx.rng.permille(500));
                self.ask("subscribe", &named(ctx, channel, &presence), Asked::Again { channel }, out);
            }
            (5..=7, _) => self.publish(channel, ctx, out),
            (8, _) => self.ask("ping", "{}", Asked::Ping, out),
            _ => {}
        }
    }

    fn subscribe(&mut self, channel: usize, resume: bool, ctx: &mut Ctx<'_>, out: &mut Vec<Out>) {
        let known = self.channels[channel].view.cursor;
        let (position, rewind, body) = match (known, ctx.rng.below(10)) {
            (Some(position), n) if resume || n < 6 => (Some(position), false, format!(r#","position":"{position}""#)),
            (_, 6..=7) => (None, true, format!(r#","rewind":{}"#, ctx.rng.between(1, 20))),
            (_, 8) => (None, true, format!(r#","rewind":"{}s""#, ctx.rng.between(1, 20))),
            _ => (None, false, String::new()),
        };
        let presence = ctx.rng.permille(if ctx.healing { 900 } else { 400 });
        let body = format!(r#"{body},"presence":{presence}"#);
        self.channels[channel].held = Held::Asked;
        let asked = Asked::Subscribe { channel, position, rewind, at_ms: ctx.now_ms };
        self.ask("subscribe", &named(ctx, channel, &body), asked, out);
    }

    /// Enters, changes or leaves.
    fn move_about(&mut self, channel: usize, ctx: &mut Ctx<'_>, out: &mut Vec<Out>) {
        let entered = &mut self.channels[channel].entered;
        if *entered == Entered::Yes && ctx.rng.permille(500) {
            *entered = Entered::Unsure;
            return self.ask("presence.leave", &named(ctx, channel, ""), Asked::Leave { channel }, out);
        }
        let (operation, was) =
            if *entered == Entered::Yes { ("presence.update", Entered::Yes) } else { ("presence.enter", Entered::Unsure) };
        *entered = was;
        let data = format!(r#","data":{}"#, ctx.rng.below(100));
        self.ask(operation, &named(ctx, channel, &data), Asked::Enter { channel }, out);
    }

    fn publish(&mut self, channel: usize, ctx: &mut Ctx<'_>, out: &mut Vec<Out>) {
        let repeat = if ctx.rng.permille(500) { self.unsure.pop() } else { None };
        let ephemeral = repeat.is_none() && ctx.rng.permille(200);
        let (channel, text) = repeat.unwrap_or_else(|| (channel, ctx.fresh_text(ephemeral)));
        let echo = text.ends_with(['0', '5']);
        let flags = format!(r#","event":"said","data":"{text}","id":"{text}","echo":{echo},"ephemeral":{ephemeral}"#);
        self.ask("publish", &named(ctx, channel, &flags), Asked::Publish { channel, text, echo, ephemeral }, out);
    }

    pub(super) fn receive(&mut self, text: &str, ctx: &mut Ctx<'_>) -> Result<(), String> {
        for line in text.split('\n') {
            let value: Value = serde_json::from_str(line).map_err(|why| format!("not JSON ({why}): {line}"))?;
            self.object(&value, ctx).map_err(|why| format!("{why}\n    at {line}"))?;
        }
        Ok(())
    }

    fn object(&mut self, value: &Value, ctx: &mut Ctx<'_>) -> Result<(), String> {
        if let Some(id) = value["id"].as_u64() {
            let asked = self.asked.remove(&id).ok_or("a reply to no question")?;
            return match (&value["ok"], &value["error"]) {
                (ok @ Value::Object(_), Value::Null) => self.answered(asked, ok, ctx),
                (Value::Null, error @ Value::Object(_)) => self.refused(asked, error, ctx),
                _ => Err("a reply is either ok or error".into()),
            };
        }
        let (kind, body) = value.as_object().and_then(|push| push.iter().next()).ok_or("an empty push")?;
        match kind.as_str() {
            "message" => self.message(body, ctx),
            "discontinuity" => {
                let channel = self.held(body, ctx)?;
                let (from, to) = (position(&body["from"])?, position(&body["to"])?);
                if ctx.is_calm() {
                    return Err("a discontinuity although nothing was lost".into());
                }
                // Who is slow may outlive what was there when the promise was made, and a hub that was not sent something cannot know of it.
                let slow = ctx.profile.stall > 0
                    || ctx.profile.trickle
                    || ctx.profile.hub.queue_soft_bytes < 100_000
                    || ctx.profile.latency_max_ms > 100;
                let excused = slow || ctx.hub_missed_ms.is_some_and(|at| at + EXCUSED_MS > ctx.now_ms);
                let truth = ctx.truth(channel, self.connection);
                if ctx.profile.whole {
                    View::range_is_gone(&truth, (from, to), body["reason"].as_str().unwrap_or_default(), true)?;
                }
                self.channels[channel].view.discontinuity(&truth, from, to, excused)
            }
            "unsubscribed" => {
                let channel = self.held(body, ctx)?;
                self.channels[channel].held = Held::Off;
                if ctx.is_calm() { Err("unsubscribed although nothing was wrong".into()) } else { Ok(()) }
            }
            "goaway" | "expiring" => Ok(()),
            "presence" => self.presence(body, ctx),
            "error" if !ctx.is_calm() => Ok(()),
            _ => Err("an unexpected push".into()),
        }
    }

    fn answered(&mut self, asked: Asked, ok: &Value, ctx: &mut Ctx<'_>) -> Result<(), String> {
        match asked {
            Asked::Connect => {
                let connection = ok["connection"].as_str().ok_or("connect tells the connection")?;
                self.connection = Some(connection.parse().map_err(|why| format!("{why}"))?);
                Ok(())
            }
            Asked::Subscribe { channel, position: asked, rewind, at_ms } => self.subscribed(channel, asked, rewind, at_ms, ok, ctx),
            Asked::Again { channel } => {
                self.channels[channel].roster = roster(&ok["presence"])?;
                Ok(())
            }
            Asked::Ping => Ok(()),
            Asked::Unsubscribe { channel } => {
                self.channels[channel].held = Held::Off;
                self.channels[channel].roster = None;
                self.channels[channel].entered = Entered::No;
                Ok(())
            }
            Asked::Enter { channel } => {
                self.channels[channel].entered = Entered::Yes;
                Ok(())
            }
            Asked::Leave { channel } => {
                self.channels[channel].entered = Entered::No;
                Ok(())
            }
            Asked::Publish { channel, text, echo, ephemeral } => self.published(channel, &text, echo, ephemeral, ok, ctx),
        }
    }

    fn subscribed(
        &mut self,
        channel: usize,
        asked: Option<Position>,
        rewind: bool,
        asked_ms: u64,
        ok: &Value,
        ctx: &Ctx<'_>,
    ) -> Result<(), String> {
        let recovered = ok["recovered"].as_bool().ok_or("recovered is missing")?;
        let replay = ok["replay"].as_u64().ok_or("replay is missing")?;
        let reply = Reply { asked, asked_ms, now_ms: ctx.now_ms, position: position(&ok["position"])?, recovered, replay, rewind };
        let reason = ok["reason"].as_str();
        if asked.is_some() && !recovered && !matches!(reason, Some("retention" | "era" | "position" | "overload")) {
            return Err("not recovered, and no reason why".into());
        }
        let truth = ctx.truth(channel, self.connection);
        if let (Some(asked), Some(reason), 1..) = (asked, reason, replay)
            && ctx.profile.whole
        {
            // What lies before the last of several losses is no part of the answer, and without any replay it begins at live.
            View::range_is_gone(&truth, (asked, reply.position), reason, false)?;
        }
        if ctx.is_calm() {
            if asked.is_some() && !recovered {
                return Err("not recovered although nothing was lost".into());
            }
            View::replay_exact(&truth, &reply, SETTLED_MS)?;
        }
        self.channels[channel].view.replied(&truth, &reply)?;
        self.channels[channel].held = Held::On;
        self.channels[channel].roster = roster(&ok["presence"])?;
        Ok(())
    }

    fn published(&mut self, channel: usize, text: &str, echo: bool, ephemeral: bool, ok: &Value, ctx: &Ctx<'_>) -> Result<(), String> {
        if ephemeral {
            return if ok["position"].is_null() { Ok(()) } else { Err("an ephemeral message has no position".into()) };
        }
        let position = position(&ok["position"])?;
        let log = ctx.log(channel);
        let entry = log.entries.iter().rev().find(|entry| entry.position == position).ok_or("published where nothing is")?;
        if entry.publication.id.as_str() != text || ok["id"].as_str() != Some(text) {
            return Err(format!("published {text}, but {} stands there", entry.publication.id));
        }
        if echo != entry.publication.origin.is_none() {
            return Err(format!("echo is {echo}, but the origin is {:?}", entry.publication.origin));
        }
        Ok(())
    }

    fn refused(&mut self, asked: Asked, error: &Value, ctx: &Ctx<'_>) -> Result<(), String> {
        if matches!(asked, Asked::Again { .. }) && error["name"] == "not_subscribed" {
            // The unsubscribe overtook it, since it waited for the members.
            return Ok(());
        }
        if ctx.is_calm() {
            return Err("refused although nothing was wrong".into());
        }
        if error["retryable"] != Value::Bool(true) {
            return Err(format!("a refusal of {asked:?} that no retry will change"));
        }
        match asked {
            Asked::Subscribe { channel, .. } | Asked::Unsubscribe { channel } => self.channels[channel].held = Held::Off,
            Asked::Publish { channel, text, ephemeral: false, .. } => self.unsure.push((channel, text)),
            Asked::Enter { channel } | Asked::Leave { channel } => self.channels[channel].entered = Entered::Unsure,
            Asked::Connect | Asked::Again { .. } | Asked::Ping | Asked::Publish { .. } => {}
        }
        Ok(())
    }

    fn message(&mut self, body: &Value, ctx: &mut Ctx<'_>) -> Result<(), String> {
        let channel = self.held(body, ctx)?;
        let text = body["data"].as_str().ok_or("data is a string here")?.to_owned();
        let truth = ctx.truth(channel, self.connection);
        let view = &mut self.channels[channel].view;
        if body["position"].is_null() {
            return view.ephemeral(&truth, &text);
        }
        view.message(&truth, position(&body["position"])?, body["id"].as_str().unwrap_or_default(), &text)
    }

    fn presence(&mut self, body: &Value, ctx: &Ctx<'_>) -> Result<(), String> {
        let channel = self.held(body, ctx)?;
        let roster = self.channels[channel].roster.as_mut().ok_or("presence, which was not asked for")?;
        for member in list(&body["enter"]) {
            roster.enter(member_name(member)?)?;
        }
        for member in list(&body["update"]) {
            roster.update(&member_name(member)?)?;
        }
        for member in list(&body["leave"]) {
            roster.leave(&member_name(member)?)?;
        }
        if body["count"].as_u64() != Some(roster.len() as u64) {
            return Err(format!("the count is {}, told of were {}", body["count"], roster.len()));
        }
        Ok(())
    }

    /// The channel of a push, which must be held: nothing comes before the answer to its subscribe nor after that to its unsubscribe.
    fn held(&self, body: &Value, ctx: &Ctx<'_>) -> Result<usize, String> {
        let name = body["channel"].as_str().ok_or("a push tells its channel")?;
        let channel = ctx.channel(name)?;
        match self.channels[channel].held {
            Held::On | Held::Leaving => Ok(channel),
            held @ (Held::Off | Held::Asked) => Err(format!("a push for {name}, which is {held:?}")),
        }
    }

    pub(super) fn complete(&self, ctx: &Ctx<'_>) -> Result<(), String> {
        if let Some((id, asked)) = self.asked.iter().next() {
            return Err(format!("request {id} was never answered: {asked:?}"));
        }
        for (at, channel) in self.channels.iter().enumerate() {
            let name = &ctx.channels[at];
            if channel.held != Held::On {
                return Err(format!("{name} is {:?} although all is well again", channel.held));
            }
            channel.view.complete(&ctx.truth(at, self.connection)).map_err(|why| format!("{name}: {why}"))?;
            if let Some(roster) = &channel.roster {
                roster.expect(&ctx.members(at).names()).map_err(|why| format!("{name}: {why}"))?;
            }
        }
        Ok(())
    }
}

fn named(ctx: &Ctx<'_>, channel: usize, more: &str) -> String {
    format!(r#"{{"channel":"{}"{more}}}"#, ctx.channels[channel])
}

/// What the reply says of the members, if it was asked to.
fn roster(presence: &Value) -> Result<Option<Roster>, String> {
    if presence.is_null() {
        return Ok(None);
    }
    let names: Result<Vec<String>, String> = list(&presence["members"]).iter().map(member_name).collect();
    let roster = Roster::snapshot(names?)?;
    if presence["count"].as_u64() != Some(roster.len() as u64) {
        return Err(format!("the snapshot counts {}, but holds {}", presence["count"], roster.len()));
    }
    Ok(Some(roster))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn member_name(member: &Value) -> Result<String, String> {
    match (member["client_id"].as_str(), member["connection"].as_str()) {
        (Some(client_id), Some(connection)) => Ok(format!("{client_id}/{connection}")),
        _ => Err(format!("{member} is no member")),
    }
}

fn client_id(index: usize) -> String {
    format!("client{index}")
}

fn position(value: &Value) -> Result<Position, String> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| format!("{value} is no position"))
}

/// Signing is slow, and every run has the same clients.
fn token(index: usize) -> String {
    static TOKENS: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| (0..16).map(|n| app::token(&client_id(n))).collect());
    TOKENS[index].clone()
}
