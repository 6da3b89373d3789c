//! What is done every hour: rows that are dead already are deleted, so that their tables stay small, and data keys under an older
//! master key are wrapped with the present one, so that it can be retired. Every API node does it; twice does no harm.

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
        match (store.session_prune().await, store.revocation_prune().await, store.idempotency_prune().await) {
            (Ok(sessions), Ok(revocations), Ok(requests)) => {
                tracing::debug!(sessions, revocations, requests, "pruned what had expired");
            }
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => tracing::warn!(%error, "cannot prune what has expired"),
        }
        match store.data_keys_rewrap().await {
            Ok(0) => {}
            Ok(data_keys) => tracing::info!(data_keys, "wrapped with the present master key; older ones may be retired"),
            Err(error) => tracing::error!(%error, "cannot wrap a data key with the present master key"),
        }
    }
}
