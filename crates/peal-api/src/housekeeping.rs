//! Rows that are dead already are deleted now and then, so that their tables stay small. Every API node does it; twice does no harm.

use std::time::Duration;

use peal_store::Store;
use tokio::time::{MissedTickBehavior, interval};

const PERIOD: Duration = Duration::from_secs(60 * 60);

/// Runs until dropped. Postgres away is not an error here: the next hour comes.
pub(crate) async fn run(store: Store) {
    let mut hours = interval(PERIOD);
    hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        match (store.session_prune().await, store.revocation_prune().await) {
            (Ok(sessions), Ok(revocations)) => tracing::debug!(sessions, revocations, "pruned what had expired"),
            (Err(error), _) | (_, Err(error)) => tracing::warn!(%error, "cannot prune what has expired"),
        }
    }
}
