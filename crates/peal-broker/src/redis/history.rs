//! Reading what is kept.

use std::sync::Arc;
use std::time::Duration;

use peal_core::exchange::{BrokerError, Continuity, Direction, HistoryPage, HistoryQuery};
use peal_core::{Lane, Position};
use redis::{RedisResult, Value};

use super::continuity::{Evidence, Fence, Link, Stream, broken, judge};
use super::era::generation_of;
use super::frame::{Entry, pairs, parse, text};
use super::heads::ledger;
use super::scripts::Script;
use super::shared::Shared;

/// How long a read that crosses generations waits for all nodes to have written down what they saw.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);
const DAY_MS: u64 = 86_400_000;

/// Everything that one read brought, at one moment.
struct Facts {
    fence: Fence,
    stream: Option<Stream>,
    /// The stream's oldest entry is older than its retention.
    expired: bool,
    /// In the asked direction, one more than asked for if there are more.
    entries: Vec<Entry>,
}

pub(super) async fn history(shared: &Shared, query: &HistoryQuery) -> Result<HistoryPage, BrokerError> {
    let forwards = query.direction == Direction::Forwards;
    let after = query.after.filter(|_| forwards);
    let mut facts = facts(shared, query, query.after).await?;
    let Some(after) = after else {
        let evidence = evidence(shared, query, &facts, spans_eras(&facts, query)).await?;
        return Ok(page(facts, query, Continuity::Complete, &evidence));
    };
    if let Lane::Presence(_) = query.topic.lane
        && generation_of(after) < facts.fence.generation
    {
        return Ok(presence_anew(facts, query));
    }
    let evidence = evidence(shared, query, &facts, crosses(&facts, after)).await?;
    let next = facts.entries.first().map(link);
    let continuity = judge(after, facts.fence, facts.stream, next, &evidence);
    if continuity == Continuity::Unknown {
        // A reader that has lost its place gets all that is kept.
        facts = self::facts(shared, query, None).await?;
    }
    Ok(page(facts, query, continuity, &evidence))
}

/// What is known to be lost. `ask`: also by other nodes, which have to have written it down.
async fn evidence(shared: &Shared, query: &HistoryQuery, facts: &Facts, ask: bool) -> Result<Evidence, BrokerError> {
    let mut evidence = Evidence::default();
    if ask {
        shared.partition_of(&query.topic).settled(facts.fence.generation, SETTLE_WITHIN).await;
        evidence = ledger(shared, &query.topic).await?;
    }
    let stream = shared.keys.stream(&query.topic);
    let over = shared.attachments.last(&stream).filter(|last| generation_of(*last) < facts.fence.generation);
    shared.attachments.ended(&stream).into_iter().chain(over).for_each(|end| evidence.stood(end));
    Ok(evidence)
}

/// Whether something may be lost between what was read without a position to begin at, or after it.
fn spans_eras(facts: &Facts, query: &HistoryQuery) -> bool {
    let over = facts.stream.is_some_and(|stream| generation_of(stream.top) < facts.fence.generation);
    !matches!(query.topic.lane, Lane::Presence(_)) && (over || facts.entries.iter().any(|entry| entry.before().is_some()))
}

fn link(entry: &Entry) -> Link {
    Link { position: entry.position, before: entry.before() }
}

/// Whether the read goes over the end of an era, where evidence counts.
fn crosses(facts: &Facts, after: Position) -> bool {
    let current = |position: Position| generation_of(position) == facts.fence.generation;
    let Some(stream) = facts.stream else { return !current(after) };
    after.era != stream.top.era || !current(after)
}

/// A lane of presence does not go on over a generation: what it knows of members before is worthless.
fn presence_anew(mut facts: Facts, query: &HistoryQuery) -> HistoryPage {
    let generation = facts.fence.generation;
    facts.entries.retain(|entry| generation_of(entry.position) == generation);
    let kept_after = match facts.entries.first().map(|entry| entry.position) {
        Some(first) => Position::new(first.era, first.seq - 1),
        None => match facts.stream.map(|stream| stream.top) {
            Some(top) if generation_of(top) == generation => top,
            _ => facts.fence.next(),
        },
    };
    let mut page = page(facts, query, Continuity::EraLost { kept_after }, &Evidence::default());
    page.head = page.head.max(kept_after);
    page
}

fn page(facts: Facts, query: &HistoryQuery, continuity: Continuity, evidence: &Evidence) -> HistoryPage {
    let Facts { fence, stream, mut entries, .. } = facts;
    if let Continuity::Trimmed { kept_after } | Continuity::EraLost { kept_after } = continuity {
        entries.retain(|entry| entry.position > kept_after);
    }
    let mut more = entries.len() > query.limit as usize;
    entries.truncate(query.limit as usize);
    if query.direction == Direction::Forwards
        && query.after.is_some()
        && let Some(gap) = entries.windows(2).position(|pair| broken(pair[0].position, pair[1].position, evidence))
    {
        // A page vouches for its beginning only; the read after its end says what is lost.
        entries.truncate(gap + 1);
        more = true;
    }
    let head = stream.map_or(fence.next(), |stream| evidence.head(stream.top));
    // More is known to be lost after the last entry: reading on says so.
    more |= query.direction == Direction::Forwards
        && query.after.is_some()
        && query.before.is_none()
        && stream.is_some_and(|stream| head > stream.top && entries.last().is_some_and(|last| last.position == stream.top));
    let publications = entries.iter().filter_map(|entry| {
        let mut publication = entry.publication()?;
        if entry.before().is_some_and(|before| broken(before, entry.position, evidence)) {
            // It does not connect to what survived before it.
            publication.era_start = None;
        }
        Some(Arc::new(publication))
    });
    let publications = publications.collect();
    HistoryPage { publications, more, head, continuity }
}

/// Reads, and puts right what stands in the way: a fence that is missing, entries that are too old.
async fn facts(shared: &Shared, query: &HistoryQuery, after: Option<Position>) -> Result<Facts, BrokerError> {
    let mut facts = facts_once(shared, query, after).await?;
    if facts.fence.last_era == 0 {
        shared.touch(shared.keys.partition(&query.topic)).await?;
        facts = facts_once(shared, query, after).await?;
    }
    if facts.expired {
        older(shared, query, "trim", 0).await?;
        facts = facts_once(shared, query, after).await?;
    }
    Ok(facts)
}

async fn older(shared: &Shared, query: &HistoryQuery, what: &str, ms: u64) -> Result<Value, BrokerError> {
    let link = shared.link_of(shared.keys.partition(&query.topic));
    let up = link.up().await?;
    let mut call = up.scripts.call(Script::Older, 1);
    call.arg(shared.keys.stream(&query.topic)).arg(what).arg(ms);
    link.checked(&up, call.query_async(&mut up.commands.clone()).await)
}

async fn facts_once(shared: &Shared, query: &HistoryQuery, after: Option<Position>) -> Result<Facts, BrokerError> {
    let mut after = after;
    if let Some(since_ms) = query.since_ms
        && query.direction == Direction::Forwards
        && let Some(last) = text(older(shared, query, "find", since_ms).await?).and_then(|text| parse(text.as_bytes()))
    {
        after = after.max(Some(last));
    }
    let partition = shared.keys.partition(&query.topic);
    let mut answers = ask(shared, query, after, true).await;
    if matches!(&answers, Err(BrokerError::Away(why)) if why.contains("OOM")) {
        // A server that is out of memory queues no transaction. It takes no publish either, so nothing moves between the parts.
        answers = ask(shared, query, after, false).await;
    }
    let link = shared.link_of(partition);
    let up = link.up().await?;
    let answers = answers?;
    let [time, fence, info, entries] = <[_; 4]>::try_from(answers).map_err(|_| BrokerError::Away("Redis: a short answer".into()))?;
    let now_ms = now_ms(link.checked(&up, time)?);
    let fence = read_fence(link.checked(&up, fence)?, now_ms);
    shared.heard_generation(partition, fence.generation);
    let (stream, expired) = match info {
        Ok(info) => read_stream(info, now_ms),
        Err(error) if error.to_string().contains("no such key") => (None, false),
        Err(error) => return link.checked(&up, Err(error)),
    };
    let mut entries: Vec<Entry> =
        link.checked(&up, entries)?.into_sequence().unwrap_or_default().into_iter().filter_map(Entry::read).collect();
    if let Some(since_ms) = query.since_ms {
        // Backwards they end at the first that is too old.
        let fresh = entries.iter().position(|entry| entry.ts < since_ms).unwrap_or(entries.len());
        entries.truncate(fresh);
    }
    Ok(Facts { fence, stream, expired, entries })
}

/// Time, fence, stream and entries.
async fn ask(shared: &Shared, query: &HistoryQuery, after: Option<Position>, atomic: bool) -> Result<Vec<RedisResult<Value>>, BrokerError> {
    let partition = shared.keys.partition(&query.topic);
    let link = shared.link_of(partition);
    let up = link.up().await?;
    let stream = shared.keys.stream(&query.topic);
    let mut pipeline = redis::pipe();
    pipeline.ignore_errors();
    if atomic {
        pipeline.atomic();
    }
    pipeline.cmd("TIME").cmd("HMGET").arg(shared.keys.fence(partition));
    pipeline.arg(&["g", "e", "m", "mt", "n", "nt"]).cmd("XINFO").arg("STREAM").arg(&stream);
    let from = after.map_or("-".into(), |after| format!("({after}"));
    let to = query.before.map_or("+".into(), |before| format!("({before}"));
    let count = query.limit.saturating_add(1);
    match query.direction {
        Direction::Forwards => pipeline.cmd("XRANGE").arg(&stream).arg(from).arg(to).arg("COUNT").arg(count),
        Direction::Backwards => pipeline.cmd("XREVRANGE").arg(&stream).arg(to).arg(from).arg("COUNT").arg(count),
    };
    link.checked(&up, pipeline.query_async(&mut up.commands.clone()).await)
}

pub(super) fn now_ms(time: Value) -> u64 {
    let parts: Vec<u64> = time.into_sequence().unwrap_or_default().into_iter().filter_map(|part| text(part)?.parse().ok()).collect();
    match parts[..] {
        [s, us] => s * 1_000 + us / 1_000,
        _ => 0,
    }
}

fn read_fence(fields: Value, now_ms: u64) -> Fence {
    let fields: Vec<Option<u64>> =
        fields.into_sequence().unwrap_or_default().into_iter().map(|field| text(field).and_then(|text| text.parse().ok())).collect();
    let field = |place: usize| fields.get(place).copied().flatten().unwrap_or(0);
    let (last_era, older, older_at, newer, newer_at) = (field(1), field(2), field(3), field(4), field(5));
    // The oldest mark that is less than a day old proves most.
    let young_after = if now_ms < older_at + DAY_MS {
        older
    } else if now_ms < newer_at + DAY_MS {
        newer
    } else {
        last_era
    };
    Fence { generation: field(0), last_era, young_after }
}

fn read_stream(info: Value, now_ms: u64) -> (Option<Stream>, bool) {
    let (mut top, mut first, mut last) = (None, None, None);
    for (name, value) in pairs(info) {
        match name.as_str() {
            "last-generated-id" => top = text(value).and_then(|text| parse(text.as_bytes())),
            "first-entry" => first = Entry::read(value),
            "last-entry" => last = Entry::read(value),
            _ => {}
        }
    }
    let expired = match (&first, last) {
        // The latest entry says how long the topic's entries are kept.
        (Some(first), Some(last)) => first.is_older_than(last.ttl_ms, now_ms),
        _ => false,
    };
    (top.map(|top| Stream { top, first: first.as_ref().map(link) }), expired)
}
