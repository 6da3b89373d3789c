//! Who is in a channel, as one list at one position: the position first, then the table of members page by page, then every change after
//! the position. What a page shows already is newer than what a change says, and wins.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use peal_core::exchange::{BrokerError, PresenceMembers};
use peal_core::publication::stored::{Placed, decode};
use peal_core::{Member, Position, PresenceOp, PublicationKind, Topic};
use redis::Value;

use super::era::generation_of;
use super::frame::{Entry, bytes, parse};
use super::heads::tops;
use super::shared::Shared;

/// Members per page of the table.
const PAGE: usize = 500;
/// The list is begun again this often when changes are trimmed faster than they are read.
const ATTEMPTS: usize = 5;

#[derive(Debug)]
pub(super) struct Held {
    changed: Position,
    entered: Position,
    pub(super) tag: String,
    member: Arc<Member>,
}

pub(super) async fn members(shared: &Shared, topic: &Topic) -> Result<PresenceMembers, BrokerError> {
    for _ in 0..ATTEMPTS {
        if let Some(members) = members_once(shared, topic).await? {
            return Ok(members);
        }
    }
    Err(BrokerError::Away("Redis: the members change faster than they can be read".into()))
}

async fn members_once(shared: &Shared, topic: &Topic) -> Result<Option<PresenceMembers>, BrokerError> {
    let stream = shared.keys.stream(topic);
    let partition = shared.keys.partition(topic);
    let tops = tops(shared, partition, &[&stream]).await?;
    let mut head = match tops.tops.into_iter().next().flatten() {
        Some(top) if generation_of(top) >= tops.fence.generation => top,
        _ => tops.fence.next(),
    };
    let mut members: HashMap<Vec<u8>, Held> = table(shared, topic).await?.into_iter().collect();
    let link = shared.link_of(partition);
    let up = link.up().await?;
    let mut pipeline = redis::pipe();
    // In this order: what is trimmed before the changes are read shows in the entry that is then the first.
    pipeline.cmd("XRANGE").arg(&stream).arg(format!("({head}")).arg("+");
    pipeline.cmd("XRANGE").arg(&stream).arg("-").arg("+").arg("COUNT").arg(1);
    let (changes, first): (Vec<Value>, Vec<Value>) = link.checked(&up, pipeline.query_async(&mut up.commands.clone()).await)?;
    let first = first.into_iter().next().and_then(Entry::read);
    if first.is_some_and(|first| first.position > head && first.before().is_none_or(|before| before > head) && first.position.seq > 1) {
        return Ok(None);
    }
    for entry in changes.into_iter().filter_map(Entry::read) {
        head = entry.position;
        apply(&mut members, &entry);
    }
    let mut members: Vec<Held> = members.into_values().collect();
    members.sort_by_key(|held| held.entered);
    Ok(Some(PresenceMembers { head, members: members.into_iter().map(|held| held.member).collect() }))
}

fn apply(members: &mut HashMap<Vec<u8>, Held>, entry: &Entry) {
    let Some(PublicationKind::Presence(change)) = entry.publication().map(|publication| publication.kind) else { return };
    let field = format!("{}{}", change.member.connection, change.member.user).into_bytes();
    let held = members.get(&field);
    if held.is_some_and(|held| held.changed >= entry.position) {
        return;
    }
    if change.op == PresenceOp::Leave {
        members.remove(&field);
        return;
    }
    let entered = held.map_or(entry.position, |held| held.entered);
    members.insert(field, Held { changed: entry.position, entered, tag: String::new(), member: Arc::new(change.member) });
}

/// The table of members by field. While it changes the pages may show what comes later, never what is older than the beginning.
pub(super) async fn table(shared: &Shared, topic: &Topic) -> Result<Vec<(Vec<u8>, Held)>, BrokerError> {
    let link = shared.link_of(shared.keys.partition(topic));
    let mut members = Vec::new();
    let mut cursor = String::from("0");
    loop {
        let up = link.up().await?;
        let mut scan = redis::cmd("HSCAN");
        scan.arg(shared.keys.members(topic)).arg(&cursor).arg("COUNT").arg(PAGE);
        let (next, page): (String, Vec<Value>) = link.checked(&up, scan.query_async(&mut up.commands.clone()).await)?;
        let mut page = page.into_iter().filter_map(bytes);
        while let (Some(field), Some(value)) = (page.next(), page.next()) {
            members.extend(held(value).map(|held| (field, held)));
        }
        if next == "0" {
            return Ok(members);
        }
        cursor = next;
    }
}

/// `<position of its last change> <position of its entering> <tag> <blob>`
fn held(value: Vec<u8>) -> Option<Held> {
    let mut rest = value.splitn(4, |byte| *byte == b' ');
    let (changed, entered) = (parse(rest.next()?)?, parse(rest.next()?)?);
    let tag = parse(rest.next()?)?;
    let placed = Placed { position: Some(changed), era_start: None, ts: 0 };
    match decode(&Bytes::copy_from_slice(rest.next()?), placed).ok()?.kind {
        PublicationKind::Presence(change) => Some(Held { changed, entered, tag, member: Arc::new(change.member) }),
        _ => None,
    }
}

impl Held {
    pub(super) fn member(&self) -> &Arc<Member> {
        &self.member
    }
}
