//! Calls of the broker that are under way, each with what its answer is for. A call that panics answers as if the broker were away.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures_util::FutureExt;
use peal_core::exchange::{BrokerError, HistoryPage, PresenceMembers, Published};
use peal_core::{Position, Topic};
use peal_hub::RequestId;

use super::Asker;
use super::reads::Answer;

pub(super) type Call = Pin<Box<dyn Future<Output = Done> + Send>>;

/// A call that is finished.
pub(super) enum Done {
    Published(Vec<(Topic, Asker, Result<Published, BrokerError>)>),
    Attached(Vec<(Topic, Option<usize>, Result<Position, BrokerError>)>),
    Detached,
    PresenceUpdated { core: usize, request: RequestId, topic: Topic, result: Result<Option<Position>, BrokerError> },
    Read(u64, Answer),
}

async fn guarded<T>(call: impl Future<Output = T>) -> Result<T, BrokerError> {
    AssertUnwindSafe(call).catch_unwind().await.map_err(|_| {
        tracing::error!("a call of the broker panicked; the node goes on");
        BrokerError::Away("an internal error".into())
    })
}

pub(super) fn publish(told: Vec<(Topic, Asker)>, call: impl Future<Output = Vec<Result<Published, BrokerError>>> + Send + 'static) -> Call {
    Box::pin(async move {
        let results = guarded(call).await.unwrap_or_else(|error| vec![Err(error); told.len()]);
        Done::Published(told.into_iter().zip(results).map(|((topic, asker), result)| (topic, asker, result)).collect())
    })
}

pub(super) fn attach(
    asked: Vec<(Topic, Option<usize>)>,
    call: impl Future<Output = Result<Vec<Position>, BrokerError>> + Send + 'static,
) -> Call {
    Box::pin(async move {
        let heads: Vec<_> = match guarded(call).await.flatten() {
            Ok(heads) => heads.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); asked.len()],
        };
        Done::Attached(asked.into_iter().zip(heads).map(|((topic, asker), head)| (topic, asker, head)).collect())
    })
}

pub(super) fn detach(call: impl Future<Output = ()> + Send + 'static) -> Call {
    Box::pin(async move {
        // Nobody waits for it; a panic is logged where it is caught.
        let _ = guarded(call).await;
        Done::Detached
    })
}

pub(super) fn presence_update(
    core: usize,
    request: RequestId,
    topic: Topic,
    call: impl Future<Output = Result<Option<Position>, BrokerError>> + Send + 'static,
) -> Call {
    Box::pin(async move { Done::PresenceUpdated { core, request, topic, result: guarded(call).await.flatten() } })
}

pub(super) fn history(number: u64, call: impl Future<Output = Result<HistoryPage, BrokerError>> + Send + 'static) -> Call {
    Box::pin(async move { Done::Read(number, Answer::History(guarded(call).await.flatten())) })
}

pub(super) fn members(number: u64, call: impl Future<Output = Result<PresenceMembers, BrokerError>> + Send + 'static) -> Call {
    Box::pin(async move { Done::Read(number, Answer::Members(guarded(call).await.flatten())) })
}
