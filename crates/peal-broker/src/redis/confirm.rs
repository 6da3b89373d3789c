//! Waiting for a replica, for publishes whose rule asks for it.
//!
//! `WAIT` on the connection that published would hold up everything behind it, and on another one it waits for that connection's own last
//! *write* only (before Redis 7.2, for its last command): without one it answers at once and means nothing. So the second connection always sends
//! `SET; WAIT`: the mark is written after the answers to all batches that are asked about, and one pair speaks for all of them. The mark
//! has a key, because `PUBLISH` is no write to replicas everywhere, and is gone by itself.
//!
//! Invariant: what is confirmed was confirmed by the server that stored it. A server that was demoted, has lost the batch and was promoted again
//! since then has another replication id than the one under which the batch was stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use peal_core::exchange::{BrokerError, Published};
use tokio::sync::{mpsc, oneshot};

use super::link::{Up, replication_id};
use super::shared::Shared;

/// How long replicas may take, in milliseconds.
const WITHIN_MS: u64 = 500;
/// How long the mark stays, in milliseconds.
const MARK_MS: u64 = 1_000;
/// Publish calls that may wait for a confirmation; more are answered as not confirmed.
const WAITING_MAX: usize = 10_000;

type Results = Vec<Result<Published, BrokerError>>;

/// Stored, and to be answered once it is confirmed.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) partition: u16,
    pub(super) up: Arc<Up>,
    /// The replication id under which it was stored.
    pub(super) replid: String,
    pub(super) results: Results,
    /// Which of the results need it.
    pub(super) replicated: Vec<bool>,
    pub(super) answer: oneshot::Sender<Results>,
}

impl Stored {
    fn answer(self, shared: &Shared, confirmed: bool) {
        let Self { results, replicated, answer, .. } = self;
        let results = results.into_iter().zip(replicated).map(|(result, replicated)| match result {
            Ok(published) if replicated && !confirmed => {
                shared.metrics.unconfirmed.inc();
                Err(BrokerError::Unconfirmed(published))
            }
            result => result,
        });
        // Whoever asked may have gone.
        let _ = answer.send(results.collect());
    }
}

/// The asking half.
#[derive(Debug)]
pub(super) struct Confirmations {
    sender: mpsc::UnboundedSender<Stored>,
    waiting: AtomicUsize,
}

impl Confirmations {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Stored>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, waiting: AtomicUsize::new(0) }, receiver)
    }

    pub(super) fn ask(&self, shared: &Shared, stored: Stored) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return stored.answer(shared, false);
        }
        if let Err(refused) = self.sender.send(stored) {
            refused.0.answer(shared, false);
        }
    }
}

pub(super) async fn run(shared: Arc<Shared>, mut asked: mpsc::UnboundedReceiver<Stored>) {
    let mut round = Vec::new();
    while asked.recv_many(&mut round, WAITING_MAX).await > 0 {
        shared.confirmations.waiting.fetch_sub(round.len(), Ordering::Relaxed);
        while let Some(first) = round.first() {
            let up = Arc::clone(&first.up);
            let mark = shared.keys.mark(first.partition);
            let (mine, others): (Vec<_>, Vec<_>) = round.drain(..).partition(|stored| stored.up.serial == up.serial);
            round = others;
            let confirmed_by = match wait(&up, &mark).await {
                Ok(confirmed_by) => confirmed_by,
                Err(error) => {
                    tracing::debug!(%error, "replicas could not be asked");
                    up.forget_second().await;
                    None
                }
            };
            for stored in mine {
                let confirmed = confirmed_by.as_ref() == Some(&stored.replid);
                stored.answer(&shared, confirmed);
            }
        }
    }
}

/// The replication id of the server if a replica has all that it had stored when this was called.
async fn wait(up: &Up, mark: &str) -> redis::RedisResult<Option<String>> {
    let mut connection = up.second().await?;
    let mut pair = redis::pipe();
    pair.cmd("SET").arg(mark).arg("").arg("PX").arg(MARK_MS).ignore().cmd("WAIT").arg(1).arg(WITHIN_MS).cmd("INFO").arg("replication");
    let (replicas, info): (u64, String) = pair.query_async(&mut connection).await?;
    Ok(replication_id(&info).filter(|_| replicas > 0).map(str::to_owned))
}
