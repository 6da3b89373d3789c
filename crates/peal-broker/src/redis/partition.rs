//! One partition's writes: gathered while a call is under way, one call at a time.
//!
//! One call in flight per partition and node gives three things: batches form by themselves, publications keep the order in which they
//! arrived, and one batch record is enough for a blind retry. Invariant: a batch keeps its number until it is answered, and a number is
//! used for one batch only.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use peal_core::exchange::{BrokerError, PresenceUpdate, Publish, Published};
use peal_core::{Durability, Position, Topic};
use redis::{RedisError, Value};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::batch::Batch;
use super::confirm::Stored;
use super::known::KnownTopics;
use super::link::{Up, is_fatal};
use super::probe::Probe;
use super::shared::Shared;

/// Publications in one call, once that many wait. A single publish call may bring more, and is not divided.
const BATCH: usize = 32;
/// Publications and changes that may wait; beyond it they are refused.
const WAITING_MAX: usize = 20_000;
/// From its first attempt a batch may take this long; then its outcome is called unknown.
const RETRY_WITHIN: Duration = Duration::from_secs(2);
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// A batch that is smaller than this lets others run first that may add to it, for so long at most. A lone publish costs one turn of the runtime.
const BATCH_MIN: usize = 16;
const GATHER_WITHIN: Duration = Duration::from_micros(100);

pub(super) enum Job {
    Publish {
        items: Vec<Publish>,
        answer: oneshot::Sender<Vec<Result<Published, BrokerError>>>,
    },
    Presence {
        change: Change,
        answer: oneshot::Sender<Result<Option<Position>, BrokerError>>,
    },
    /// Only make sure that the generation is this server's.
    Touch(oneshot::Sender<Result<(), BrokerError>>),
    /// Send this number to this node itself.
    Probe(u64, oneshot::Sender<Result<(), BrokerError>>),
}

/// A presence change.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) update: PresenceUpdate,
    /// Leave only if the member belongs to the node with this tag.
    pub(super) only: Option<String>,
}

impl Job {
    fn weight(&self) -> usize {
        match self {
            Self::Publish { items, .. } => items.len(),
            Self::Presence { .. } => 1,
            Self::Touch(_) | Self::Probe(..) => 0,
        }
    }

    fn refuse(self, why: &BrokerError) {
        // Whoever asked may have gone.
        match self {
            Self::Publish { items, answer } => drop(answer.send(vec![Err(why.clone()); items.len()])),
            Self::Presence { answer, .. } => drop(answer.send(Err(why.clone()))),
            Self::Touch(answer) | Self::Probe(_, answer) => drop(answer.send(Err(why.clone()))),
        }
    }

    fn goes_with(&self, other: &Self) -> bool {
        matches!(self, Self::Presence { .. }) == matches!(other, Self::Presence { .. })
    }
}

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) index: u16,
    queue: Mutex<(VecDeque<Job>, usize)>,
    wake: Notify,
    /// The highest generation heard of; 0 before the first.
    generation: AtomicU64,
    /// Up to which generation every node has written down what it saw.
    settled: watch::Sender<u64>,
    known: Mutex<KnownTopics>,
    probe: Mutex<Probe>,
    /// Something happens to it when a probe has come back.
    arrived: watch::Sender<()>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("weight", &self.weight()).finish()
    }
}

impl Partition {
    pub(super) fn new(index: u16) -> Self {
        Self {
            index,
            queue: Mutex::default(),
            wake: Notify::new(),
            generation: AtomicU64::new(0),
            settled: watch::Sender::new(0),
            known: Mutex::default(),
            probe: Mutex::default(),
            arrived: watch::Sender::new(()),
        }
    }

    fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, job: Job) {
        let mut queue = Self::lock(&self.queue);
        if queue.1 + job.weight() > WAITING_MAX {
            drop(queue);
            return job.refuse(&BrokerError::Away("too many publishes wait for Redis".into()));
        }
        queue.1 += job.weight();
        queue.0.push_back(job);
        drop(queue);
        self.wake.notify_one();
    }

    async fn take(&self) -> Vec<Job> {
        loop {
            let woken = self.wake.notified();
            if self.waiting() > 0 {
                self.gather().await;
                return self.take_waiting();
            }
            woken.await;
        }
    }

    /// Lets those run who are about to add to a small batch, as long as somebody does.
    async fn gather(&self) {
        let (began, mut waiting) = (Instant::now(), self.waiting());
        loop {
            tokio::task::yield_now().await;
            let before = std::mem::replace(&mut waiting, self.waiting());
            if waiting == before || waiting >= BATCH_MIN || began.elapsed() > GATHER_WITHIN {
                return;
            }
        }
    }

    fn waiting(&self) -> usize {
        Self::lock(&self.queue).0.len()
    }

    fn take_waiting(&self) -> Vec<Job> {
        let mut queue = Self::lock(&self.queue);
        let (mut jobs, mut weight) = (Vec::<Job>::new(), 0);
        while weight < BATCH
            && let Some(job) = queue.0.pop_front_if(|job| jobs.first().is_none_or(|first| first.goes_with(job)))
        {
            weight += job.weight();
            jobs.push(job);
        }
        queue.1 -= weight;
        jobs
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Whether this generation is news.
    pub(super) fn raise_generation(&self, generation: u64) -> bool {
        self.generation.fetch_max(generation, Ordering::Relaxed) < generation
    }

    pub(super) fn settle(&self, generation: u64) {
        self.settled.send_if_modified(|settled| {
            let higher = generation > *settled;
            *settled = generation.max(*settled);
            higher
        });
    }

    /// Waits until the evidence about generations before this one is complete, or as complete as it will get.
    pub(super) async fn settled(&self, generation: u64, within: Duration) {
        let mut settled = self.settled.subscribe();
        let _ = tokio::time::timeout(within, settled.wait_for(|settled| *settled >= generation)).await;
    }

    pub(super) fn known(&self) -> MutexGuard<'_, KnownTopics> {
        Self::lock(&self.known)
    }

    pub(super) fn probe(&self) -> MutexGuard<'_, Probe> {
        Self::lock(&self.probe)
    }

    /// A probe came back.
    pub(super) fn probe_returned(&self, shared: &Shared, number: u64) {
        let latency = self.probe().returned(number, Instant::now().into_std());
        if let Some(latency) = latency {
            shared.metrics.probe_latency_seconds.observe(latency.as_secs_f64());
            self.arrived.send_replace(());
        }
    }

    /// Waits until everything that was published before this call has arrived, if it ever will: a later probe has come back. False if none does.
    pub(super) async fn all_arrived(&self, within: Duration) -> bool {
        let sent = self.probe().last_sent();
        let mut arrived = self.arrived.subscribe();
        let waiting = async {
            while !self.probe().has_returned_after(sent) {
                if arrived.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(within, waiting).await.is_ok()
    }
}

/// Carries out a partition's jobs until the broker ends.
pub(super) async fn run(shared: Arc<Shared>, partition: Arc<Partition>) {
    let mut number = 0;
    loop {
        let jobs = partition.take().await;
        number += 1;
        carry_out(&shared, &partition, number, jobs).await;
    }
}

async fn carry_out(shared: &Shared, partition: &Partition, number: u64, jobs: Vec<Job>) {
    let batch = Batch::new(shared, partition, &jobs);
    match call_until_answered(shared, partition, number, &batch).await {
        Ok(mut answered) => {
            for job in jobs {
                answer(shared, partition, job, &mut answered);
            }
        }
        Err(why) => jobs.into_iter().for_each(|job| job.refuse(&why)),
    }
}

/// What a call was answered with: one result per publication and change, by this server.
struct Answered {
    up: Arc<Up>,
    replid: String,
    results: std::vec::IntoIter<String>,
}

fn answer(shared: &Shared, partition: &Partition, job: Job, answered: &mut Answered) {
    let mut next = || answered.results.next().unwrap_or_else(|| "!Redis answered for fewer than were sent".into());
    match job {
        Job::Publish { items, answer } => {
            let results = items.iter().map(|item| {
                let result = outcome(&next())?;
                if let Some(position) = result.position {
                    let stream = shared.keys.stream(&item.topic);
                    acknowledged(shared, partition, &stream, &item.topic, position);
                    shared.sweeper.note(partition.index, &stream, item.retention.ttl_ms);
                }
                Ok(Published { id: item.draft.id.clone(), position: result.position, duplicate: result.duplicate })
            });
            let results = results.collect();
            let replicated: Vec<_> = items.iter().map(|item| item.durability == Durability::Replicated && !item.draft.ephemeral).collect();
            if replicated.contains(&true) {
                let (up, replid) = (Arc::clone(&answered.up), answered.replid.clone());
                return shared.confirmations.ask(shared, Stored { partition: partition.index, up, replid, results, replicated, answer });
            }
            drop(answer.send(results));
        }
        Job::Presence { change, answer } => {
            let text = next();
            let result = match (text.as_str(), change.update.users_max) {
                ("!limit", Some(users_max)) => Err(BrokerError::PresenceFull { users_max }),
                ("=", _) => Ok(None),
                (text, _) => outcome(text).map(|outcome| outcome.position),
            };
            if let Ok(Some(position)) = result {
                acknowledged(shared, partition, &shared.keys.stream(&change.update.topic), &change.update.topic, position);
            }
            drop(answer.send(result));
        }
        Job::Touch(answer) => drop(answer.send(Ok(()))),
        Job::Probe(_, answer) => drop(answer.send(outcome(&next()).map(drop))),
    }
}

fn acknowledged(shared: &Shared, partition: &Partition, stream: &str, topic: &Topic, position: Position) {
    if partition.known().acknowledged(stream, topic, position) {
        shared.metrics.era_changes.with_label_values(&["expired"]).inc();
    }
}

struct Outcome {
    position: Option<Position>,
    duplicate: bool,
}

/// `<position>`, `.` for none, either after `=` if it was there before, or `!<why not>`.
fn outcome(text: &str) -> Result<Outcome, BrokerError> {
    if let Some(why) = text.strip_prefix('!') {
        return Err(BrokerError::Away(format!("Redis: {why}")));
    }
    let (text, duplicate) = text.strip_prefix('=').map_or((text, false), |first| (first, true));
    if text == "." {
        return Ok(Outcome { position: None, duplicate });
    }
    let position = text.parse().map_err(|_| BrokerError::Away("Redis: an answer that is no position".into()))?;
    Ok(Outcome { position: Some(position), duplicate })
}

/// Sends a batch, over as many connections as it takes, until it is answered or its time is up.
async fn call_until_answered(shared: &Shared, partition: &Partition, number: u64, batch: &Batch) -> Result<Answered, BrokerError> {
    let deadline = Instant::now() + RETRY_WITHIN;
    let link = shared.link_of(partition.index);
    loop {
        let up = link.up().await?;
        match call(shared, partition, &up, number, batch).await {
            Ok((replid, results)) => return Ok(Answered { up, replid, results: results.into_iter() }),
            Err(error) => {
                link.judge(up.serial, &error);
                let away = BrokerError::Away(format!("Redis: {error}"));
                let again = is_fatal(&error) || matches!(error.code(), Some("NOSCRIPT" | "LOADING" | "BUSY" | "TRYAGAIN" | "MASTERDOWN"));
                if !again || Instant::now() >= deadline {
                    return Err(away);
                }
                if error.code() == Some("NOSCRIPT") {
                    // A restart behind a proxy, or SCRIPT FLUSH: a new connection loads them.
                    link.broken(up.serial, "the scripts are gone");
                }
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }
}

async fn call(shared: &Shared, partition: &Partition, up: &Up, number: u64, batch: &Batch) -> Result<(String, Vec<String>), RedisError> {
    let mut call = up.scripts.call(batch.script, batch.keys.len());
    for key in &batch.keys {
        call.arg(key);
    }
    call.arg(number).arg(partition.generation());
    for argument in &batch.arguments {
        call.arg(argument);
    }
    let answer: Vec<Value> = call.query_async(&mut up.commands.clone()).await?;
    let mut answer = answer.into_iter().filter_map(super::frame::text);
    let what = answer.next().unwrap_or_default();
    if !matches!(what.as_str(), "OK" | "AGAIN") {
        shared.metrics.era_changes.with_label_values(&[&what]).inc();
    }
    if let Some(generation) = answer.next().and_then(|text| text.parse().ok()) {
        shared.heard_generation(partition.index, generation);
    }
    let replid = answer.next().unwrap_or_default();
    Ok((replid, answer.collect()))
}
