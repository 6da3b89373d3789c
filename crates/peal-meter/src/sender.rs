//! Sends what the spool holds, from the front, one batch at a time, until Postgres has it. The answer says where the orgs of the batches' apps
//! stand with their month's quota, which is passed on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use peal_core::{AppId, Quota};
use peal_store::{FlushAnswer, GapReason, Store, StoreError, UsageGap};
use uuid::Uuid;

use crate::spool::Spool;

/// Between attempts while Postgres is away; doubled up to the second.
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);

pub struct Sender {
    spool: Arc<Spool>,
    store: Store,
    node: String,
    /// Up to when Postgres knows that nothing is missing.
    told_ms: u64,
    damage_told: bool,
    tell_quota: TellQuota,
    /// Apps of batches that were sent and of which nobody has been told yet where they stand.
    quotas_due: BTreeSet<AppId>,
}

/// Hears where the org of an app stands; `None` for no quota.
type TellQuota = Box<dyn FnMut(AppId, Option<Quota>) + Send>;

impl Sender {
    #[must_use]
    pub fn new(spool: Arc<Spool>, store: Store, node: impl Into<String>) -> Self {
        let tell_quota: TellQuota = Box::new(|_, _| ());
        Self { spool, store, node: node.into(), told_ms: 0, damage_told: false, tell_quota, quotas_due: BTreeSet::new() }
    }

    /// With somebody to be told where the orgs stand, once for each round of batches and app in them.
    #[must_use]
    pub fn telling_quotas(mut self, tell: impl FnMut(AppId, Option<Quota>) + Send + 'static) -> Self {
        self.tell_quota = Box::new(tell);
        self
    }

    /// Sends whatever is appended, for ever. Cancelling it is safe at any moment: a batch whose answer was not heard is sent again.
    pub async fn run(&mut self) {
        let spool = Arc::clone(&self.spool);
        let mut pause = RETRY_MIN;
        let mut away = false;
        loop {
            let filled = spool.filled.notified();
            match self.send_all().await {
                Ok(()) => {
                    if std::mem::take(&mut away) {
                        tracing::info!("usage is sent again");
                    }
                    pause = RETRY_MIN;
                    filled.await;
                }
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "usage cannot be sent; it is kept and will be");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
    }

    /// Sends everything that waits.
    ///
    /// # Errors
    /// The first error of the database; what was not sent still waits.
    pub async fn send_all(&mut self) -> Result<(), StoreError> {
        self.tell_damage().await?;
        while let Some(batch) = self.spool.front() {
            if batch.seq == 1 {
                self.store.usage_source_touch(batch.source, &self.node, batch.covers_to_ms).await?;
            }
            match self.store.usage_flush(&batch).await? {
                FlushAnswer::Applied | FlushAnswer::Duplicate => {
                    self.told_ms = self.told_ms.max(batch.covers_to_ms);
                    self.quotas_due.extend(batch.usage.rows.iter().map(|row| row.app));
                    self.spool.acknowledge(&batch);
                }
                FlushAnswer::Gap { last_seq } => self.go_on_as_new(batch.source, last_seq, batch.seq).await?,
                FlushAnswer::UnknownSource => self.go_on_as_new(batch.source, 0, batch.seq).await?,
            }
        }
        let (source, covers_to_ms) = self.spool.covered();
        if covers_to_ms > self.told_ms {
            self.store.usage_source_touch(source, &self.node, covers_to_ms).await?;
            self.told_ms = covers_to_ms;
        }
        self.pass_quotas_on().await
    }

    async fn pass_quotas_on(&mut self) -> Result<(), StoreError> {
        if self.quotas_due.is_empty() {
            return Ok(());
        }
        let apps: Vec<AppId> = self.quotas_due.iter().copied().collect();
        for (app, quota) in self.store.quotas_of_apps(&apps).await? {
            (self.tell_quota)(app, quota);
        }
        self.quotas_due.clear();
        Ok(())
    }

    /// Sends everything and says good-bye.
    ///
    /// # Errors
    /// As [`Self::send_all`].
    pub async fn finish(&mut self) -> Result<(), StoreError> {
        self.send_all().await?;
        self.store.usage_source_end(self.spool.source()).await
    }

    /// Postgres does not know batches that it once had: it was restored to an earlier time. They are gone with everything else of that time,
    /// which is written down; what was counted since goes on under a new source, because none of it can have been applied.
    async fn go_on_as_new(&mut self, source: Uuid, last_seq: i64, seq: i64) -> Result<(), StoreError> {
        let new_source = Uuid::now_v7();
        let gap = UsageGap {
            source,
            from_seq: last_seq + 1,
            to_seq: Some(seq - 1),
            node: self.node.clone(),
            reason: GapReason::BehindSpool,
            new_source: Some(new_source),
        };
        self.store.usage_gap_add(&gap).await?;
        tracing::error!(%source, last_seq, seq, %new_source, "Postgres lacks usage batches that it had: it was restored to an earlier time");
        self.spool.begin_anew(source, new_source);
        Ok(())
    }

    async fn tell_damage(&mut self) -> Result<(), StoreError> {
        let Some(damage) = self.spool.damage().filter(|_| !self.damage_told) else { return Ok(()) };
        let (source, seq) = damage.after.unwrap_or((self.spool.source(), 0));
        let gap = UsageGap {
            source,
            from_seq: seq + 1,
            to_seq: None,
            node: self.node.clone(),
            reason: GapReason::SpoolDamaged,
            new_source: Some(self.spool.source()),
        };
        self.store.usage_gap_add(&gap).await?;
        self.damage_told = true;
        Ok(())
    }
}
