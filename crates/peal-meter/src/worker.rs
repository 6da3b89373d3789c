//! What `peal meter` does: hours and days, partitions, and whether the books balance. Any number of them may run at once.

use std::time::{Duration, Instant};

use peal_store::{Store, StoreError};
use time::OffsetDateTime;

/// How often marked hours are looked for.
const ROLLUP_EVERY: Duration = Duration::from_secs(2);
const PARTITIONS_EVERY: Duration = Duration::from_secs(600);
const BOOKS_EVERY: Duration = Duration::from_secs(3_600);

#[derive(Debug, thiserror::Error)]
#[error("while it was {doing}")]
pub struct TurnError {
    pub doing: &'static str,
    #[source]
    pub source: StoreError,
}

pub struct Worker {
    store: Store,
    partitions_due: Instant,
    books_due: Instant,
}

impl Worker {
    #[must_use]
    pub fn new(store: Store) -> Self {
        let now = Instant::now();
        Self { store, partitions_due: now, books_due: now }
    }

    /// Works until it is cancelled, which is safe at any moment.
    pub async fn run(&mut self) {
        let mut every = tokio::time::interval(ROLLUP_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            every.tick().await;
            match self.turn().await {
                Ok(()) => failing = false,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        let why = &error.source as &dyn std::error::Error;
                        tracing::warn!(%error, why, "usage is not rolled up; trying again");
                    }
                }
            }
        }
    }

    /// Everything that is due.
    ///
    /// # Errors
    /// The first that the database has; the rest is done the next time.
    pub async fn turn(&mut self) -> Result<(), TurnError> {
        let of = |doing| move |source| TurnError { doing, source };
        let now = Instant::now();
        if now >= self.partitions_due {
            self.store.usage_partitions_create().await.map_err(of("making partitions"))?;
            let dropped = self.store.usage_partitions_drop(OffsetDateTime::now_utc()).await.map_err(of("dropping old partitions"))?;
            if !dropped.is_empty() {
                tracing::info!(?dropped, "usage that has outlived its time is dropped");
            }
            self.partitions_due = now + PARTITIONS_EVERY;
        }
        while self.store.usage_rollup(None).await.map_err(of("summing hours and days"))?.hours > 0 {}
        if now >= self.books_due {
            self.check_books().await.map_err(of("comparing the books"))?;
            self.books_due = now + BOOKS_EVERY;
        }
        Ok(())
    }

    /// Yesterday and the day before, whose batches have arrived.
    async fn check_books(&self) -> Result<(), StoreError> {
        let today = OffsetDateTime::now_utc().date();
        for day in [today.previous_day(), today.previous_day().and_then(time::Date::previous_day)].into_iter().flatten() {
            for difference in self.store.usage_reconcile(day).await? {
                tracing::error!(%day, ?difference, "the usage books do not balance");
            }
        }
        Ok(())
    }
}
